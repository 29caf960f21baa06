"""Asking for JSON over TCP or a Unix socket, on a connection for each request."""

import http.client
import json
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.side_by_side.subjects.subject import MissingSubject

__all__ = ["Endpoint", "Reply"]

_TIMEOUT_S = 120


@dataclass(frozen=True)
class Reply:
    """Seconds from the connection to the whole answer, its status and its JSON."""

    seconds: float
    status: int
    body: dict[str, Any]

    def good(self) -> dict[str, Any]:
        """Raises MissingSubject where it isn't."""
        if self.status != 200:
            raise MissingSubject(f"{self.status} {str(self.body)[:300]}")
        return self.body


class Endpoint:
    """A server that talks JSON."""

    def __init__(self, connect: Callable[[], http.client.HTTPConnection]) -> None:
        self._connect = connect

    @classmethod
    def tcp(cls, port: int) -> "Endpoint":
        return cls(lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S))

    @classmethod
    def unix(cls, path: Path) -> "Endpoint":
        return cls(lambda: _UnixConnection(path))

    def get(self, path: str) -> Reply:
        """Raises MissingSubject where no JSON comes."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> Reply:
        """Raises MissingSubject where no JSON comes."""
        return self._ask("POST", path, json.dumps(body).encode())

    def _ask(self, method: str, path: str, body: bytes | None) -> Reply:
        start = time.perf_counter()
        connection = self._connect()
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            response = connection.getresponse()
            data = response.read()
            seconds = time.perf_counter() - start
            return Reply(seconds, response.status, json.loads(data))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise MissingSubject(f"no answer from {path}: {type(error).__name__}") from error
        finally:
            connection.close()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("model", timeout=_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_TIMEOUT_S)
        self.sock.connect(str(self._path))
