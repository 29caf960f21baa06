"""Reads streams, in a process of its own: how long until the first token, and until the end.

`python -m bench.side_by_side.stream_reader` takes an Order as JSON on standard input, and writes what it found. So many
streams start at the same moment, on connections that are kept, and the next ones when all of them have ended.
"""

import asyncio
import sys
import time

from pydantic import BaseModel

__all__ = ["Found", "Order", "read_streams"]

_END = b"0\r\n\r\n"
"""The last chunk of a response (RFC 9112, 7.1)."""


class Order(BaseModel):
    """`requests` are whole ones, as they are sent; `first` is in the first token, and nowhere before it.

    All of them take at most `limit_s`.
    """

    host: str
    port: int
    requests: list[str]
    first: str
    at_once: int
    limit_s: float


class Found(BaseModel):
    """Seconds, of each stream."""

    firsts: list[float]
    ends: list[float]


class _Reader:
    """One connection."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._first = order.first.encode()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def read(self, request: str) -> tuple[float, float]:
        """Seconds to the first token, and to the end. Raises RuntimeError for another answer than a good one."""
        reader, writer = self._streams or await asyncio.open_connection(self._order.host, self._order.port)
        self._streams = reader, writer
        begin, first, said = time.perf_counter(), 0.0, b""
        writer.write(request.encode())
        while not said.endswith(_END):
            data = await reader.read(65536)
            if not data:
                self._streams = None
                break
            said += data
            _must_be_good(said)
            if not first and self._first in said:
                first = time.perf_counter() - begin
        if not first:
            raise RuntimeError(said.decode(errors="replace")[-300:] or "the connection was closed")
        return first, time.perf_counter() - begin

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


def _must_be_good(said: bytes) -> None:
    """So far. Raises RuntimeError: what isn't sent in chunks would be waited for until the connection closes."""
    head, ended, _ = said.partition(b"\r\n\r\n")
    if ended and not (head.startswith(b"HTTP/1.1 200") and b"chunked" in head):
        raise RuntimeError(said.decode(errors="replace")[:300])


async def read_streams(order: Order) -> Found:
    """Raises OSError, and RuntimeError for another answer than a good one, or where it takes longer than it may."""
    try:
        async with asyncio.timeout(order.limit_s):
            return await _all(order)
    except TimeoutError as error:
        raise RuntimeError(f"{len(order.requests)} streams take more than {order.limit_s:g} s") from error


async def _all(order: Order) -> Found:
    readers = [_Reader(order) for _ in range(order.at_once)]
    found: list[tuple[float, float]] = []
    try:
        for begin in range(0, len(order.requests), order.at_once):
            wave = order.requests[begin : begin + order.at_once]
            found += await asyncio.gather(*(reader.read(each) for reader, each in zip(readers, wave, strict=True)))
    finally:
        for reader in readers:
            reader.close()
    return Found(firsts=[first for first, _ in found], ends=[end for _, end in found])


def main() -> int:
    order = Order.model_validate_json(sys.stdin.read())
    try:
        found = asyncio.run(read_streams(order))
    except (OSError, RuntimeError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(found.model_dump_json())
    return 0


if __name__ == "__main__":
    sys.exit(main())
