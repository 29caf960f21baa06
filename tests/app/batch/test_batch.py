"""Batches over a real socket: order, places of errors, deadlines, rooms, and callers that vanish."""

import base64
import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import yaml

from app.strict_json import MOST_VALUES
from tests.app.test_http import problem
from tests.backends.ollama_server import Canned, OllamaServer, canned_server
from tests.conftest import Service, serving, wait_until

pytestmark = pytest.mark.e2e

BATCH = "/v1/summarize/batch"
SLOTS, QUEUE = 2, 4
SCRIPT: list[dict[str, Any]] = [
    {"when": "outage", "fail": "unavailable"},
    {"when": "slow", "answer": "Slowly.", "delay_ms": 200},
    {"when": "never", "stall_after": 0},
    {"when": "Which labels", "answer": {"labels": ["b", "a"]}},
    {"when": "Which label", "answer": {"label": "b"}},
    {"when": "Types:", "answer": {"entities": [{"type": "name", "text": "Ada"}]}},
    {"answer": "A short answer."},
]
ITEMS: dict[str, dict[str, Any]] = {
    "summarize": {"text": "x"},
    "rewrite": {"text": "x", "style": "formal"},
    "extract": {"text": "Ada", "types": [{"name": "name"}]},
    "classify": {"text": "x", "labels": [{"name": "a"}, {"name": "b"}]},
    "generate": {"instruction": "x"},
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[OllamaServer]:
    with canned_server(Canned([f"{number} " for number in range(1000)], each_s=0.01), parallel=SLOTS) as server:
        yield server


@pytest.fixture(scope="module")
def service(upstream: OllamaServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    path = tmp_path_factory.mktemp("batch") / "copydesk.yaml"
    limits = {"concurrency": SLOTS, "max_queue": QUEUE, "retries": 0}
    backends = {
        "script": {"kind": "scripted", "answers": SCRIPT, **limits},
        "gpu": {"kind": "ollama", "base_url": upstream.base_url, "model": upstream.model_name, **limits},
    }
    batch = {"max_items": 1000, "max_response_bytes": 300_000}
    path.write_text(yaml.safe_dump({"backends": backends, "routes": {"default": ["script"]}, "batch": batch}))
    with serving("--config", str(path)) as running:
        yield running


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with service.client() as found:
        assert found.post("/v1/summarize", json={"text": "x"}).status_code == 200  # the breaker has tests of its own
        yield found


def batch(client: httpx.Client, items: list[Any], path: str = BATCH, **more: Any) -> dict[str, Any]:
    """The answer to a batch, in which each item has one of a result and a problem, in order."""
    response = client.post(path, json={"items": items, **more})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    assert [entry["index"] for entry in answer["results"]] == list(range(len(items)))
    assert all(("result" in entry) != ("problem" in entry) for entry in answer["results"])
    counts = answer["meta"]["counts"]
    succeeded = sum("result" in entry for entry in answer["results"])
    assert counts == {"total": len(items), "succeeded": succeeded, "failed": len(items) - succeeded}
    return answer


def alone(text: str, **more: Any) -> dict[str, Any]:
    """An item whose answer no other item's serves."""
    return {"text": text, "bypass_cache": True, **more}


def codes(answer: dict[str, Any]) -> Counter[str]:
    return Counter(entry["problem"]["code"] if "problem" in entry else "ok" for entry in answer["results"])


@pytest.mark.parametrize("task", ITEMS)
def test_every_task_has_a_batch(client: httpx.Client, task: str) -> None:
    single = client.post(f"/v1/{task}", json=ITEMS[task])
    assert single.status_code == 200, single.text
    answer = batch(client, [ITEMS[task]] * 3, path=f"/v1/{task}/batch")
    for entry in answer["results"]:
        result = entry["result"]
        assert {**result, "meta": None} == {**single.json(), "meta": None}
        assert result["meta"].keys() == single.json()["meta"].keys()


def test_the_sum_and_the_ids_of_a_batch(service: Service) -> None:
    with service.client() as client:
        client.headers["x-request-id"] = "sum-1"
        answer = batch(client, [alone(f"text {number}") for number in range(10)])
    assert answer["meta"]["request_id"] == "sum-1"
    assert [entry["result"]["meta"]["request_id"] for entry in answer["results"]] == [f"sum-1:{n}" for n in range(10)]
    for name in ("input_tokens", "output_tokens", "model_calls"):
        parts = [entry["result"]["meta"]["usage"][name] for entry in answer["results"]]
        assert answer["meta"]["usage"][name] == sum(parts) > 0
    assert wait_until(lambda: any("id=sum-1 " in line and " items=10 " in line for line in service.log))


def test_a_bad_item_is_a_problem_in_its_place(client: httpx.Client) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "(a+)+$"}}}
    items = [
        {"instruction": "x"},
        {"instruction": ""},
        {"instruction": "x", "max_words": "5", "of": 1},
        "no object",
        {"instruction": "x", "output_schema": schema},
        {"instruction": "x", "prompt": "9.9.9"},
        {"instruction": "outage"},
        {"instruction": "x"},
    ]
    answer = batch(client, items, path="/v1/generate/batch")
    found = [entry.get("problem") for entry in answer["results"]]
    assert [problem and problem["code"] for problem in found] == [
        None,
        "invalid_request",
        "invalid_request",
        "invalid_request",
        "schema_unsupported",
        "prompt_unknown",
        "backend_unavailable",
        None,
    ]
    pointers = [[field["pointer"] for field in problem.get("errors", [])] for problem in found if problem]
    assert pointers[0] == ["/items/1/instruction"]
    assert sorted(pointers[1]) == ["/items/2/max_words", "/items/2/of"]
    assert pointers[2] == ["/items/3"]
    assert pointers[3] == ["/items/4/output_schema/properties/a/pattern"]
    assert found[6]["retryable"] is True
    for index, one in enumerate(found):
        if one:
            assert {"type", "title", "status", "detail", "instance", "retryable"} <= one.keys()
            assert one["instance"] == "/v1/generate/batch"
            assert one["request_id"].endswith(f":{index}")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        pytest.param({}, "/items", id="no items"),
        pytest.param({"items": []}, "/items", id="an empty list"),
        pytest.param({"items": {"text": "x"}}, "/items", id="no list"),
        pytest.param({"items": [{"text": "x"}] * 1001}, "/items", id="too many"),
        pytest.param({"items": [{"text": "x"}], "deadline_ms": 0}, "/deadline_ms", id="no deadline"),
        pytest.param({"items": [{"text": "x"}], "text": "x"}, "/text", id="an unknown field"),
    ],
)
def test_a_bad_frame_is_a_problem_of_the_whole(client: httpx.Client, body: dict[str, Any], pointer: str) -> None:
    found = problem(client.post(BATCH, json=body), 422, "invalid_request")
    assert [field["pointer"] for field in found["errors"]] == [pointer]


def test_a_batch_does_not_overflow_the_queue_of_its_backend(client: httpx.Client) -> None:
    answer = batch(client, [alone(f"text {number}") for number in range(100)])
    assert codes(answer) == {"ok": 100}


def test_several_batches_that_overflow_it_together_wait_for_room(client: httpx.Client) -> None:
    with ThreadPoolExecutor(6) as pool:
        items = [[alone(f"slow {who} {number}") for number in range(4)] for who in range(6)]
        answers = list(pool.map(lambda some: batch(client, some), items))
    assert sum(map(codes, answers), Counter()) == {"ok": 24}


def test_what_is_not_through_by_the_deadline_is_told_in_its_place(client: httpx.Client) -> None:
    items = [alone(f"text {number}") for number in range(3)] + [alone(f"never {number}") for number in range(27)]
    start = time.monotonic()
    answer = batch(client, items, deadline_ms=1500)
    assert time.monotonic() - start < 30, "of the last items each would take a minute"
    assert codes(answer) == {"ok": 3, "deadline_exceeded": 27}
    assert "1500 ms" in answer["results"][-1]["problem"]["detail"]


def test_an_item_has_its_own_deadline_within_that_of_the_batch(client: httpx.Client) -> None:
    items = [alone("slow a"), alone("slow b", deadline_ms=1), alone("slow c", deadline_ms=60_000)]
    answer = batch(client, items, deadline_ms=20_000)
    assert [entry.get("problem", {}).get("code") for entry in answer["results"]] == [None, "deadline_exceeded", None]
    assert "1 ms" in answer["results"][1]["problem"]["detail"]


def test_a_vanished_caller_cancels_what_is_left(service: Service, upstream: OllamaServer) -> None:
    counts = upstream.counts
    cancelled, asked = counts.cancelled, counts.requests["/api/chat"]
    items = [alone(f"text {number}", backend="gpu", max_words=900) for number in range(20)]
    body = json.dumps({"items": items}).encode()
    host, port = service.url.removeprefix("http://").split(":")
    head = f"POST {BATCH} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: vanished-1\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + body)
        assert wait_until(lambda: counts.active == SLOTS and counts.tokens > 3)
    assert wait_until(lambda: counts.cancelled == cancelled + SLOTS)
    assert wait_until(lambda: counts.active == 0)
    at_the_end = counts.tokens
    time.sleep(0.2)
    assert (counts.tokens, counts.requests["/api/chat"]) == (at_the_end, asked + SLOTS)
    assert wait_until(lambda: any("id=vanished-1 " in line and "code=caller_gone" in line for line in service.log))


def test_results_that_are_too_large_together_are_left_out(client: httpx.Client) -> None:
    document = {"media_type": "text/plain", "data_base64": base64.b64encode(b"word " * 20_000).decode()}
    items = [{"document": document, "include_document_text": True, "max_words": 20}] * 4
    answer = batch(client, items)
    assert codes(answer) == {"ok": 2, "response_too_large": 2}


def test_many_bad_items_delay_nobody(service: Service, client: httpx.Client) -> None:
    fields = {f"f{number}": 1 for number in range(MOST_VALUES // 1000 - 3)}
    items = [{"text": "x", **fields}] * 1000
    with ThreadPoolExecutor(1) as pool, service.client() as other:
        waiting = pool.submit(batch, client, items)
        answered = 0
        while not waiting.done():
            assert other.get("/healthz").status_code == 200
            answered += 1
    assert codes(waiting.result()) == {"invalid_request": 1000}
    assert answered > 40, "some hundred between the items; fewer than twenty where these leave no room"


def test_with_a_key_a_batch_is_replayed_whole(client: httpx.Client) -> None:
    body = {"items": [alone("x"), {"text": ""}]}
    first, again = (client.post(BATCH, json=body, headers={"Idempotency-Key": "batch-1"}) for _ in range(2))
    assert again.headers["idempotent-replayed"] == "true"
    assert first.content == again.content
