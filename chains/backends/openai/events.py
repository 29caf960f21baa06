"""Server-sent events, as the WHATWG's HTML standard (9.2.6) has them parsed."""

from collections.abc import AsyncGenerator, AsyncIterable, Iterator

__all__ = ["LARGEST_EVENT", "EventReader", "server_sent_events"]

LARGEST_EVENT = 1 << 20


class EventReader:
    """Each event's type (`message` where it has none) and its data, from bytes that are cut anywhere.

    Lines end by LF, CR or CRLF; several `data` lines are joined by LF; comments and unknown fields are skipped, but
    for `error`, in which older llama.cpp servers give an error: it is an event of that type. An event that the end
    of the stream cuts off is none. Every byte is looked at once, however small the pieces are in which a line comes.
    """

    def __init__(self) -> None:
        self._begun = bytearray()
        self._after_cr = False
        self._kind = ""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, received: bytes) -> Iterator[tuple[str, bytes]]:
        """The events that these bytes complete. Raises ValueError for a line or an event beyond LARGEST_EVENT bytes."""
        for line in self._ended(received):
            _must_be_bounded(len(line))
            if line:
                self._take(line)
                continue
            if self._data:
                yield self._kind or "message", b"\n".join(self._data)
            self._kind, self._data, self._size = "", [], 0
        _must_be_bounded(len(self._begun))

    def _ended(self, received: bytes) -> list[bytes]:
        """The lines that these bytes end; what begins another one is kept."""
        # A CRLF may be cut in its middle; its CR has ended the line already.
        new = received.removeprefix(b"\n") if self._after_cr else received
        self._after_cr = new.endswith(b"\r") or (self._after_cr and not received)
        lines = new.splitlines()
        rest = lines.pop() if lines and not new.endswith((b"\n", b"\r")) else b""
        if lines and self._begun:
            lines[0] = bytes(self._begun + lines[0])
            self._begun.clear()
        self._begun += rest
        return lines

    def _take(self, line: bytes) -> None:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            self._kind = value.decode(errors="replace")
        elif field in (b"data", b"error"):
            self._kind = "error" if field == b"error" else self._kind
            self._data.append(value)
            # Also lines without a value take room.
            self._size += len(value) + 1
            if self._size > LARGEST_EVENT:
                raise ValueError("an event is too long")


async def server_sent_events(content: AsyncIterable[bytes]) -> AsyncGenerator[tuple[str, bytes], None]:
    """What an EventReader finds in the content."""
    reader = EventReader()
    async for received in content:
        for event in reader.feed(received):
            yield event


def _must_be_bounded(size: int) -> None:
    if size > LARGEST_EVENT:
        raise ValueError("a line is too long")
