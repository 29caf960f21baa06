"""The stream operations over a real socket: what comes while the model writes, and every way in which it ends."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.app.events import events, read
from tests.app.test_http import problem
from tests.conftest import Service, serving, wait_until

pytestmark = pytest.mark.e2e

SCRIPT: list[dict[str, Any]] = [
    {"when": "at the door", "fail": "unavailable", "retry_after_s": 7},
    {"when": "no room", "fail": "busy", "retry_after_s": 2.2},
    {"when": "midway", "answer": "one two three four", "fail": "unavailable", "fail_after": 2},
    {"when": "ends early", "answer": "one two three four", "end_early": 3},
    {"when": "stalls", "answer": "one two three four", "stall_after": 2},
    {"when": "capped", "answer": "One two. Three fo", "cut_off": True},
    {"when": "takes its time", "answer": " ".join(["word"] * 500), "token_ms": 20},
    {"when": "silent", "answer": " "},
    {"answer": "  One two three four.\n\nFive 😀 six — seven “eight”.\n"},
]
FALLBACK: list[dict[str, Any]] = [{"answer": "the second one answers"}]
BODIES: dict[str, dict[str, Any]] = {
    "summarize": {"text": "x"},
    "rewrite": {"text": "xy", "style": "formal"},
    "generate": {"instruction": "x"},
}
TEXT = {"summarize": "summary", "rewrite": "text", "generate": "text"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    path = tmp_path_factory.mktemp("streams") / "copydesk.yaml"
    common = {"kind": "scripted", "retries": 0, "idle_timeout_s": 1}
    backends = {"first": {**common, "answers": SCRIPT}, "second": {**common, "answers": FALLBACK}}
    routes = {"default": ["first"], "generate": ["first", "second"]}
    path.write_text(yaml.safe_dump({"backends": backends, "routes": routes}))
    with serving("--config", str(path)) as running:
        yield running


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with service.client() as found:
        for backend in ("first", "second"):  # a success between failures: the breaker has tests of its own
            assert found.post("/v1/summarize", json={"text": "x", "backend": backend}).status_code == 200
        yield found


def slots_in_use(client: httpx.Client) -> int:
    """How many requests the first backend works on."""
    found: int = client.get("/v1/backends").json()["backends"][0]["slots_in_use"]
    return found


@pytest.mark.parametrize("task", BODIES)
def test_the_deltas_joined_are_the_text_of_the_whole_response(client: httpx.Client, task: str) -> None:
    *deltas, done = events(client, f"/v1/{task}/stream", BODIES[task])
    assert [event.name for event in deltas] == ["delta"] * len(deltas)
    assert len(deltas) > 5
    assert done.name == "done"
    text = "".join(event.data["text"] for event in deltas)
    assert done.data[TEXT[task]] == text == "One two three four.\n\nFive 😀 six — seven “eight”."
    whole = client.post(f"/v1/{task}", json=BODIES[task]).json()
    assert whole.keys() == done.data.keys()
    assert whole["meta"].keys() == done.data["meta"].keys()
    assert whole["meta"]["prompt"] == done.data["meta"]["prompt"]
    assert done.data["meta"]["usage"]["output_tokens"] == 10


def test_a_word_limit_ends_the_stream_and_says_so(client: httpx.Client) -> None:
    *deltas, done = events(client, "/v1/summarize/stream", {"text": "x", "max_words": 3})
    text = "".join(event.data["text"] for event in deltas)
    assert (done.data["summary"], done.data["shortened"]) == (text, True)
    assert text == "One two three…"


def test_the_cap_on_tokens_is_told(client: httpx.Client) -> None:
    *deltas, done = events(client, "/v1/summarize/stream", {"text": "capped"})
    assert done.data["shortened"] is True
    assert done.data["summary"] == "".join(event.data["text"] for event in deltas) == "One two. Three fo…"
    last = events(client, "/v1/rewrite/stream", {"text": "capped", "style": "formal"})[-1]
    assert (last.name, last.data["code"]) == ("error", "output_truncated")


def test_pieces_come_while_the_model_writes(client: httpx.Client) -> None:
    with client.stream("POST", "/v1/summarize/stream", json={"text": "takes its time"}) as response:
        stream = read(response)
        assert next(stream).name == "delta"
        assert slots_in_use(client) == 1  # for ten seconds


@pytest.mark.parametrize(
    ("body", "status", "code", "retry_after"),
    [
        pytest.param({"text": "at the door"}, 503, "backend_unavailable", "7", id="before the first piece"),
        pytest.param({"text": "no room"}, 503, "backend_busy", "3", id="busy"),
        pytest.param({"text": "silent"}, 502, "output_invalid", None, id="no text at all"),
        pytest.param({"text": ""}, 422, "invalid_request", None, id="bad input"),
        pytest.param({"text": "x", "prompt": "9.9.9"}, 404, "prompt_unknown", None, id="unknown prompt"),
        pytest.param({"text": "x", "backend": "none"}, 404, "backend_unknown", None, id="unknown backend"),
        pytest.param({"text": "takes its time", "deadline_ms": 5}, 504, "deadline_exceeded", None, id="deadline"),
    ],
)
def test_what_fails_before_the_first_piece_is_a_plain_problem(
    client: httpx.Client, body: dict[str, Any], status: int, code: str, retry_after: str | None
) -> None:
    response = client.post("/v1/summarize/stream", json=body)
    if code == "deadline_exceeded" and response.status_code == 200:  # a piece may have come in these 5 ms
        assert '"code":"deadline_exceeded"' in response.text
        return
    found = problem(response, status, code)
    assert response.headers.get("retry-after") == retry_after
    assert found["instance"] == "/v1/summarize/stream"


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        pytest.param("midway", "backend_unavailable", "one two", id="breaks down"),
        pytest.param("ends early", "backend_protocol_error", "one two three", id="ends early"),
        pytest.param("stalls", "backend_timeout", "one two", id="stalls"),
    ],
)
def test_what_fails_after_it_is_the_last_event(client: httpx.Client, text: str, code: str, said: str) -> None:
    *deltas, last = events(client, "/v1/summarize/stream", {"text": text})
    assert "".join(event.data["text"] for event in deltas) == said
    assert (last.name, last.data["code"]) == ("error", code)
    assert {"type", "title", "status", "detail", "instance", "request_id", "retryable"} <= last.data.keys()


def test_a_deadline_in_mid_stream_is_the_last_event(client: httpx.Client) -> None:
    *deltas, last = events(client, "/v1/summarize/stream", {"text": "takes its time", "deadline_ms": 1500})
    assert deltas
    assert (last.name, last.data["code"]) == ("error", "deadline_exceeded")


def test_another_backend_takes_over_before_the_first_piece_only(client: httpx.Client) -> None:
    *deltas, done = events(client, "/v1/generate/stream", {"instruction": "at the door"})
    assert "".join(event.data["text"] for event in deltas) == "the second one answers"
    assert done.data["meta"]["backend"] == "second"
    attempts = [(attempt["backend"], attempt["code"]) for attempt in done.data["meta"]["attempts"]]
    assert attempts == [("first", "backend_unavailable")]
    last = events(client, "/v1/generate/stream", {"instruction": "midway"})[-1]
    assert (last.name, last.data["code"]) == ("error", "backend_unavailable")


def test_a_request_may_name_its_backend(client: httpx.Client) -> None:
    done = events(client, "/v1/summarize/stream", {"text": "x", "backend": "second"})[-1]
    assert done.data["meta"]["backend"] == "second"
    answer = client.post("/v1/summarize", json={"text": "x", "backend": "second"}).json()
    assert answer["meta"]["backend"] == "second"


@pytest.mark.parametrize("task", ["extract", "classify"])
def test_tasks_without_a_text_have_no_stream(client: httpx.Client, task: str) -> None:
    problem(client.post(f"/v1/{task}/stream", json={}), 404, "not_found")


def test_a_caller_that_vanishes_is_logged_as_such(service: Service, client: httpx.Client) -> None:
    headers = {"x-request-id": "vanishing-1"}
    with client.stream("POST", "/v1/summarize/stream", json={"text": "takes its time"}, headers=headers) as response:
        next(read(response))
    assert wait_until(lambda: any("vanishing-1" in line and "code=caller_gone" in line for line in service.log))


def test_the_log_line_of_a_stream_says_what_it_cost(service: Service, client: httpx.Client) -> None:
    with client.stream("POST", "/v1/summarize/stream", json={"text": "x"}, headers={"x-request-id": "cost-1"}) as done:
        done.read()
    assert wait_until(lambda: any("id=cost-1" in line and " out=10" in line for line in service.log))


def test_who_still_waits_when_the_service_has_to_end_is_told(tmp_path: Path) -> None:
    backends = {"only": {"kind": "scripted", "answers": [{"answer": " ".join(["word"] * 500), "token_ms": 50}]}}
    path = tmp_path / "copydesk.yaml"
    path.write_text(yaml.safe_dump({"backends": backends, "server": {"shutdown_grace_s": 1}}))
    with serving("--config", str(path)) as running, running.client() as client, ThreadPoolExecutor(1) as pool:
        whole = pool.submit(client.post, "/v1/summarize", json={"text": "whole"})
        with client.stream("POST", "/v1/summarize/stream", json={"text": "x", "max_words": 400}) as response:
            stream = read(response)
            next(stream)
            assert wait_until(lambda: slots_in_use(client) == 2)
            running.process.send_signal(signal.SIGTERM)
            *_, last = stream
        assert (last.name, last.data["code"]) == ("error", "shutting_down")
        problem(whole.result(), 503, "shutting_down")
    assert not [line for line in running.log if "Traceback" in line]
