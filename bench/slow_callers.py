"""Callers that hold connections of a service: each sends or reads as little as it can, and comes again when ended.

A process of its own, so that its work is not measured with that of normal callers: it holds after a line `on` on its
standard input, lets go after `off`, and says after each how many are connected and how many were ended.
"""

import asyncio
import socket
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

HEAD = b"POST /v1/summarize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
PAGE = b"GET /docs/errors HTTP/1.1\r\nHost: localhost\r\n\r\n"
SETTLE_S = 5.0

Address = tuple[str, int]
Hold = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@dataclass
class Outcome:
    held: int = 0
    ended: int = 0


async def slow_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"X-Slow: ")
    while not reader.at_eof():
        writer.write(b"a")
        await asyncio.sleep(1)


async def slow_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Content-Length: 1000000\r\n\r\n")
    while not reader.at_eof():
        writer.write(b"a")
        await asyncio.sleep(1)


async def slow_reader(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(PAGE * 100)
    while not writer.is_closing():
        await asyncio.sleep(1)
        writer.write(b"\r\n")


async def idle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HEALTH)
    while await reader.read(1 << 16):
        pass


WAYS: tuple[Hold, ...] = (slow_headers, slow_body, slow_reader, idle)


async def holding(address: Address, hold: Hold, outcome: Outcome) -> None:
    """One slow caller, which comes again when it was ended."""
    while True:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connection, address)
            reader, writer = await asyncio.open_connection(sock=connection)
            outcome.held += 1
            try:
                await hold(reader, writer)
            finally:
                outcome.held -= 1
                writer.transport.abort()
            outcome.ended += 1
        except OSError:
            connection.close()
            outcome.ended += 1
        await asyncio.sleep(0.1)


async def main(host: str, port: int, holders: int) -> None:
    loop = asyncio.get_running_loop()
    outcome = Outcome()
    slow: list[asyncio.Future[None]] = []
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        if line.strip() == "on":
            slow = [
                asyncio.ensure_future(holding((host, port), WAYS[place % len(WAYS)], outcome))
                for place in range(holders)
            ]
        await asyncio.sleep(SETTLE_S)
        print(f"{outcome.held} slow ones are connected, {outcome.ended} were ended so far", flush=True)
        if line.strip() == "off":
            for task in slow:
                task.cancel()
            await asyncio.gather(*slow, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
