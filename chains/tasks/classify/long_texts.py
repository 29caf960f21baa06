"""Texts that are longer than the model's context, read piece by piece."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from chains.chunking import Chunk, chunks_that_fit
from chains.errors import ContextExceeded, FieldError, InvalidInput
from chains.parallel import in_parallel
from chains.task import Parts

__all__ = ["MOST_CHUNKS", "in_chunks", "no_room"]

T = TypeVar("T")

MOST_CHUNKS = 64
"""Of one text: the model reads each of them whole, to say one word."""

_SHARE = 0.25
"""Of the context that a chunk takes: what reading costs grows faster than the text, and each chunk has its own time."""


_MOST_BYTES_PER_TOKEN = 8
"""Of a long text, on average: English has 4.5."""


async def in_chunks(
    parts: Parts, inputs: Mapping[str, Any], text: str, read: Callable[[str], Awaitable[T]]
) -> tuple[list[T], list[int]]:
    """What `read` gives for the text, or for each of the chunks that fit beside `inputs`, with the chunks' lengths in
    code points. At once within the backend's slots.

    Raises ContextExceeded where even a short text wouldn't fit, InvalidInput where there were too many chunks.
    """
    await _refuse_hopeless(parts, text)
    try:
        return [await read(text)], [len(text)]
    except ContextExceeded as error:
        too_long = error
    chunks = await _chunks(parts, inputs, text)
    if len(chunks) == 1:
        raise too_long
    found = await in_parallel(lambda chunk: read(chunk.text), chunks, parts.capabilities.slots())
    return found, [len(chunk.text) for chunk in chunks]


def no_room(error: ContextExceeded) -> ContextExceeded:
    """The error where the labels alone take the context."""
    remedy = "Send fewer labels, or shorter descriptions and examples: they leave no room for the text."
    return ContextExceeded(needed=error.needed, limit=error.limit, reserved=error.reserved, remedy=remedy)


async def _refuse_hopeless(parts: Parts, text: str) -> None:
    """Refuse what would be far too many chunks before the whole of it is divided, which takes seconds."""
    asked = parts.capabilities.context_tokens
    context = await asked() if asked else None
    if context is None:
        return
    chunks = len(text.encode()) / (_MOST_BYTES_PER_TOKEN * context * _SHARE)
    if chunks > MOST_CHUNKS:
        raise _too_long(f"more than {int(chunks)}")


async def _chunks(parts: Parts, inputs: Mapping[str, Any], text: str) -> list[Chunk]:
    try:
        chunks = await chunks_that_fit(parts, inputs, text, share=_SHARE)
    except ContextExceeded as error:
        raise no_room(error) from error
    if len(chunks) > MOST_CHUNKS:
        raise _too_long(str(len(chunks)))
    return chunks


def _too_long(chunks: str) -> InvalidInput:
    message = (
        f"The text is too long: the model would have to read it in {chunks} chunks, and {MOST_CHUNKS} is the most. "
        "Send the part that tells what it is about, or a summary."
    )
    return InvalidInput(message, [FieldError("/text", "text_too_long", message)])
