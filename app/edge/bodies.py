"""The bodies of requests, and the memory that those of one worker take."""

from starlette.types import Receive

from app.problems import ProblemError

__all__ = ["Bodies", "HeldBody", "whole_body"]

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
