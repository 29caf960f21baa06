"""The chain: each portion of the text is rewritten, checked against its source, and asked for again where facts got
lost; the better of both answers is kept."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any

from langchain_core.runnables import Runnable

from chains.answers import Answer, ask_for_text, live, stream_text
from chains.direct import Lambda
from chains.errors import OutputError, OutputInvalid, OutputTruncated
from chains.parallel import aside, in_parallel
from chains.task import STRING, Parts, Task
from chains.tasks.rewrite.answer import around, bare, has_words
from chains.tasks.rewrite.contract import RewriteOutput, RewriteRequest, RewriteStyle
from chains.tasks.rewrite.faithful import Rewriting, better, judged, lost_facts, wanting
from chains.tasks.rewrite.portions import halves, portions, with_room_for
from chains.tasks.rewrite.transcript import kept_to_the_words

_REPAIR = "repair"
_DEEPEST = 3
_SUPPLIES: Mapping[str, Mapping[str, Any]] = {
    "text": STRING,
    "style": {"enum": ["", *(style.value for style in RewriteStyle)]},
    "instruction": STRING,
    "audience": STRING,
}


def compose(parts: Parts) -> Runnable[RewriteRequest, RewriteOutput]:
    async def rewrite(request: RewriteRequest) -> RewriteOutput:
        text = await _Writer(parts, request).whole()
        return await _output(request, text)

    return Lambda(rewrite)


def stream(parts: Parts) -> Callable[[RewriteRequest], AsyncGenerator[str | RewriteOutput, None]]:
    async def rewrite(request: RewriteRequest) -> AsyncGenerator[str | RewriteOutput, None]:
        given: list[str] = []
        async with aclosing(_Writer(parts, request).streamed()) as pieces:
            async for piece in pieces:
                given.append(piece)
                yield piece
        yield await _output(request, "".join(given))

    return rewrite


async def _output(request: RewriteRequest, text: str) -> RewriteOutput:
    """Raises OutputInvalid where the text is in another language than its source, and nobody asked for that."""
    done = await aside([request.source, text], judged, text, request.source, request)
    if done.foreign:
        raise OutputInvalid(
            "The model answered in another language than the text's. Use a larger model for this language, or ask "
            "for the other one by an instruction.",
            raw=text,
        )
    return RewriteOutput(text=text, lost=lost_facts(done))


class _Writer:
    """Rewrites the text of one request."""

    def __init__(self, parts: Parts, request: RewriteRequest) -> None:
        style = request.style.value if request.style else ""
        self._parts = parts.helpers.get(style, parts)
        self._repair = parts.helpers.get(_REPAIR)
        self._request = request
        self._inputs = {
            "style": style,
            "instruction": request.instruction or "",
            "audience": request.audience or "",
        }

    async def whole(self) -> str:
        """Raises OutputTruncated where the answer to even a small portion hits the cap on output tokens."""
        found = await portions(self._parts, self._inputs, self._request.source)
        written = await in_parallel(
            lambda chunk: self._within_white_space(chunk.text), found, self._parts.capabilities.slots()
        )
        return "".join(written).strip()

    async def streamed(self) -> AsyncGenerator[str, None]:
        """The portions one after the other, as they are written. Nothing is asked for again."""
        found = await portions(self._parts, self._inputs, self._request.source)
        held = ""
        for number, chunk in enumerate(found):
            before, source, after = around(chunk.text)
            held += before
            if source:
                if number:
                    yield held
                async with aclosing(self._live(chunk.text)) as pieces:
                    async for piece in pieces:
                        yield piece
                held = after

    async def _live(self, source: str) -> AsyncGenerator[str, None]:
        if not self._needs_a_model(source):
            yield source.strip()
            return
        write = stream_text(self._roomy(self._parts, source))
        async with aclosing(live(write({**self._inputs, "text": source}), mark=False)) as pieces:
            async for piece in pieces:
                if isinstance(piece, str):
                    yield piece
                elif not piece.finished:
                    raise _cut(piece)

    async def _within_white_space(self, text: str, depth: int = 0) -> str:
        """The text rewritten, between the same white space."""
        before, source, after = around(text)
        if not source or not self._needs_a_model(source):
            return text
        return before + await self._rewritten(text, depth) + after

    async def _rewritten(self, source: str, depth: int) -> str:
        answer = await self._ask(self._parts, source)
        text = bare(answer.text, source)
        if self._is_transcript:
            text = await aside([source, text], kept_to_the_words, text, source)
        if not answer.finished and text == bare(answer.text, source):
            smaller = halves(source) if depth < _DEEPEST else []
            if not smaller:
                raise _cut(answer)
            return "".join([await self._within_white_space(chunk.text, depth + 1) for chunk in smaller])
        first = await aside([source, text], judged, text, source, self._request)
        return (await self._repaired(first, source)).text

    async def _repaired(self, first: Rewriting, source: str) -> Rewriting:
        """The better one of the rewriting and of what the model makes of it when it is told what got lost."""
        wanted = await aside([source, first.text], wanting, first, self._request)
        if self._repair is None or not (wanted or first.foreign):
            return first
        try:
            answer = await self._ask(self._repair, source, draft=first.text, missing=wanted)
        except OutputError:
            return first
        if not answer.finished:
            return first
        text = bare(answer.text, source)
        second = await aside([source, text], judged, text, source, self._request)
        return better(first, second, source, self._request.insisted)

    async def _ask(self, parts: Parts, source: str, **more: Any) -> Answer:
        answer: Answer = await ask_for_text(self._roomy(parts, source)).ainvoke(
            {**self._inputs, "text": source, **more}
        )
        return answer

    @property
    def _is_transcript(self) -> bool:
        return self._request.style is RewriteStyle.CLEAN_TRANSCRIPT and not self._request.instruction

    def _needs_a_model(self, source: str) -> bool:
        """Emoji and single letters are the same in every style; what an instruction makes of them, a model knows."""
        return bool(self._request.instruction) or has_words(source)

    def _roomy(self, parts: Parts, source: str) -> Parts:
        """An instruction may ask for any length."""
        return parts if self._request.instruction else with_room_for(parts, source)


def _cut(answer: Answer) -> OutputTruncated:
    return OutputTruncated(
        "The rewritten text is longer than the cap on output tokens, so its end is missing. "
        "Send the text in smaller parts.",
        raw=answer.text,
    )


_REPAIR_SUPPLIES: Mapping[str, Mapping[str, Any]] = {
    **_SUPPLIES,
    "draft": STRING,
    "missing": {"type": "array", "items": STRING},
}

task = Task(
    name="rewrite",
    summary="Rewrite a text in another style or by an instruction",
    promise="Send a `style`, an `instruction` or both. Numbers, dates, names, addresses and code of the source that "
    "the rewritten text lacks are asked for once more, and listed in `lost` where they are still missing.",
    input=RewriteRequest,
    output=RewriteOutput,
    supplies=_SUPPLIES,
    compose=compose,
    stream=stream,
    helpers={_REPAIR: _REPAIR_SUPPLIES, **{style.value: _SUPPLIES for style in RewriteStyle}},
    example={"text": "So, um, let's, you know, move the meeting to Thursday.", "style": "clean_transcript"},
)
