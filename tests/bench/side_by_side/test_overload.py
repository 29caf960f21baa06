"""Counting what becomes of requests under overload: answers in time and late, refusals, failures."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.side_by_side.sections.overload import CAPACITY, offered, own_texts, quantile_ms, shared_texts


@contextmanager
def answering(status: int, body: bytes) -> Iterator[int]:
    """A server that has one answer; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        pytest.param(200, b"{}", "answered", id="answer"),
        pytest.param(503, b'{"code": "backend_busy"}', "refused", id="refusal"),
        pytest.param(504, b'{"code": "deadline_exceeded"}', "deadline_exceeded", id="late"),
        pytest.param(502, b"<", "JSONDecodeError", id="no JSON"),
    ],
)
def test_each_request_is_counted_for_what_became_of_it(status: int, body: bytes, kind: str) -> None:
    with answering(status, body) as port:
        outcome = offered(port, 0.5, 1.0, own_texts(), warm_up_s=0.2)
    counts = {"answered": len(outcome.answered), "refused": len(outcome.refused), **outcome.others}
    assert 0 < outcome.arrived < 3 * CAPACITY
    assert {name: count for name, count in counts.items() if count} == {kind: outcome.arrived}
    assert (outcome.good > 0) == (status == 200)


def test_texts_are_all_different_or_out_of_a_few() -> None:
    own, shared = own_texts(), shared_texts(3)
    assert len({own() for _ in range(50)}) == 50
    assert len({shared() for _ in range(50)}) == 3


@pytest.mark.parametrize(
    ("part", "expected"), [pytest.param(0.5, 2000, id="median"), pytest.param(0.99, 4000, id="99th")]
)
def test_a_quantile_is_one_of_the_figures(part: float, expected: float) -> None:
    assert quantile_ms([4.0, 1.0, 3.0, 2.0], part) == expected
