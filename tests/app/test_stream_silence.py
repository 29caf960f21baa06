"""Streams in which nothing happens for long, a caller that takes its time, and many streams at once."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import aiohttp
import httpx
import pytest
import yaml

from tests.app.events import events, read
from tests.conftest import Service, serving, wait_until

pytestmark = pytest.mark.e2e

HEARTBEAT_S = 0.3
STREAM = "/v1/summarize/stream"
SCRIPT: list[dict[str, Any]] = [
    {"when": "late", "answer": "one two", "delay_ms": 1000},
    {"when": "fails", "answer": "one two", "delay_ms": 1000, "fail": "unavailable", "fail_after": 0},
    {"when": "refused", "fail": "busy", "retry_after_s": 1},
    {"when": "pauses", "answer": "one two three", "token_ms": 500},
    {"when": "many", "answer": "one two three four five", "token_ms": 20},
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    path = tmp_path_factory.mktemp("silence") / "copydesk.yaml"
    script = {"kind": "scripted", "answers": SCRIPT, "retries": 0, "concurrency": 256, "max_queue": 1024}
    path.write_text(yaml.safe_dump({"backends": {"script": script}, "streams": {"heartbeat_s": HEARTBEAT_S}}))
    with serving("--config", str(path)) as running:
        yield running


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with service.client() as found:
        yield found


def raw(client: httpx.Client, text: str) -> str:
    with client.stream("POST", STREAM, json={"text": text}) as response:
        assert response.status_code == 200
        return response.read().decode()


@pytest.mark.parametrize(("text", "after"), [("late", 0), ("pauses", 1)], ids=["before the first piece", "between two"])
def test_a_silent_stream_sends_comments(client: httpx.Client, text: str, after: int) -> None:
    blocks = raw(client, text).split("\n\n")
    assert {block for block in blocks if block.startswith(":")} == {": heartbeat"}
    kinds = [block.split("\n")[0] for block in blocks]
    pieces = [position for position, kind in enumerate(kinds) if kind == "event: delta"]
    assert kinds[pieces[after] - 1] == ": heartbeat"  # a busy machine may be silent elsewhere too
    assert blocks[-2].startswith("event: done")


def test_who_reads_events_sees_nothing_of_them(client: httpx.Client) -> None:
    *deltas, done = events(client, STREAM, {"text": "late"})
    assert "".join(event.data["text"] for event in deltas) == done.data["summary"] == "one two"


def test_once_a_comment_was_sent_a_failure_is_an_event(client: httpx.Client) -> None:
    (only,) = events(client, STREAM, {"text": "fails"})
    assert (only.name, only.data["status"], only.data["code"]) == ("error", 503, "backend_unavailable")
    # Where none was sent it is no event; a busy machine may have taken so long that one was.
    assert wait_until(lambda: client.post(STREAM, json={"text": "refused"}).status_code == 503)


def test_a_caller_that_reads_slowly_gets_all(client: httpx.Client) -> None:
    with client.stream("POST", STREAM, json={"text": "pauses"}) as response:
        names = []
        for event in read(response):
            names.append(event.name)
            time.sleep(0.4)
    assert names == ["delta"] * 3 + ["done"]


@pytest.mark.parametrize("streams", [60, pytest.param(1000, marks=pytest.mark.soak)])
def test_each_of_many_streams_ends_once(service: Service, client: httpx.Client, streams: int) -> None:
    endings = asyncio.run(endings_of(service.url, streams))
    assert endings == {(1, 5): streams}
    assert wait_until(lambda: "copydesk_streams_open 0.0" in client.get("/metrics").text)


async def endings_of(url: str, streams: int) -> dict[tuple[int, int], int]:
    """How many of the streams had how many terminal events and deltas."""
    found: dict[tuple[int, int], int] = {}

    async def one(http: aiohttp.ClientSession, number: int) -> None:
        async with http.post(STREAM, json={"text": f"many {number}"}) as response:
            said = await response.text()
        ending = said.count("event: done") + said.count("event: error"), said.count("event: delta")
        found[ending] = found.get(ending, 0) + 1

    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0)) as http:
        await asyncio.gather(*(one(http, number) for number in range(streams)))
    return found
