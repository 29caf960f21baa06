"""Asking for JSON over TCP and over a Unix socket."""

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.side_by_side.endpoint import Endpoint
from bench.side_by_side.subjects.subject import MissingSubject


class _Answer(socketserver.StreamRequestHandler):
    """One answer to each request; its body is JSON, but for /words."""

    def handle(self) -> None:
        method, path, _ = self.rfile.readline().decode().split()
        length = 0
        while line := self.rfile.readline().strip():
            name, _, value = line.decode().partition(":")
            length = int(value) if name.lower() == "content-length" else length
        asked = self.rfile.read(length).decode() or "null"
        body = "words" if path == "/words" else f'{{"method": "{method}", "asked": {asked}}}'
        status = "404 Not Found" if path == "/nothing" else "200 OK"
        self.wfile.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())


@contextmanager
def _running(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _tcp(_: Path) -> tuple[socketserver.BaseServer, Endpoint]:
    server = socketserver.TCPServer(("127.0.0.1", 0), _Answer)
    return server, Endpoint.tcp(server.server_address[1])


def _unix(folder: Path) -> tuple[socketserver.BaseServer, Endpoint]:
    return socketserver.UnixStreamServer(str(folder / "s"), _Answer), Endpoint.unix(folder / "s")


@pytest.mark.parametrize("made", [pytest.param(_tcp, id="tcp"), pytest.param(_unix, id="unix")])
def test_answers(tmp_path: Path, made: Callable[[Path], tuple[socketserver.BaseServer, Endpoint]]) -> None:
    server, endpoint = made(tmp_path)
    with _running(server):
        assert endpoint.get("/").good() == {"method": "GET", "asked": None}
        posted = endpoint.post("/", {"text": "é"})
        assert posted.good() == {"method": "POST", "asked": {"text": "é"}}
        assert posted.seconds > 0
        refused = endpoint.get("/nothing")
        assert refused.status == 404
        with pytest.raises(MissingSubject, match="404"):
            refused.good()
        with pytest.raises(MissingSubject, match="no answer from /words: JSONDecodeError"):
            endpoint.get("/words")
    with pytest.raises(MissingSubject, match="no answer from /"):
        endpoint.get("/")
