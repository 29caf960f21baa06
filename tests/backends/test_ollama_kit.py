"""The Ollama server of the test kit behaves as Ollama does, also where that is no pleasure."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.backends.ollama_server import Canned, Fault, OllamaServer, canned_server
from tests.conftest import wait_until

pytestmark = pytest.mark.e2e

HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    with canned_server() as running:
        yield running


def post(server: OllamaServer, path: str, **body: Any) -> httpx.Response:
    with httpx.Client(base_url=server.base_url, trust_env=False, timeout=10) as client:
        return client.post(path, json={"model": server.model_name, **body})


def chat(server: OllamaServer, messages: list[dict[str, str]], **body: Any) -> httpx.Response:
    return post(server, "/api/chat", messages=messages, **{"stream": False, **body})


def lines(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.split("\n") if line]


def test_whole_and_streamed_answers_are_the_same(server: OllamaServer) -> None:
    whole = chat(server, HELLO).json()
    streamed = lines(post(server, "/api/chat", messages=HELLO))
    generated = lines(post(server, "/api/generate", prompt="Hello"))
    assert "".join(line["message"]["content"] for line in streamed) == whole["message"]["content"] == "Hello there."
    assert "".join(line["response"] for line in generated) == "Hello there."
    assert [line["done"] for line in streamed] == [False, False, False, True]
    assert streamed[-1]["prompt_eval_count"] == whole["prompt_eval_count"] == len(server.last_tokens)


def test_the_oldest_messages_are_dropped_in_silence(server: OllamaServer) -> None:
    middle = [{"role": "user", "content": f"old{n} " * 40} for n in range(9)]
    answer = chat(server, [{"role": "system", "content": "Law"}, *middle, *HELLO], options={"num_ctx": 256})
    assert answer.status_code == 200
    assert "Law" in server.last_prompt
    assert "old0" not in server.last_prompt
    assert "old8" in server.last_prompt
    assert answer.json()["prompt_eval_count"] <= 256
    assert server.counts.cut == 1


@pytest.mark.parametrize(
    ("knobs", "body", "count"),
    [
        pytest.param({}, {}, 256 - 126, id="to half"),
        pytest.param({"ignores_truncate": True}, {"truncate": False}, 256, id="before 0.12.6"),
        pytest.param({}, {"truncate": False}, None, id="refused where asked for"),
        pytest.param({"native_template": True}, {}, None, id="refused by a native template"),
    ],
)
def test_a_last_message_that_is_too_long(
    server: OllamaServer, knobs: dict[str, Any], body: dict[str, Any], count: int | None
) -> None:
    for name, value in knobs.items():
        setattr(server, name, value)
    answer = chat(server, [{"role": "user", "content": "word " * 400}], options={"num_ctx": 256}, **body)
    if count is not None:
        assert answer.json()["prompt_eval_count"] == count
        return
    detail = json.loads(answer.json()["error"])["error"]
    assert answer.status_code == detail["code"] == 400
    assert (detail["type"], detail["n_ctx"]) == ("exceed_context_size_error", 256)
    assert detail["n_prompt_tokens"] > 400


def test_another_context_loads_the_model_anew(server: OllamaServer) -> None:
    for options in ({}, {}, {"num_ctx": 512}, {"num_ctx": 512, "temperature": 1}, {"num_ctx": 512, "num_gpu": 1}):
        chat(server, HELLO, options=options)
    assert server.counts.loads == 3
    chat(server, HELLO, options={"num_ctx": 512, "num_gpu": 1}, shift=False)
    assert server.counts.loads == 4
    assert server.context == 512


def test_a_request_without_messages_loads_and_unloads(server: OllamaServer) -> None:
    assert chat(server, [], keep_alive="45m").json()["done_reason"] == "load"
    with httpx.Client(base_url=server.base_url, trust_env=False) as client:
        running = client.get("/api/ps").json()["models"]
        assert (running[0]["context_length"], running[0]["size_vram"] > 0) == (4096, True)
        assert chat(server, [], keep_alive=0).json()["done_reason"] == "unload"
        assert client.get("/api/ps").json() == {"models": []}
        assert client.get("/api/version").json() == {"version": "0.33.0"}
        assert client.get("/api/tags").json()["models"][0]["name"] == server.model_name
        assert client.get("/nowhere").status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        pytest.param({"model": "other"}, 404, "model 'other' not found", id="no such model"),
        pytest.param({"model": ""}, 400, "model is required", id="no name"),
        pytest.param({"think": True}, 400, "does not support thinking", id="cannot think"),
        pytest.param({"top_logprobs": 21}, 400, "between 0 and 20", id="too many logprobs"),
    ],
)
def test_a_request_is_refused(server: OllamaServer, body: dict[str, Any], status: int, says: str) -> None:
    answer = chat(server, HELLO, **body)
    assert answer.status_code == status
    assert says in answer.json()["error"]


def test_requests_wait_for_a_slot_without_bound() -> None:
    with canned_server(Canned(each_s=0.02), parallel=2) as server:
        threads = [threading.Thread(target=chat, args=(server, HELLO)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.counts.most_active == 2
        assert (server.counts.active, server.counts.waiting) == (0, 0)
        assert server.counts.tokens == 24


def test_only_so_many_wait_for_a_load() -> None:
    with canned_server(max_queue=1) as server:
        server.may_load.clear()
        first = threading.Thread(target=chat, args=(server, HELLO))
        first.start()
        assert wait_until(lambda: server._pending == 1)
        answer = chat(server, HELLO)
        server.may_load.set()
        first.join()
    assert answer.status_code == 503
    assert answer.json()["error"].startswith("server busy, please try again.")


def test_a_fault_ends_after_its_times(server: OllamaServer) -> None:
    server.fault = Fault(status=429, retry_after="3", times=2)
    answers = [chat(server, HELLO) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "3"


def test_thoughts_come_where_nobody_forbids_them(server: OllamaServer) -> None:
    server.capabilities = ("completion", "thinking")
    thoughts = [line["message"].get("thinking") for line in lines(post(server, "/api/chat", messages=HELLO))]
    assert thoughts[:4] == ["Let", " me", " think", "."]
    quiet = lines(post(server, "/api/chat", messages=HELLO, think=False))
    assert not any("thinking" in line["message"] for line in quiet)


def test_embeddings_are_cut_or_refused(server: OllamaServer) -> None:
    found = post(server, "/api/embed", input=["a b", "c"]).json()
    assert len(found["embeddings"]) == 2
    long = {"input": "word " * 400, "options": {"num_ctx": 256}}
    assert post(server, "/api/embed", **long).json()["prompt_eval_count"] == 256
    assert post(server, "/api/embed", **long, truncate=False).status_code == 400
