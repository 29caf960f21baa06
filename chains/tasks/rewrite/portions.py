"""A long text in portions that a model can read, and write again, each in one answer."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chains.chunking import MOST_CHUNKS, Chunk, answer_tokens, chunks_that_fit, divide, most_tokens, tokens_of
from chains.errors import InvalidInput
from chains.task import Parts

__all__ = ["halves", "portions", "with_room_for"]

# A rewritten text may be longer than its source: friendly words, plain explanations.
_SHARE_OF_ANSWER = 0.7
_LEAST_TOKENS = 64
_LEAST_BYTES = 200


async def portions(parts: Parts, inputs: Mapping[str, Any], text: str) -> list[Chunk]:
    """The text in as few portions as fit the model's context, and of which each fits one answer once rewritten.

    Joined they are the text. Raises ContextExceeded where the prompt alone is too long, InvalidInput where there were
    more than MOST_CHUNKS, BackendError where the tokens can't be counted.
    """
    found: list[Chunk] = []
    most = int(answer_tokens(parts) * _SHARE_OF_ANSWER)
    for chunk in await chunks_that_fit(parts, inputs, text):
        if most_tokens(chunk.text) <= most:
            found.append(chunk)
            continue
        tokens = await tokens_of(parts, chunk.text)
        if tokens / most + len(found) > MOST_CHUNKS:
            raise _too_long()
        size = max(1, int(len(chunk.text.encode()) * most / max(1, tokens)))
        found += [chunk] if tokens <= most else await asyncio.to_thread(divide, chunk.text, size)
    if len(found) > MOST_CHUNKS:
        raise _too_long()
    return found


def halves(text: str) -> list[Chunk]:
    """A text whose answer was cut, in smaller portions; none where it is too short for that to help."""
    size = len(text.encode())
    found = divide(text, size // 2 + 1) if size >= _LEAST_BYTES else []
    return found if len(found) > 1 else []


def with_room_for(parts: Parts, text: str) -> Parts:
    """The same, with an answer of at most one token for each byte of the text and a few more: a model that runs in
    circles is stopped early. English has a token for each 4 bytes, so this is some four times its length."""
    room = _LEAST_TOKENS + len(text.encode())
    cap = parts.parameters.get("max_tokens")
    return replace(parts, parameters={**parts.parameters, "max_tokens": room if cap is None else min(cap, room)})


def _too_long() -> InvalidInput:
    return InvalidInput(
        f"The text is too long: it would be rewritten in more than {MOST_CHUNKS} portions. Send it in several requests."
    )
