"""HTTP as bytes on a socket: for what no client would send, and to see what really comes back."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.conftest import Service

__all__ = ["Answer", "connected", "exchange", "read_answer"]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@contextmanager
def connected(service: Service, timeout: float = 60) -> Iterator[socket.socket]:
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout) as connection:
        yield connection


def exchange(service: Service, *pieces: bytes, has_body: bool = True) -> Answer:
    """Send the bytes, and read one answer."""
    with connected(service) as connection:
        for piece in pieces:
            connection.sendall(piece)
        return read_answer(connection, has_body=has_body)


def read_answer(connection: socket.socket, *, has_body: bool = True) -> Answer:
    """One whole answer, not a byte more. Raises EOFError where the connection ends before its end."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += _some(connection, 1)
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    pairs = [line.partition(": ") for line in lines]
    headers = {name.lower(): value for name, _, value in pairs}
    body = b""
    while has_body and len(body) < int(headers["content-length"]):
        body += _some(connection, int(headers["content-length"]) - len(body))
    return Answer(int(first.split(" ")[1]), headers, body)


def _some(connection: socket.socket, most: int) -> bytes:
    data = connection.recv(most)
    if not data:
        raise EOFError("the connection ended before the answer did")
    return data
