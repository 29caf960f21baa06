"""Long texts in chunks that fit the model: how much fits, and where a text is best divided.

Texts are divided by LangChain's `RecursiveCharacterTextSplitter`, at the largest of these boundaries that will do:
empty lines, line ends (the turns of speakers), the ends of sentences, white space, the commas of scripts that write
none, the characters that a reader sees, and at last any code point.
"""

import asyncio
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import regex
from langchain_core.messages import HumanMessage
from langchain_text_splitters import RecursiveCharacterTextSplitter

from chains.errors import ContextExceeded, InvalidInput
from chains.task import Parts

__all__ = ["MOST_CHUNKS", "Chunk", "answer_tokens", "chunks_that_fit", "divide", "fits", "most_tokens", "tokens_of"]

MOST_CHUNKS = 256
"""The most chunks of one text: more of them would keep a model busy for hours."""

# None of them looks back or tries again: a text of nothing but full stops takes no longer than any other.
_MARKS = (
    r"[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0900-\u0903\u093a-\u094f\u0e31\u0e34-\u0e3a"
    r"\u0e47-\u0e4e]"
)
_JOINERS = r"\u200d(?s:.)|[\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]"
_BOUNDARIES = [
    r"\n\s*\n",
    r"\n",
    r"(?<![.!?…])[.!?…]++[\"'”’»)\]]*+\s+|[。！？．؟।]++[」』”）]*+\s*",
    r"\s+",
    r"[，、；：،]",
    rf"(?s:.)(?:{_MARKS}|{_JOINERS})*+",
    "",
]
# Chunks end at boundaries, so that there are more of them than their size alone would make.
_CHUNKS_WISHED = MOST_CHUNKS * 3 // 4
_SLAB = 1 << 18
_SPACE = regex.compile(r"\s+")
_SAMPLE_BYTES = 1 << 16
# Where nobody counts: English has 0.22 to 0.3 tokens a byte, Chinese 0.2 to 0.4.
_TOKENS_PER_BYTE = 0.45
_MARGIN = 0.95
_MESSAGE_TOKENS = 16
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
    whole text also where nobody knows the model's context. A text of which `share` would make more than MOST_CHUNKS
    gets larger ones, as far as they fit.

    Raises ContextExceeded where the prompt leaves no room at all, InvalidInput where there were more than MOST_CHUNKS,
    BackendError where the tokens can't be counted.
    """
    whole = [Chunk(0, len(text), text)]
    if await _certainly_fits(parts, inputs, text, key):
        return whole
    room = await _room(parts, inputs, key)
    density = await _tokens_per_byte(parts, text)
    if room is None or await _fits(parts, text, room, density):
        return whole
    size = len(text.encode())
    largest = max(1, int(room * _MARGIN / density))
    if size / largest > _CHUNKS_WISHED:
        raise _too_long(math.ceil(size / largest))
    most = min(largest, max(1, int(largest * share), math.ceil(size / _CHUNKS_WISHED)))
    chunks = []
    for chunk in await asyncio.to_thread(divide, text, most, overlap):
        chunks += await _divided_until_it_fits(parts, chunk, room, most, overlap)
    if len(chunks) > MOST_CHUNKS:
        raise _too_long(len(chunks))
    return chunks


async def fits(parts: Parts, inputs: Mapping[str, Any], text: str, *, key: str = "text") -> bool:
    """Whether the prompt with this text as its input `key` fits the model's context, as far as anybody knows it.

    Raises what `chunks_that_fit` raises.
    """
    if await _certainly_fits(parts, inputs, text, key):
        return True
    room = await _room(parts, inputs, key)
    return room is None or await _fits(parts, text, room, await _tokens_per_byte(parts, text))


class _Splitter(RecursiveCharacterTextSplitter):
    """The library's, which puts small pieces together again in time that grows with the square of their number."""

    def _merge_splits(self, splits: Iterable[str], separator: str) -> list[str]:
        chunks: list[str] = []
        held: list[str] = []
        total = 0
        for piece in splits:
            size = self._length_function(piece)
            if held and total + size >= self._chunk_size:
                chunks.append(separator.join(held))
                held, total = [], 0
            held.append(piece)
            total += size
        return [*chunks, separator.join(held)] if held else chunks


def divide(text: str, most_bytes: int, overlap: int = 0) -> list[Chunk]:
    """The text in chunks of some `most_bytes` bytes of UTF-8 or less, about equally long, and each with up to
    `overlap` code points of the one before it; these come on top."""
    size = len(text.encode())
    even = math.ceil(size / math.ceil(size / most_bytes) * 1.1) if size else most_bytes
    splitter = _Splitter(
        separators=_BOUNDARIES,
        is_separator_regex=True,
        keep_separator="end",
        strip_whitespace=False,
        chunk_size=min(most_bytes, even) + 1,  # the library takes this for too large already
        chunk_overlap=0,
        length_function=lambda part: len(part.encode()),
    )
    chunks, start = [], 0
    for part in (part for slab in _slabs(text) for part in splitter.split_text(slab)):
        end = start + len(part)
        first = _overlapping(text, start, overlap)
        chunks.append(Chunk(first, end, text[first:end]))
        start = end
    assert start == len(text), "the splitter leaves nothing out"
    return chunks


def _slabs(text: str) -> Iterator[str]:
    """The text in stretches that one call of a regular expression goes through in a moment, since no other thread runs
    during it; at line ends or white space, where there is some."""
    start = 0
    while len(text) - start > _SLAB:
        least, most = start + _SLAB // 2, start + _SLAB
        at = next((found + 1 for mark in "\n " if (found := text.rfind(mark, least, most)) >= 0), most)
        yield text[start:at]
        start = at
    yield text[start:]


def _overlapping(text: str, start: int, overlap: int) -> int:
    """Where a chunk begins that repeats up to `overlap` code points before `start`, behind white space if possible."""
    if not overlap or not start:
        return start
    space = _SPACE.search(text, max(0, start - overlap), start)
    return space.end() if space else max(0, start - overlap)


async def _certainly_fits(parts: Parts, inputs: Mapping[str, Any], text: str, key: str) -> bool:
    """Told without counting, which a server takes a call for."""
    context = await _context(parts)
    if context is None or len(text) >= context:
        return context is None
    messages = (await parts.prompt.ainvoke({**inputs, key: text})).to_messages()
    return sum(most_tokens(str(message.text)) for message in messages) + answer_tokens(parts) <= context


def most_tokens(text: str) -> int:
    """Of a message: no tokenizer makes more tokens of a text than it has bytes."""
    return len(text.encode()) + _MESSAGE_TOKENS


async def _context(parts: Parts) -> int | None:
    asked = parts.capabilities.context_tokens
    return await asked() if asked else None


def answer_tokens(parts: Parts) -> int:
    """The tokens that are kept for the answer."""
    return parts.parameters.get("max_tokens") or _DEFAULT_ANSWER_TOKENS


async def _room(parts: Parts, inputs: Mapping[str, Any], key: str) -> int | None:
    """The tokens that the prompt and the room for the answer leave; None where nobody knows the context."""
    context = await _context(parts)
    if context is None:
        return None
    messages = (await parts.prompt.ainvoke({**inputs, key: ""})).to_messages()
    counted = await parts.capabilities.count_tokens(messages) if parts.capabilities.count_tokens else None
    if counted is None:
        sizes = (len(str(message.text).encode()) for message in messages)
        counted = math.ceil(sum(size * _TOKENS_PER_BYTE + _MESSAGE_TOKENS for size in sizes))
    reserved = answer_tokens(parts)
    if counted + reserved >= context:
        raise ContextExceeded(needed=counted + reserved, limit=context, reserved=reserved)
    return context - counted - reserved


async def _tokens_per_byte(parts: Parts, text: str) -> float:
    """Of up to 64 KB of the text, taken from all of it."""
    step = max(1, len(text) // 16)
    sample = text if len(text) <= _SAMPLE_BYTES else "".join(text[at : at + 4096] for at in range(0, len(text), step))
    counted = await _tokens(parts, sample)
    return _TOKENS_PER_BYTE if counted is None else max(counted / max(1, len(sample.encode())), 0.01)


async def tokens_of(parts: Parts, text: str) -> float:
    """The tokens of a text, in a message of its own; a guess by its bytes where nobody counts. Raises BackendError."""
    counted = await _tokens(parts, text)
    return len(text.encode()) * _TOKENS_PER_BYTE if counted is None else counted


async def _tokens(parts: Parts, text: str) -> int | None:
    count = parts.capabilities.count_tokens
    return await count([HumanMessage(text)]) if count else None


async def _fits(parts: Parts, text: str, room: int, density: float = 0) -> bool:
    """`density` is that of tokens to a byte; what it finds much too long is not counted."""
    if len(text.encode()) * density > 2 * room:
        return False
    counted = await _tokens(parts, text)
    return len(text.encode()) * density <= room if counted is None else counted <= room


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
