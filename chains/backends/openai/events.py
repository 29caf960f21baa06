"""Server-sent events, as the WHATWG's HTML standard (9.2.6) has them parsed."""

import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator

__all__ = ["LARGEST_EVENT", "server_sent_events"]

LARGEST_EVENT = 1 << 20
_LINE_END = re.compile(rb"\r\n|\r|\n")


async def server_sent_events(content: AsyncIterable[bytes]) -> AsyncGenerator[tuple[str, bytes], None]:
    """Each event's type (`message` where it has none) and its data, from bytes that are cut anywhere.

    Lines end by LF, CR or CRLF; several `data` lines are joined by LF; comments and unknown fields are skipped, but
    for `error`, in which older llama.cpp servers give an error: it is an event of that type. An event that the end
    of the stream cuts off is none. Raises ValueError for a line or an event beyond LARGEST_EVENT bytes.
    """
    kind, data, size = "", list[bytes](), 0
    async for line in _lines(content):
        if not line:
            if data:
                yield kind or "message", b"\n".join(data)
            kind, data, size = "", [], 0
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            kind = value.decode(errors="replace")
        elif field in (b"data", b"error"):
            kind = "error" if field == b"error" else kind
            data.append(value)
            # Also lines without a value take room.
            size += len(value) + 1
        if size > LARGEST_EVENT:
            raise ValueError("an event is too long")


async def _lines(content: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Every byte is looked at once, however small the pieces are in which a line comes."""
    begun, after_cr = bytearray(), False
    async for chunk in content:
        # A CRLF may be cut in its middle; its CR has ended the line already.
        new = chunk.removeprefix(b"\n") if after_cr else chunk
        after_cr = new.endswith(b"\r") or (after_cr and not chunk)
        start = 0
        for end in _LINE_END.finditer(new):
            begun += new[start : end.start()]
            _must_be_bounded(begun)
            yield bytes(begun)
            begun.clear()
            start = end.end()
        begun += new[start:]
        _must_be_bounded(begun)


def _must_be_bounded(line: bytearray) -> None:
    if len(line) > LARGEST_EVENT:
        raise ValueError("a line is too long")
