"""An answer from a server that isn't trusted: in time, within bounds, and with no error but ours."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from langchain_core.messages import AIMessageChunk

from chains.backends.configuration import Timeouts
from chains.backends.time_limit import TimeLimit
from chains.errors import BackendError, BackendProtocolError, BackendTimeout, CopydeskError
from chains.message_text import text_of

__all__ = ["MOST_TOKENS", "Bounds", "token_count", "watched"]

MOST_TOKENS = 131_072
"""The cap on an answer for which nobody knows one: more than models give at once."""

_LARGEST_COUNT = (1 << 31) - 1
# The longest tokens of the known vocabularies are 128 spaces or dashes. Twice that, in every token of an answer, no
# server sends that keeps to its cap.
_TOKEN_CHARACTERS = 256
_LEAST_CHARACTERS = 64 << 10
# A server sends a chunk for each token, and some for what isn't one: a role, usage, a piece of a character.
_TOKEN_CHUNKS = 4
_FURTHER_CHUNKS = 1024


def token_count(value: Any) -> int:
    """A server's count of tokens. Raises ValueError for what is none: counts are whole numbers from 0."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST_COUNT:
        raise ValueError("a count of tokens is no whole number from 0")
    return value


class Bounds:
    """How much an answer of at most `tokens` tokens can be, with `alternatives` reported beside each of them."""

    def __init__(self, tokens: int, alternatives: int | None = None) -> None:
        self.tokens = tokens
        # Text, the token again, and its alternatives, of which servers report one at least.
        shares = 1 if alternatives is None else 3 + alternatives
        self._characters = max(_LEAST_CHARACTERS, _TOKEN_CHARACTERS * tokens) * shares
        self._pieces = (_TOKEN_CHUNKS * tokens + _FURTHER_CHUNKS) * shares

    def take(self, chunk: AIMessageChunk, backend: str) -> None:
        """Count a chunk. Raises BackendProtocolError for one too many."""
        self._characters -= len(text_of(chunk))
        self._pieces -= 1
        for token in chunk.response_metadata.get("logprobs", ()):
            said = [token["token"], *(other["token"] for other in token["top_logprobs"])]
            self._characters -= sum(map(len, said))
            self._pieces -= len(said)
        if self._characters < 0 or self._pieces < 0:
            message = f"the server sends far more than the {self.tokens} tokens that it was asked for"
            raise BackendProtocolError(f"{message}: it ignores max_tokens; update it", backend=backend)


async def watched(
    chunks: AsyncGenerator[AIMessageChunk, None], timeouts: Timeouts, bounds: Bounds, backend: str
) -> AsyncGenerator[AIMessageChunk, None]:
    """The chunks that say something. Those that don't, extend no limit, so whoever sends nothing else is late.

    Raises BackendError: BackendTimeout, BackendProtocolError for too much and for every error that isn't ours already,
    which is in `original`.
    """
    now = asyncio.get_running_loop().time
    total = now() + timeouts.total_s
    ends, said, limit = now() + timeouts.first_token_s, False, TimeLimit()
    try:
        while True:
            chunk: AIMessageChunk | None = None
            try:
                # Each wait has its limit: one that spanned the `yield` would cancel whoever consumes.
                with limit.until(min(ends, total)):
                    chunk = await anext(chunks, None)
                if chunk is not None and (says := _says_something(chunk)):
                    bounds.take(chunk, backend)
            except CopydeskError:
                if chunk is not None and chunk.usage_metadata:  # too much, but it cost what it cost
                    yield AIMessageChunk(content="", response_metadata={"reported": chunk.usage_metadata})
                raise
            except Exception as error:
                late = _late(now() >= total, said, timeouts) if limit.expired else None
                raise _translated(error, late, backend) from error
            if chunk is None:
                return
            if says:
                said = True
                yield chunk
                ends = now() + timeouts.idle_s
            elif now() >= min(ends, total):
                # A server that is never waited for is never cut off by the limit itself.
                raise BackendTimeout(_late(now() >= total, said, timeouts), backend=backend)
    finally:
        limit.close()
        await chunks.aclose()


def _says_something(chunk: AIMessageChunk) -> bool:
    """Whether the chunk brings a part of the answer or its end; its counts are checked."""
    if (usage := chunk.usage_metadata) is not None:
        counts: list[Any] = [usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]]
        counts += (usage.get("input_token_details") or {}).values()
        counts += (usage.get("output_token_details") or {}).values()
        for count in counts:
            token_count(count)
    return bool(chunk.content or chunk.response_metadata or usage)


def _translated(error: Exception, late: str | None, backend: str) -> BackendError:
    if late is not None:
        return BackendTimeout(late, backend=backend, original=error)
    if isinstance(error, TimeoutError):
        return BackendTimeout("the server did not answer in time", backend=backend, original=error)
    message = "the answer is malformed or incomplete"
    return BackendProtocolError(message, backend=backend, original=error)


def _late(is_over: bool, said: bool, timeouts: Timeouts) -> str:
    if is_over:
        return f"no complete answer within {timeouts.total_s:g} s (timeout_s)"
    if said:
        return f"no further token within {timeouts.idle_s:g} s (idle_timeout_s)"
    return f"no first token within {timeouts.first_token_s:g} s (first_token_timeout_s)"
