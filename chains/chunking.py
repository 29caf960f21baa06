"""Long texts in chunks that fit the model: how much fits, and where a text is best divided.

Texts are divided by LangChain's `RecursiveCharacterTextSplitter`, at the largest of these boundaries that will do:
empty lines, line ends (the turns of speakers), the ends of sentences, white space, and at last any character.
"""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import regex
from langchain_core.messages import HumanMessage
from langchain_text_splitters import RecursiveCharacterTextSplitter

from chains.errors import ContextExceeded, InvalidInput
from chains.task import Parts

__all__ = ["MOST_CHUNKS", "Chunk", "chunks_that_fit", "divide"]

MOST_CHUNKS = 256
"""The most chunks of one text: more of them would keep a model busy for hours."""

_BOUNDARIES = [r"\n\s*\n", r"\n", r"[.!?…]+[\"'”’»)\]]*\s+|[。！？．]+[」』”）]*", r"\s+", ""]
_SPACE = regex.compile(r"\s+")
_SAMPLE_BYTES = 1 << 16
# Where nobody counts: English has 0.22 to 0.3 tokens a byte, Chinese 0.2 to 0.4.
_TOKENS_PER_BYTE = 0.45
_MARGIN = 0.95
_DEFAULT_ANSWER_TOKENS = 512


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of a text: code points `start` (included) to `end` (excluded), and what stands there."""

    start: int
    end: int
    text: str


async def chunks_that_fit(
    parts: Parts, inputs: Mapping[str, Any], text: str, *, key: str = "text", share: float = 1.0, overlap: int = 0
) -> list[Chunk]:
    """The text in as few chunks as fit, each, the prompt and the model's context, in the order of the text.

    `inputs` are the prompt's others; the chunk is to be its input `key`. `share` is how much of the free room a chunk
    may take, 0 to 1; a text that fits the whole room is not divided. `overlap` is how many code points of the chunk
    before it a chunk repeats, at most; without any, the chunks joined are the text. The only chunk of a text is the
    whole text also where nobody knows the model's context.

    Raises ContextExceeded where the prompt leaves no room at all, InvalidInput where there were more than MOST_CHUNKS,
    BackendError where the tokens can't be counted.
    """
    whole = [Chunk(0, len(text), text)]
    room = await _room(parts, {**inputs, key: ""})
    if room is None:
        return whole
    density = await _tokens_per_byte(parts, text)
    size = len(text.encode())
    if size * density <= room and await _fits(parts, text, room):
        return whole
    most = max(1, int(room * share * _MARGIN / density))
    if size / most > MOST_CHUNKS:
        raise _too_long(math.ceil(size / most))
    chunks = []
    for chunk in await asyncio.to_thread(divide, text, most, overlap):
        chunks += await _divided_until_it_fits(parts, chunk, room, most, overlap)
    if len(chunks) > MOST_CHUNKS:
        raise _too_long(len(chunks))
    return chunks


def divide(text: str, most_bytes: int, overlap: int = 0) -> list[Chunk]:
    """The text in chunks of some `most_bytes` bytes of UTF-8 or less, about equally long, and each with up to
    `overlap` code points of the one before it; these come on top."""
    size = len(text.encode())
    even = math.ceil(size / math.ceil(size / most_bytes) * 1.1) if size else most_bytes
    splitter = RecursiveCharacterTextSplitter(
        separators=_BOUNDARIES,
        is_separator_regex=True,
        keep_separator="end",
        strip_whitespace=False,
        chunk_size=min(most_bytes, even),
        chunk_overlap=0,
        length_function=lambda part: len(part.encode()),
    )
    chunks, start = [], 0
    for part in splitter.split_text(text):
        end = start + len(part)
        first = _overlapping(text, start, overlap)
        chunks.append(Chunk(first, end, text[first:end]))
        start = end
    assert start == len(text), "the splitter leaves nothing out"
    return chunks


def _overlapping(text: str, start: int, overlap: int) -> int:
    """Where a chunk begins that repeats up to `overlap` code points before `start`, behind white space if possible."""
    if not overlap or not start:
        return start
    space = _SPACE.search(text, max(0, start - overlap), start)
    return space.end() if space else max(0, start - overlap)


async def _room(parts: Parts, inputs: Mapping[str, Any]) -> int | None:
    """The tokens that the prompt and the room for the answer leave; None where nobody knows the context."""
    asked = parts.capabilities.context_tokens
    context = await asked() if asked else None
    if context is None:
        return None
    messages = (await parts.prompt.ainvoke(dict(inputs))).to_messages()
    counted = await parts.capabilities.count_tokens(messages) if parts.capabilities.count_tokens else None
    if counted is None:
        counted = math.ceil(sum(len(str(message.text).encode()) * _TOKENS_PER_BYTE + 16 for message in messages))
    reserved = parts.parameters.get("max_tokens") or _DEFAULT_ANSWER_TOKENS
    if counted + reserved >= context:
        raise ContextExceeded(needed=counted + reserved, limit=context, reserved=reserved)
    return context - counted - reserved


async def _tokens_per_byte(parts: Parts, text: str) -> float:
    """Of up to 64 KB of the text, taken from all of it."""
    step = max(1, len(text) // 16)
    sample = text if len(text) <= _SAMPLE_BYTES else "".join(text[at : at + 4096] for at in range(0, len(text), step))
    counted = await _tokens(parts, sample)
    return _TOKENS_PER_BYTE if counted is None else max(counted / max(1, len(sample.encode())), 0.01)


async def _tokens(parts: Parts, text: str) -> int | None:
    count = parts.capabilities.count_tokens
    return await count([HumanMessage(text)]) if count else None


async def _fits(parts: Parts, text: str, room: int) -> bool:
    counted = await _tokens(parts, text)
    return counted is None or counted <= room


async def _divided_until_it_fits(parts: Parts, chunk: Chunk, room: int, most: int, overlap: int) -> list[Chunk]:
    """The chunk, or what it has to be divided into because its script takes more tokens than the text does."""
    if len(chunk.text) <= 1 or await _fits(parts, chunk.text, room):
        return [chunk]
    if most == 1:
        return [chunk]
    found = []
    for part in await asyncio.to_thread(divide, chunk.text, most // 2, overlap):
        moved = Chunk(chunk.start + part.start, chunk.start + part.end, part.text)
        found += await _divided_until_it_fits(parts, moved, room, most // 2, overlap)
    return found


def _too_long(chunks: int) -> InvalidInput:
    return InvalidInput(
        f"The text is too long: the model would have to read it in {chunks} chunks, and {MOST_CHUNKS} is the most. "
        "Send it in several requests."
    )
