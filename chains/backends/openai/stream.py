"""The stream of an answer from its first event to the last that is worth waiting for."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import Self

import aiohttp

from chains.backends.openai.events import server_sent_events
from chains.backends.openai.wire import Delta, delta, is_error
from chains.errors import BackendRejected, CopydeskError

__all__ = ["closes_after_a_stream", "deltas"]

_PATIENCE_S = 0.5
_MOMENT_S = 0.1


async def deltas(
    response: aiohttp.ClientResponse, *, backend: str, idle_s: float, broken: Callable[[bytes], CopydeskError]
) -> AsyncGenerator[Delta, None]:
    """What the stream says. `broken` makes the error of an event that holds one.

    Usage and `[DONE]` follow the reason for the end; not every server sends them, and some keep the connection open
    all the same. What hasn't come a short while after the reason is no longer waited for.
    """
    ended, has_usage = False, False
    received = _Received(response.content)
    async with aclosing(server_sent_events(received)) as events:
        async for kind, data in events:
            if data == b"[DONE]":
                break
            said = _said(kind, data, backend, broken)
            ended, has_usage = ended or said.finish is not None, has_usage or said.usage is not None
            yield said
            if ended:
                received.within(_MOMENT_S if has_usage else min(_PATIENCE_S, idle_s / 2))
    if not received.is_late:
        await _finish(response, min(_MOMENT_S, idle_s / 2))


def closes_after_a_stream(response: aiohttp.ClientResponse) -> bool:
    """Whether the server hangs up after a streamed answer without announcing it, as llama.cpp's does: whoever used
    the connection again would find it closed."""
    return response.headers.get("server", "").startswith("llama.cpp")


def _said(kind: str, data: bytes, backend: str, broken: Callable[[bytes], CopydeskError]) -> Delta:
    event = json.loads(data)
    if kind == "error" or is_error(event):
        raise broken(data)
    said = delta(event)
    if said.refusal:
        raise BackendRejected("the model declined to answer", backend=backend)
    return said


class _Received:
    """What comes of an answer, `within` a limit where one was set, the earliest that was."""

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self.is_late = False
        self._content = content
        self._until: float | None = None

    def within(self, seconds: float) -> None:
        until = asyncio.get_running_loop().time() + seconds
        self._until = until if self._until is None else min(self._until, until)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._until is None or self._content.is_eof():
            return await self._any()
        try:
            async with asyncio.timeout_at(self._until) as limit:
                return await self._any()
        except TimeoutError:
            if not limit.expired():
                raise
            self.is_late = True
            raise StopAsyncIteration from None

    async def _any(self) -> bytes:
        if received := await self._content.readany():
            return received
        raise StopAsyncIteration


async def _finish(response: aiohttp.ClientResponse, moment_s: float) -> None:
    """Read to the end of the response: only then its connection can be used again."""
    if closes_after_a_stream(response):
        response.close()
        return
    if response.content.at_eof():
        return
    # The answer is complete: whatever goes wrong now costs no more than the connection.
    with suppress(aiohttp.ClientError, OSError):
        async with asyncio.timeout(moment_s):
            async for _ in response.content.iter_any():
                pass
