"""The stream of an answer from its first event to the last that is worth waiting for."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress

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
    until: float | None = None
    now = asyncio.get_running_loop().time
    async with aclosing(server_sent_events(response.content.iter_any())) as events:
        while True:
            if ended and until is None:
                until = now() + min(_PATIENCE_S, idle_s / 2)
            if until is not None and has_usage:
                until = min(until, now() + _MOMENT_S)
            try:
                async with asyncio.timeout_at(until) as limit:
                    found = await anext(events, None)
            except TimeoutError:
                if limit.expired():
                    return
                raise
            if found is None or found[1] == b"[DONE]":
                break
            said = _said(*found, backend, broken)
            ended, has_usage = ended or said.finish is not None, has_usage or said.usage is not None
            yield said
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


async def _finish(response: aiohttp.ClientResponse, moment_s: float) -> None:
    """Read to the end of the response: only then its connection can be used again."""
    if closes_after_a_stream(response):
        response.close()
        return
    # The answer is complete: whatever goes wrong now costs no more than the connection.
    with suppress(aiohttp.ClientError, OSError):
        async with asyncio.timeout(moment_s):
            async for _ in response.content.iter_any():
                pass
