"""Reading a source: whole where it fits the model, else chunk by chunk, until what was noted of them fits."""

from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from typing import Any

from chains.answers import Answer, ask_for_text, stream_text
from chains.chunking import Chunk, chunks_that_fit, fits
from chains.errors import OutputInvalid
from chains.parallel import in_parallel
from chains.task import Parts
from chains.tasks.summarize.contract import SummarizeRequest, SummaryStyle
from chains.tasks.summarize.wishes import inputs
from chains.text import fit_words, sentence_ends

__all__ = ["Reader", "Reading"]

_MAP_SHARE = 0.15
"""How much of the free room a chunk takes. A small model says more of a short text; the share itself is an assumption,
which no sweep has tested yet (docs/adr/0015-summarize.md)."""

_REDUCE_SHARE = 0.4
_LEAST_WORDS, _MOST_WORDS = 40, 300
_SHRINKS_TO = 0.9
"""Each round of reduction has to make the notes at least this much shorter, or it would go on for ever."""


class _Prompt:
    """A prompt version on its backend, composed once."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.ask = ask_for_text(parts)
        self.write = stream_text(parts)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the summary is asked with, by which prompt, and the chunks in which the source was read."""

    prompt: _Prompt
    inputs: dict[str, Any]
    chunks: list[Chunk]

    async def answer(self) -> Answer:
        return await self.prompt.ask.ainvoke(self.inputs)

    def stream(self) -> AsyncGenerator[str | Answer, None]:
        return self.prompt.write(self.inputs)


class Reader:
    """Reads sources for one prompt version on one backend.

    A version that pins the helper `map` has long sources read in chunks, in parallel as far as the backend has slots.
    Their notes are joined, reduced in groups by the helper `reduce` (else by the version itself) while they don't fit,
    and the same prompt then writes the summary of them.
    """

    def __init__(self, parts: Parts) -> None:
        self._whole = _Prompt(parts)
        self._map = _Prompt(parts.helpers["map"]) if "map" in parts.helpers else None
        self._last = _Prompt(parts.helpers["reduce"]) if "reduce" in parts.helpers else self._whole

    async def read(self, request: SummarizeRequest) -> Reading:
        """Everything up to the last call.

        Raises what `chunks_that_fit` raises; OutputInvalid where the model has nothing to say of any chunk, or where
        its notes don't become shorter.
        """
        source = request.source
        if self._map is None or await fits(self._whole.parts, inputs(request, ""), source):
            return Reading(self._whole, inputs(request, source), [Chunk(0, len(source), source)])
        chunks = await chunks_that_fit(self._map.parts, inputs(request, ""), source, share=_MAP_SHARE)
        words = min(_MOST_WORDS, max(_LEAST_WORDS, 2 * request.max_words // len(chunks)))
        notes = await self._noted(self._map, request, [chunk.text for chunk in chunks], words)
        while not await fits(self._last.parts, inputs(request, ""), notes):
            notes = await self._reduced(request, notes, words)
        return Reading(self._last, inputs(request, notes), chunks)

    async def _reduced(self, request: SummarizeRequest, notes: str, words: int) -> str:
        groups = await chunks_that_fit(self._last.parts, inputs(request, ""), notes, share=_REDUCE_SHARE)
        shorter = await self._noted(self._last, request, [group.text.strip() for group in groups], words)
        if len(shorter) > _SHRINKS_TO * len(notes):
            raise OutputInvalid(
                f"The text was read in parts, but the model's notes on them don't become shorter when it summarizes "
                f"them ({len(notes)} characters, then {len(shorter)}), so that they never fit its context. "
                "Send a shorter text or a smaller max_words, or use a larger model.",
                raw=shorter,
            )
        return shorter

    async def _noted(self, prompt: _Prompt, request: SummarizeRequest, texts: list[str], words: int) -> str:
        """What the prompt says of each text, in their order, with an empty line between two."""

        async def noted(text: str) -> str:
            try:
                answer = await prompt.ask.ainvoke(inputs(request, text, max_words=words, style=SummaryStyle.PROSE))
            except OutputInvalid:  # nothing to note
                return ""
            return fit_words(answer.text, None, complete=answer.finished)[0]

        notes = await in_parallel(noted, texts, prompt.parts.capabilities.slots())
        if not any(notes):
            raise OutputInvalid("The model had nothing to say of any part of the text. Send it again.", raw="")
        return "\n\n".join(_each_once(notes))


def _each_once(notes: list[str]) -> Iterator[str]:
    """The notes without sentences that stand in them already: small models write the same of several parts."""
    told: set[str] = set()
    for note in notes:
        kept, start = [], 0
        for end in [*sentence_ends(note), len(note)]:
            sentence, start = note[start:end], end
            key = sentence.strip().casefold()
            if not key or key not in told:
                kept.append(sentence)
                told.add(key)
        if text := "".join(kept).strip():
            yield text
