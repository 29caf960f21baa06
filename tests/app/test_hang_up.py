"""A caller that hangs up: the model server hears of it, whole or streamed, working or waiting.

How soon is measured in bench/; here it must be heard of at all, on a busy machine too.
"""

import socket
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
import yaml

from tests.app.events import events, read
from tests.backends.ollama_server import Canned, OllamaServer, canned_server
from tests.conftest import Service, serving, wait_until

pytestmark = pytest.mark.e2e

TOKENS = [f"{number} " for number in range(1000)]
STREAM, WHOLE = "/v1/summarize/stream", "/v1/summarize"


@pytest.fixture(scope="module")
def upstream() -> Iterator[OllamaServer]:
    with canned_server(Canned(TOKENS, each_s=0.02)) as server:
        yield server


@pytest.fixture(scope="module")
def service(upstream: OllamaServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    path = tmp_path_factory.mktemp("hang-up") / "copydesk.yaml"
    backend = {"kind": "ollama", "base_url": upstream.base_url, "model": upstream.model_name, "concurrency": 1}
    path.write_text(yaml.safe_dump({"backends": {"gpu": backend}}))
    with serving("--config", str(path)) as running:
        yield running


@pytest.fixture(autouse=True)
def _idle(upstream: OllamaServer) -> None:
    """What an earlier test left behind has come to its end, so that each counts only its own."""
    assert wait_until(lambda: upstream.counts.active == upstream.counts.waiting == 0)


def hang_up_while(service: Service, path: str, condition: Callable[[], bool]) -> None:
    """Send a request, and cut the connection as soon as the condition holds."""
    host, port = service.url.removeprefix("http://").split(":")
    body = b'{"text": "x", "max_words": 900, "bypass_cache": true}'
    head = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert wait_until(condition)


def queued(service: Service) -> int:
    """How many requests wait for the only backend."""
    with service.client() as client:
        length: int = client.get("/v1/backends").json()["backends"][0]["queue_length"]
        return length


@pytest.mark.parametrize("path", [WHOLE, STREAM])
def test_the_generation_stops(service: Service, upstream: OllamaServer, path: str) -> None:
    cancelled, tokens = upstream.counts.cancelled, upstream.counts.tokens
    hang_up_while(service, path, lambda: upstream.counts.tokens > tokens + 3)
    assert wait_until(lambda: upstream.counts.cancelled == cancelled + 1)
    assert wait_until(lambda: upstream.counts.active == 0)
    at_the_end = upstream.counts.tokens
    time.sleep(0.1)
    assert upstream.counts.tokens == at_the_end


@pytest.mark.parametrize("path", [WHOLE, STREAM])
def test_one_that_waits_in_the_queue_never_reaches_the_server(
    service: Service, upstream: OllamaServer, path: str
) -> None:
    with service.client() as client, client.stream("POST", STREAM, json={"text": "first", "max_words": 900}) as first:
        held = read(first)  # a generator that is let go closes its response
        next(held)
        asked = upstream.counts.requests["/api/chat"]
        hang_up_while(service, path, lambda: queued(service) == 1)
        assert wait_until(lambda: queued(service) == 0)
        assert upstream.counts.requests["/api/chat"] == asked
    assert wait_until(lambda: upstream.counts.active == 0)
    with service.client() as client:
        assert events(client, STREAM, {"text": "next", "max_words": 3})[-1].name == "done"


def test_of_two_identical_callers_one_may_leave(service: Service, upstream: OllamaServer) -> None:
    body = {"text": "shared", "max_words": 900}
    cancelled = upstream.counts.cancelled
    with service.client() as client, client.stream("POST", STREAM, json=body) as stays:
        stream = read(stays)
        next(stream)
        with client.stream("POST", STREAM, json=body) as leaves:
            next(read(leaves))
        assert next(stream).name == "delta"
        time.sleep(0.2)
        assert next(stream).name == "delta"
        assert upstream.counts.cancelled == cancelled
    assert wait_until(lambda: upstream.counts.cancelled == cancelled + 1)


def test_a_deadline_stops_the_generation(service: Service, upstream: OllamaServer) -> None:
    cancelled = upstream.counts.cancelled
    with service.client() as client:
        response: httpx.Response = client.post(WHOLE, json={"text": "late", "max_words": 900, "deadline_ms": 1500})
    assert response.json()["code"] == "deadline_exceeded"
    assert wait_until(lambda: upstream.counts.cancelled == cancelled + 1)
