"""What is kept of a response, and which responses are kept."""

import json
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Send

from app.problems import MEDIA_TYPE

__all__ = ["Reply", "is_final"]

_REPLAYED = (b"idempotent-replayed", b"true")
_OF_THIS_TIME = {b"content-length", b"retry-after", b"date"}


@dataclass(frozen=True, slots=True)
class Reply:
    """A response as it is sent again: its status, the headers that its operation set, and its whole body."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    async def send(self, send: Send) -> None:
        """Send it as a replay."""
        headers = [header for header in self.headers if header[0] not in _OF_THIS_TIME]
        headers += [_REPLAYED, (b"content-length", b"%d" % len(self.body))]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def is_final(reply: Reply) -> bool:
    """Whether the same request would get the same reply again: a success, or a problem that no other try mends."""
    if 200 <= reply.status < 300:
        return True
    if not 400 <= reply.status < 500:
        return False
    if Headers(raw=list(reply.headers)).get("content-type", "") != MEDIA_TYPE:
        return False
    return json.loads(reply.body).get("retryable") is False
