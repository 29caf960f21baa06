"""The bodies of requests, and the memory that those of one worker take."""

import asyncio

from starlette.types import Receive
from uvicorn._types import ASGIReceiveCallable, ASGIReceiveEvent

from app.problems import ProblemError
from app.sections import ServerSettings

__all__ = ["Bodies", "BodyTime", "HeldBody", "whole_body"]

FREE_BYTES = 64 << 10
"""Of each body this much isn't counted: `max_connections` bounds it, and small requests pass while large ones fill
the rest."""


class Bodies:
    """How many bytes of bodies are held; `most` is the limit."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.held = 0

    def body(self) -> "HeldBody":
        return HeldBody(self)

    def take(self, size: int) -> None:
        """Raises ProblemError where there is no room for so many bytes more."""
        if self.held + size > self._most:
            raise ProblemError(
                "overloaded", "The service holds as many large bodies as it has memory for. Send this one again later."
            )
        self.held += size

    def free(self, size: int) -> None:
        self.held -= size


class HeldBody:
    """One request's body, from its first byte until the request is answered."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self._counted = 0
        self.size = 0

    def grow(self, size: int) -> None:
        """So many bytes more have come. Raises ProblemError where there is no room for them."""
        self.size += size
        more = max(self.size - FREE_BYTES, 0) - self._counted
        if more > 0:
            self._bodies.take(more)
            self._counted += more

    def let_go(self) -> None:
        self._bodies.free(self._counted)
        self._counted = 0


class BodyTime:
    """The time that one body may take: `body_timeout_s`, and as much again as what has come takes at
    `body_bytes_per_s`."""

    def __init__(self, server: ServerSettings) -> None:
        self._server = server
        self._begin: float | None = None
        self._size = 0

    async def receive(self, receive: ASGIReceiveCallable) -> ASGIReceiveEvent:
        """The next part of the body. Raises ProblemError where it doesn't come in time."""
        if self._begin is None:
            self._begin = asyncio.get_running_loop().time()
        limit = self._server.body_timeout_s + self._size / self._server.body_bytes_per_s
        try:
            async with asyncio.timeout_at(self._begin + limit):
                message = await receive()
        except TimeoutError:
            raise ProblemError("body_timeout", f"The body was not complete after {limit:.3g} s.") from None
        if message["type"] == "http.request":
            self._size += len(message["body"])
        return message


async def whole_body(receive: Receive) -> bytes | None:
    """The raw body; None where the caller hangs up before its end."""
    pieces = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)
