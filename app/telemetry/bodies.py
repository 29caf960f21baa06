"""Bodies of requests and responses for the log, where the configuration asks for them."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Send

__all__ = ["MOST_BYTES", "Bodies"]

MOST_BYTES = 4096
"""So much of each body is logged; a longer one is marked as cut, with its whole length."""


class Bodies:
    """The beginnings of one request's bodies."""

    def __init__(self) -> None:
        self._request = _Beginning()
        self._response = _Beginning()

    def kept(self, receive: "Receive", send: "Send") -> "tuple[Receive, Send]":
        """The same, with what passes kept."""

        async def keeping() -> "Message":
            message = await receive()
            self._request.add(message.get("body", b""))
            return message

        async def telling(message: "Message") -> None:
            self._response.add(message.get("body", b""))
            await send(message)

        return keeping, telling

    def fields(self) -> dict[str, Any]:
        return {"request_body": self._request.text(), "response_body": self._response.text()}


class _Beginning:
    def __init__(self) -> None:
        self._kept = bytearray()
        self._length = 0

    def add(self, part: bytes) -> None:
        self._length += len(part)
        self._kept += part[: MOST_BYTES - len(self._kept)]

    def text(self) -> str:
        said = self._kept.decode("utf-8", "replace")
        return said if self._length <= MOST_BYTES else f"{said} ... (cut: {MOST_BYTES} of {self._length} bytes)"
