"""Requests that are sent twice with one key: what is served again, what is replayed, and what is refused."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.app.events import Event, read
from tests.app.idempotency.replies import calls, in_use, is_replay, new_key, post
from tests.app.test_http import problem
from tests.conftest import Service, wait_until

pytestmark = pytest.mark.e2e

STREAM = "/v1/summarize/stream"


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with service.client() as found:
        for _ in range(4):  # successes between failures, of both workers: the breaker has tests of its own
            assert post(found, "x").status_code == 200
        yield found


def test_a_replay_is_the_stored_reply(client: httpx.Client) -> None:
    key = new_key()
    before = calls(client)
    first = post(client, "once", f'"{key}"')
    again = post(client, "once", key)
    assert first.status_code == again.status_code == 200
    assert (is_replay(first), is_replay(again)) == (False, True)
    assert again.content == first.content
    assert again.headers["content-type"] == first.headers["content-type"]
    assert first.json()["meta"]["request_id"] == first.headers["x-request-id"] != again.headers["x-request-id"]
    assert calls(client) == before + 1


def test_without_a_key_each_request_is_served(client: httpx.Client) -> None:
    assert not is_replay(post(client, "free"))
    assert not is_replay(post(client, "free"))


def test_the_same_key_with_another_body_is_refused(client: httpx.Client) -> None:
    key = new_key()
    assert post(client, "one", key).status_code == 200
    problem(post(client, "two", key), 422, "idempotency_key_reused")
    assert is_replay(post(client, "one", key))


def test_operations_have_their_own_keys(client: httpx.Client) -> None:
    key = new_key()
    assert not is_replay(post(client, "x", key))
    other = post(client, "x", key, path="/v1/rewrite", style="formal")
    assert (other.status_code, is_replay(other)) == (200, False)


def test_while_the_first_is_served_others_are_told_to_wait(client: httpx.Client) -> None:
    key = new_key()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(post, client, "slow", key)
        assert wait_until(lambda: in_use(client) == 1)
        waiting = post(client, "slow", key)
        assert problem(waiting, 409, "idempotency_in_progress")["retryable"] is True
        assert int(waiting.headers["retry-after"]) >= 1
        problem(post(client, "another", key), 422, "idempotency_key_reused")
        assert first.result().status_code == 200
    assert post(client, "slow", key).content == first.result().content


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        pytest.param({"max_words": 0}, 422, "invalid_request", id="bad input"),
        pytest.param({"prompt": "9.9.9"}, 404, "prompt_unknown", id="unknown prompt"),
    ],
)
def test_a_refusal_that_stands_is_replayed(client: httpx.Client, more: dict[str, Any], status: int, code: str) -> None:
    key = new_key()
    first, again = post(client, "x", key, **more), post(client, "x", key, **more)
    problem(first, status, code)
    assert (is_replay(first), is_replay(again)) == (False, True)
    assert (again.status_code, again.content) == (status, first.content)
    assert again.headers["content-type"] == "application/problem+json"


def test_a_failure_that_may_pass_frees_the_key(client: httpx.Client) -> None:
    key = new_key()
    before = calls(client)
    for _ in range(2):
        failed = post(client, "outage", key)
        problem(failed, 503, "backend_unavailable")
        assert not is_replay(failed)
    assert calls(client) == before + 2
    assert post(client, "another body", key).status_code == 200


def test_what_is_no_key_is_refused(client: httpx.Client) -> None:
    problem(post(client, "x", "two words"), 400, "idempotency_key_invalid")
    two = [("Idempotency-Key", "a"), ("Idempotency-Key", "b"), ("Content-Type", "application/json")]
    problem(client.post("/v1/summarize", content=b'{"text": "x"}', headers=two), 400, "idempotency_key_invalid")


def test_reading_takes_no_key(client: httpx.Client) -> None:
    answer = client.get("/v1/tasks", headers={"Idempotency-Key": "two words"})
    assert (answer.status_code, is_replay(answer)) == (200, False)


def test_a_reply_that_is_too_large_is_not_kept_and_says_so(client: httpx.Client) -> None:
    key = new_key()
    for _ in range(2):
        answer = client.post("/v1/generate", json={"instruction": "in full"}, headers={"Idempotency-Key": key})
        assert answer.status_code == 200
        assert len(answer.json()["text"]) > 2048
        assert answer.headers["idempotent-reply-kept"] == "false"
        assert not is_replay(answer)


def streamed(client: httpx.Client, text: str, key: str) -> tuple[httpx.Response, list[Event]]:
    body = {"text": text, "bypass_cache": True}
    with client.stream("POST", STREAM, json=body, headers={"Idempotency-Key": key}) as response:
        return response, list(read(response))


def test_the_replay_of_a_stream_is_its_last_event(client: httpx.Client) -> None:
    key = new_key()
    before = calls(client)
    first, (*deltas, done) = streamed(client, "x", key)
    again, (only,) = streamed(client, "x", key)
    assert len(deltas) == 3
    assert (is_replay(first), is_replay(again)) == (False, True)
    assert (only.name, only.id, only.data) == ("done", 1, done.data)
    for name in ("content-type", "cache-control", "x-accel-buffering"):
        assert again.headers[name] == first.headers[name]
    assert calls(client) == before + 1


def test_a_stream_that_failed_frees_the_key(client: httpx.Client) -> None:
    key = new_key()
    for _ in range(2):
        answer, (*_, last) = streamed(client, "midway", key)
        assert (last.name, last.data["code"], is_replay(answer)) == ("error", "backend_unavailable", False)


@pytest.mark.parametrize("path", ["/v1/summarize", STREAM])
def test_a_caller_that_hangs_up_frees_the_key(service: Service, client: httpx.Client, path: str) -> None:
    key = new_key()
    body = b'{"text": "for long", "bypass_cache": true, "max_words": 500}'
    host, port = service.url.removeprefix("http://").split(":")
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: {key}\r\nX-Request-Id: {key}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + body)
        time.sleep(0.5)
    assert wait_until(lambda: any(f"id={key} code=caller_gone" in line for line in service.log))
    assert wait_until(lambda: in_use(client) == 0)
    assert wait_until(lambda: post(client, "another body", key, path=path).status_code == 200)


def test_the_log_tells_a_replay(service: Service, client: httpx.Client) -> None:
    key = new_key()
    post(client, "x", key)
    found = post(client, "x", key).headers["x-request-id"]
    assert wait_until(lambda: any(f"id={found} idempotency=replayed" in line for line in service.log))
