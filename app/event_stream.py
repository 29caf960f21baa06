"""A response of server-sent events that never falls silent, and that waits for no caller without an end.

After `heartbeat_s` without an event a comment is sent, which clients skip: it keeps proxies from closing the
connection, and finds out that a caller has vanished without a word. A caller that takes no data for `write_timeout_s`,
while more is ready than its connection holds (64 KiB here, and the system's own buffers), is cut off.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from fastapi import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.sections import StreamSettings
from app.tasks import hung_up

__all__ = ["MEDIA_TYPE", "STREAM_HEADERS", "EventStream", "Say"]

MEDIA_TYPE = "text/event-stream"
STREAM_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}
"""Proxies must neither keep nor collect the events."""

Say = Callable[[bytes], Awaitable[None]]
"""Sends one event."""

_HEARTBEAT = b": heartbeat\n\n"
_SLOW = "slow_reader"


class _SlowReader(BaseException):
    """The caller takes no data. No Exception, for nobody is to answer it with one more event."""


class EventStream(Response):
    """Sends what `tell` says. `tell` is given a function that sends one event, and returns after the last one. It is
    cancelled where nobody reads any more (the scope's state says `gone` then), and where the service has to end."""

    media_type = MEDIA_TYPE

    def __init__(self, request: Request, tell: Callable[[Say], Awaitable[None]], settings: StreamSettings) -> None:
        super().__init__(headers=STREAM_HEADERS)
        del self.headers["content-length"]
        self._request = request
        self._tell = tell
        self._settings = settings
        self._slow = self._is_saying = self._is_ending = False
        self._said_at = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state, self._send = scope["state"], send
        await self._pass_on({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        leaving = asyncio.ensure_future(hung_up(self._request))
        work = [asyncio.ensure_future(self._telling()), asyncio.ensure_future(self._watching()), leaving]
        try:
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            state["gone"] = leaving.done() or self._slow
            self._is_ending = True
            for task in work:
                task.cancel()
            told, *_ = await asyncio.gather(*work, return_exceptions=True)
            await self._end(scope)
        if isinstance(told, Exception):
            raise told

    async def _end(self, scope: Scope) -> None:
        if not scope["state"]["gone"]:
            with suppress(_SlowReader):
                await self._pass_on({"type": "http.response.body", "body": b"", "more_body": False})
        if self._slow:
            scope["state"]["left"] = _SLOW
            if cut := scope["state"].get("cut"):  # ASGI has no word for it: our protocol (app/edge) hands it through
                cut()
            await asyncio.sleep(0)  # so that the server hears of it before this returns

    async def _telling(self) -> None:
        await self._tell(self._say)

    async def _watching(self) -> None:
        """Breaks the silence, and returns where an event is not taken in time: one timer for all events."""
        heartbeat_s, patience_s = self._settings.heartbeat_s, self._settings.write_timeout_s
        while True:
            passed_s = _now() - self._said_at
            if self._is_saying and passed_s >= patience_s:
                self._slow = True
                return
            if not self._is_saying and passed_s >= heartbeat_s:
                await self._pass_on(_event(_HEARTBEAT))
            elif self._is_saying:
                await asyncio.sleep(patience_s - passed_s)
            else:  # what begins to be said meanwhile is looked at in time too
                await asyncio.sleep(min(heartbeat_s - passed_s, patience_s))

    async def _say(self, data: bytes) -> None:
        if self._is_ending:  # nobody watches any more
            await self._pass_on(_event(data))
            return
        self._said_at, self._is_saying = _now(), True
        await self._send(_event(data))
        self._is_saying = False

    async def _pass_on(self, message: dict[str, Any]) -> None:
        """Returns when the connection has taken the message. Raises _SlowReader."""
        self._said_at = _now()
        try:
            async with asyncio.timeout(self._settings.write_timeout_s):
                await self._send(message)
        except TimeoutError:
            self._slow = True
            raise _SlowReader from None


def _event(data: bytes) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": True}


def _now() -> float:
    return asyncio.get_running_loop().time()
