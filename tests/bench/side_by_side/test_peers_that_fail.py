"""Peers that fail while they are measured: each is told to be missing, and the run goes on."""

import asyncio
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench.side_by_side.fleet import wrong_with
from bench.side_by_side.stream_reader import Order, read_streams
from bench.side_by_side.subjects.subject import TEXT, Request, Running

ASK = Request("/", f'{{"text": "{TEXT}"}}')


class _Rubbish(socketserver.StreamRequestHandler):
    """What isn't HTTP."""

    def handle(self) -> None:
        self.rfile.readline()
        self.wfile.write(b"rubbish\r\n\r\n")


class _Silence(socketserver.StreamRequestHandler):
    """Nothing, until the caller gives up."""

    def handle(self) -> None:
        self.rfile.read()


@contextmanager
def _serving(how: type[socketserver.StreamRequestHandler]) -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), how) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_one_that_does_not_speak_http_is_told() -> None:
    with _serving(_Rubbish) as port:
        assert wrong_with(Running("127.0.0.1", port, 0, 0, ASK)) == "BadStatusLine"


def test_one_that_is_gone_is_told() -> None:
    with _serving(_Rubbish) as port:
        pass
    assert wrong_with(Running("127.0.0.1", port, 0, 0, ASK)) == "ConnectionRefusedError"


def test_streams_that_never_end_are_told() -> None:
    with _serving(_Silence) as port:
        order = Order(host="127.0.0.1", port=port, requests=["x", "y"], first="z", at_once=2, limit_s=0.1)
        with pytest.raises(RuntimeError, match=r"2 streams take more than 0\.1 s"):
            asyncio.run(read_streams(order))
