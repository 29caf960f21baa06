"""The steps that every chain is made of: ask the model for a text, or for an object under a schema.

Both are LangChain Runnables, which draw, compose and inspect like any `prompt | model | parser`.
"""

import json
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any, Never, cast

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig

from chains.direct import Sequence
from chains.errors import ContextExceeded, OutputInvalid, OutputTruncated
from chains.schema_gate import AnswerCheck
from chains.task import Parts
from chains.text import LiveText

__all__ = [
    "Answer",
    "Ask",
    "SaidObject",
    "TextStream",
    "ask_for_object",
    "ask_for_said_object",
    "ask_for_text",
    "live",
    "response_format",
    "stream_text",
]


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's text. `finished` is false where it ran into the cap on output tokens."""

    text: str
    finished: bool


@dataclass(frozen=True, slots=True)
class Ask:
    """What an object is asked for with: the prompt's inputs, the JSON Schema that the answer must obey, and call
    keywords beside the prompt's own (`logprobs`)."""

    inputs: Mapping[str, Any]
    schema: Mapping[str, Any]
    keywords: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SaidObject:
    """An object that obeys its schema, and the message that holds it."""

    value: dict[str, Any]
    message: AIMessage


def ask_for_text(parts: Parts) -> Runnable[dict[str, Any], Answer]:
    """`prompt | model`: the prompt's inputs in, the model's text out. Raises OutputInvalid where it is empty."""
    return Sequence(first=parts.prompt, last=_Model(parts))


TextStream = Callable[[Mapping[str, Any]], AsyncGenerator[str | Answer, None]]
"""The prompt's inputs in, the pieces of the model's text out, and the whole at the end as an Answer."""


def stream_text(parts: Parts) -> TextStream:
    """`prompt | model`, while the model writes. Left early, the generation stops."""

    async def stream(inputs: Mapping[str, Any]) -> AsyncGenerator[str | Answer, None]:
        prompt = await parts.prompt.ainvoke(dict(inputs))
        chunks = cast(AsyncGenerator[AIMessageChunk, None], parts.model.astream(prompt, None, **parts.parameters))
        pieces: list[str] = []
        finished = True
        async with aclosing(chunks):
            async for chunk in chunks:
                finished = finished and _is_finished(chunk)
                if piece := str(chunk.text):
                    pieces.append(piece)
                    yield piece
        yield Answer("".join(pieces).strip(), finished)

    return stream


async def live(
    pieces: AsyncGenerator[str | Answer, None], limit: int | None = None, *, mark: bool = True
) -> AsyncGenerator[str | Answer, None]:
    """What may be given out of a text while it is written, at most `limit` words, and at last all of it together.

    At the limit the model is stopped, and the Answer isn't `finished`. `mark` puts an ellipsis where the model's own
    cap ended the text. Raises OutputInvalid where the text is empty.
    """
    text, finished = LiveText(limit), False
    async with aclosing(pieces):
        async for piece in pieces:
            if isinstance(piece, Answer):
                finished = piece.finished
            elif out := text.feed(piece):
                yield out
            if text.is_full:
                break
    if not text.text:
        raise _nothing_said()
    if not finished and not text.is_full and mark:
        yield text.cut()
    yield Answer(text.text, finished)


def ask_for_object(parts: Parts) -> Runnable[Ask, dict[str, Any]]:
    """The prompt's inputs and a schema in, an object that obeys the schema out.

    The backend constrains decoding to the schema where it can; the answer is validated always. An answer that
    breaks the schema is sent back once with the validator's words.

    Raises OutputTruncated where the answer hit the cap on output tokens, OutputInvalid where the second
    answer breaks the schema too.
    """
    return _ObjectModel(parts)


def ask_for_said_object(parts: Parts) -> Callable[[Ask], Awaitable[SaidObject]]:
    """The same, with the model's message."""
    return _ObjectModel(parts).said


class _Model(Runnable[Any, Answer]):
    """Messages in, text out."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Answer:
        raise NotImplementedError("Chains are asynchronous: use ainvoke")

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Answer:
        message = await _call(self._parts, input, config, kwargs)
        text = str(message.text).strip()
        if not text:
            raise _nothing_said()
        return Answer(text=text, finished=_is_finished(message))


class _ObjectModel(Runnable[Ask, dict[str, Any]]):
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def invoke(self, input: Ask, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        raise NotImplementedError("Chains are asynchronous: use ainvoke")

    async def ainvoke(self, input: Ask, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        return (await self.said(input, config)).value

    async def said(self, input: Ask, config: RunnableConfig | None = None) -> SaidObject:
        prompt = await self._parts.prompt.ainvoke(dict(input.inputs), config)
        keywords = {**input.keywords, "response_format": response_format(input.schema)}
        check = AnswerCheck(input.schema)

        message = await _call(self._parts, prompt, config, keywords)
        try:
            return SaidObject(await _read_object(message, check), message)
        except _SchemaBroken as broken:
            again = [*prompt.to_messages(), message, _second_request(broken)]
            too_long = _unusable(f"broke the schema at {broken.place}, and is too long to be sent back", message)
        try:
            message = await _call(self._parts, again, config, keywords)
        except ContextExceeded:  # the caller's text did fit: it is the model's own answer that doesn't
            raise too_long from None
        try:
            return SaidObject(await _read_object(message, check), message)
        except _SchemaBroken as broken:
            raise _unusable(f"broke the schema twice, last at {broken.place}", message) from None


class _SchemaBroken(Exception):
    """`place` is safe to show and to log; `detail` quotes the answer, so only the model sees it."""

    def __init__(self, place: str, detail: str) -> None:
        super().__init__(place)
        self.place = place
        self.detail = detail


async def _call(parts: Parts, prompt: Any, config: RunnableConfig | None, extra: Mapping[str, Any]) -> AIMessage:
    return await parts.model.ainvoke(prompt, config, **{**parts.parameters, **extra})


def _nothing_said() -> OutputInvalid:
    return OutputInvalid("The model answered with no text at all. Send the request again.", raw="")


def _unusable(how: str, message: AIMessage) -> OutputInvalid:
    return OutputInvalid(
        f"The model's answer {how}. Send the request again; if that doesn't help, use a larger model.",
        raw=str(message.text),
    )


def _is_finished(message: BaseMessage) -> bool:
    return message.response_metadata.get("finish_reason") != "length"


def response_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """OpenAI's form, which most servers understand; each backend translates it where its own differs."""
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": dict(schema), "strict": True}}


async def _read_object(message: AIMessage, check: AnswerCheck) -> dict[str, Any]:
    raw = str(message.text)
    if not _is_finished(message):
        raise OutputTruncated(
            "The model's answer was longer than its cap on output tokens, so it is incomplete. Send a shorter text.",
            raw=raw,
        )
    value: dict[str, Any] = _parsed(raw)
    wrong = await check.first_wrong(value, len(raw))
    if wrong is not None:
        raise _SchemaBroken(*wrong)
    return value


def _parsed(text: str) -> Any:
    """The JSON value that the text is, or the object that stands in it: models without constraint put it into a code
    fence or between sentences. Nothing is completed or guessed; whole numbers are exact. Raises _SchemaBroken."""
    try:
        value = _JSON.decode(text)
    except json.JSONDecodeError as error:
        value = _object_within(text, error)
    except (ValueError, RecursionError):  # a number of too many digits or beyond all numbers, or too deep a nesting
        raise _SchemaBroken(
            "the whole", "no number may have hundreds of digits, and no value thousands of levels"
        ) from None
    if "\\u" in text:
        _check_characters(value)
    return value


def _object_within(text: str, error: json.JSONDecodeError) -> Any:
    start = text.find("{")
    if start >= 0:
        with suppress(ValueError, RecursionError):
            return _JSON.raw_decode(text, start)[0]
    raise _SchemaBroken(f"character {error.pos} ({error.msg})", str(error)) from None


def _check_characters(value: Any) -> None:
    """JSON can escape half of a surrogate pair, which no response could hold."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise _SchemaBroken("a text (half a character)", "a text holds one half of a surrogate pair") from None


def _number(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("beyond all numbers")
    return value


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is no JSON value")


_JSON = json.JSONDecoder(parse_float=_number, parse_constant=_no_constant)


def _second_request(broken: _SchemaBroken) -> HumanMessage:
    return HumanMessage(
        f"This answer cannot be used: {broken.detail}. Answer again with only the corrected JSON object."
    )
