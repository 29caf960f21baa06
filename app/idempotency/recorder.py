"""Keeps what an operation answers before it passes it on."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Message, Send

from app.idempotency.reply import Reply, is_final

__all__ = ["Recorder"]

_NOT_KEPT = (b"idempotent-reply-kept", b"false")
_STREAMED = "text/event-stream"

Settle = Callable[[Reply | None], Awaitable[None]]
"""Keeps a reply; None frees the key."""


class Recorder:
    """The `send` of one response. A whole response is passed on once it is kept. A stream is passed on as it comes:
    its operation leaves what a replay says in the state, as `replay`, before it sends its last event."""

    def __init__(self, send: Send, settle: Settle, state: dict[str, Any], limit_bytes: int) -> None:
        self._send = send
        self._settle = settle
        self._state = state
        self._limit = limit_bytes
        self._start: Message | None = None
        self._body = bytearray()
        self._passes = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            self._passes = Headers(raw=message["headers"]).get("content-type", "").startswith(_STREAMED)
            if self._passes:
                await self._send(message)
        elif self._passes:
            await self._keep_replay()
            if not message.get("more_body", False):
                await self._settle(None)  # where nothing was kept, another try may come as soon as this one has ended
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if len(self._body) > self._limit:
                await self._pass_unkept(more_body=message.get("more_body", False))
            elif not message.get("more_body", False):
                await self._pass_kept()

    async def _keep_replay(self) -> None:
        replay = self._state.pop("replay", None)
        if replay is not None and len(replay) <= self._limit:
            await self._settle(self._reply(replay))

    async def _pass_kept(self) -> None:
        reply = self._reply(bytes(self._body))
        await self._settle(reply if is_final(reply) else None)
        assert self._start is not None
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": reply.body})

    async def _pass_unkept(self, *, more_body: bool) -> None:
        """More than is kept: say so, free the key, and let the rest through."""
        assert self._start is not None
        await self._settle(None)
        await self._send({**self._start, "headers": [*self._start["headers"], _NOT_KEPT]})
        await self._send({"type": "http.response.body", "body": bytes(self._body), "more_body": more_body})
        self._body.clear()
        self._passes = True

    def _reply(self, body: bytes) -> Reply:
        assert self._start is not None
        return Reply(self._start["status"], tuple((name, value) for name, value in self._start["headers"]), body)
