"""Texts that are longer than the model's context, read piece by piece."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from chains.chunking import Chunk, chunks_that_fit
from chains.errors import ContextExceeded, FieldError, InvalidInput
from chains.parallel import in_parallel
from chains.task import Parts

__all__ = ["MOST_CHUNKS", "in_chunks"]

T = TypeVar("T")

MOST_CHUNKS = 16
"""Of one text: the model reads each of them whole, to say one word."""


async def in_chunks(
    parts: Parts, inputs: Mapping[str, Any], text: str, read: Callable[[str], Awaitable[T]]
) -> tuple[list[T], list[int]]:
    """What `read` gives for the text, or for each of the chunks that fit beside `inputs`, with the chunks' lengths in
    code points. At once within the backend's slots.

    Raises ContextExceeded where even a short text wouldn't fit, InvalidInput where there were too many chunks.
    """
    if not await _is_hopeless(parts, text):
        try:
            return [await read(text)], [len(text)]
        except ContextExceeded as error:
            too_long = error
    else:
        too_long = None
    chunks = await _chunks(parts, inputs, text)
    if len(chunks) == 1 and too_long is not None:
        raise too_long
    found = await in_parallel(lambda chunk: read(chunk.text), chunks, parts.capabilities.slots())
    return found, [len(chunk.text) for chunk in chunks]


async def _is_hopeless(parts: Parts, text: str) -> bool:
    """Whether the text certainly doesn't fit, so that it needn't be tried: no tokenizer takes 32 bytes for a token."""
    asked = parts.capabilities.context_tokens
    context = await asked() if asked else None
    return context is not None and len(text.encode()) > 32 * context


async def _chunks(parts: Parts, inputs: Mapping[str, Any], text: str) -> list[Chunk]:
    try:
        chunks = await chunks_that_fit(parts, inputs, text)
    except ContextExceeded as error:
        remedy = "Send fewer labels, or shorter descriptions and examples: they leave no room for the text."
        raise ContextExceeded(needed=error.needed, limit=error.limit, reserved=error.reserved, remedy=remedy) from error
    if len(chunks) > MOST_CHUNKS:
        message = (
            f"The text is too long: the model would have to read it in {len(chunks)} chunks, and {MOST_CHUNKS} is the "
            "most. Send the part that tells what it is about, or its summary."
        )
        raise InvalidInput(message, [FieldError("/text", "text_too_long", message)])
    return chunks
