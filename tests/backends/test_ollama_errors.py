"""What can go wrong with an Ollama server: each time a typed error that says what to do, and never an answer."""

import asyncio
import json
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from chains.backends.ollama.chat_model import OllamaChatModel
from chains.errors import (
    BackendBusy,
    BackendError,
    BackendProtocolError,
    BackendRejected,
    BackendTimeout,
    BackendUnavailable,
)
from tests.backends.ollama_calls import ask, on, until
from tests.backends.ollama_server import Canned, Fault, OllamaServer, canned_server

pytestmark = pytest.mark.e2e

SECRET = "caller-text-42"
BUSY = "server busy, please try again.  maximum pending requests exceeded"
MEMORY = "model requires more system memory (5.6 GiB) than is available (2.1 GiB)"
QUOTED = '{"error":{"code":400,"message":"bad caller-text-42","type":"invalid_request_error"}}'


ONCE = {"message": {"content": "x"}, "done": False}
LAST = {"message": {"content": ""}, "done": True, "done_reason": "stop", "prompt_eval_count": 10, "eval_count": 1}


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    with canned_server(["one", " two", " three"]) as running:
        yield running


def failure(server: OllamaServer, *, max_tokens: int = 20, **keys: Any) -> BackendError:
    """The error of a call, whole and streamed, after which the server is idle."""
    found = []
    for streamed in (False, True):

        async def work(model: OllamaChatModel, streamed: bool = streamed) -> None:
            if streamed:
                async for _ in model.astream(SECRET, max_tokens=max_tokens):
                    pass
            else:
                await model.ainvoke(SECRET, max_tokens=max_tokens)

        with pytest.raises(BackendError) as caught:
            on(server, work, **{"connect_timeout_s": 1, "idle_timeout_s": 0.3, "first_token_timeout_s": 0.5, **keys})
        found.append(caught.value)
        asyncio.run(until(lambda: not server.counts.active))
    assert type(found[0]) is type(found[1])
    assert str(found[0]) == str(found[1])
    assert found[0].backend == "gpu"
    assert SECRET not in str(found[0])
    return found[0]


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        pytest.param(Fault(status=400, error=QUOTED), BackendRejected, "answered 400", id="400"),
        pytest.param(Fault(status=401), BackendRejected, "api_key_env", id="401"),
        pytest.param(Fault(status=403), BackendRejected, "key", id="403"),
        pytest.param(Fault(status=404, error="404 page not found"), BackendRejected, "answered 404", id="404"),
        pytest.param(Fault(status=408), BackendTimeout, "answered 408", id="408"),
        pytest.param(Fault(status=429), BackendBusy, "answered 429", id="429"),
        pytest.param(Fault(status=499, error="request canceled"), BackendUnavailable, "499", id="499"),
        pytest.param(Fault(status=500), BackendUnavailable, "answered 500", id="500"),
        pytest.param(Fault(status=500, error=MEMORY), BackendUnavailable, "smaller model", id="no memory"),
        pytest.param(Fault(status=502, body=b"<html>bad gateway"), BackendUnavailable, "502", id="502 in HTML"),
        pytest.param(Fault(status=503, error=BUSY), BackendBusy, "busy", id="503"),
        pytest.param(Fault(status=504), BackendTimeout, "answered 504", id="504"),
        pytest.param(
            Fault(status=200, body=b"{}", content_type="text/html"), BackendProtocolError, "text/html", id="type"
        ),
        pytest.param(Fault(status=200, body=b"{}"), BackendProtocolError, "malformed", id="an empty object"),
        pytest.param(Fault(status=200, body=b"[1]"), BackendProtocolError, "malformed", id="no object"),
        pytest.param(Fault(status=200, body=b""), BackendProtocolError, "before it was complete", id="nothing"),
        pytest.param(Fault(status=200, body=b"x" * (9 << 20)), BackendProtocolError, "malformed", id="an endless line"),
        pytest.param(Fault(status=200, body=b'{"m": "\xff"}\n'), BackendProtocolError, "malformed", id="no UTF-8"),
        pytest.param(Fault(malformed_after=1), BackendProtocolError, "malformed", id="no JSON in the stream"),
        pytest.param(Fault(error_after=0), BackendUnavailable, "broke off", id="an error line at first"),
        pytest.param(Fault(error_after=2, error=SECRET), BackendUnavailable, "broke off", id="an error line later"),
        pytest.param(Fault(end_after=0), BackendProtocolError, "before it was complete", id="ends at once"),
        pytest.param(Fault(end_after=3), BackendProtocolError, "before it was complete", id="ends without done"),
        pytest.param(Fault(cut_after=1), BackendProtocolError, "cut off", id="connection cut"),
        pytest.param(Fault(done_reason="load"), BackendProtocolError, "'load'", id="done by load"),
        pytest.param(Fault(done_reason=""), BackendProtocolError, "without a reason", id="done for no reason"),
        pytest.param(Fault(without=("prompt_eval_count",)), BackendProtocolError, "incomplete", id="without usage"),
        pytest.param(Fault(without=("message",)), BackendProtocolError, "incomplete", id="without a message"),
        pytest.param(Fault(without=("done",)), BackendProtocolError, "incomplete", id="without done"),
        pytest.param(Fault(stall_first=True), BackendTimeout, "no first token within 0.5 s", id="first token"),
        pytest.param(Fault(stall_after=1), BackendTimeout, "no further token within 0.3 s", id="idle"),
    ],
)
def test_a_failure_is_typed(server: OllamaServer, fault: Fault, error: type[BackendError], says: str) -> None:
    server.fault = fault
    found = failure(server)
    assert type(found) is error
    assert says in str(found)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param({**ONCE, "logprobs": ["x"]}, id="logprobs of texts"),
        pytest.param({**ONCE, "logprobs": 5}, id="logprobs that are none"),
        pytest.param({**ONCE, "logprobs": [{"token": 5, "logprob": -1}]}, id="a token that is no text"),
        pytest.param({**ONCE, "logprobs": [{"token": "x", "logprob": float("nan")}]}, id="a logprob that is none"),
        pytest.param({**ONCE, "message": "x"}, id="a message that is a text"),
        pytest.param({**ONCE, "message": {"content": None}}, id="no content"),
        pytest.param({**LAST, "prompt_eval_count": -5}, id="a negative prompt"),
        pytest.param({**LAST, "prompt_eval_count": float("nan")}, id="a prompt of no number"),
        pytest.param({**LAST, "prompt_eval_count": 10.5}, id="half a token"),
        pytest.param({**LAST, "prompt_eval_count": "x"}, id="a prompt of text"),
        pytest.param({**LAST, "prompt_eval_count": 10**30}, id="a prompt beyond any"),
        pytest.param({**LAST, "prompt_eval_count": True}, id="a truth for a count"),
        pytest.param({**LAST, "eval_count": -1}, id="a negative answer"),
        pytest.param({**LAST, "eval_count": None}, id="an answer without a count"),
        pytest.param({**LAST, "prompt_eval_cached_count": "x"}, id="cached tokens of text"),
    ],
)
def test_a_malformed_line_is_no_answer(server: OllamaServer, line: dict[str, Any]) -> None:
    server.fault = Fault(status=200, body=json.dumps(line).encode() + b"\n")
    found = failure(server)
    assert type(found) is BackendProtocolError
    assert "malformed or incomplete" in str(found)
    assert found.original is not None


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("/api/show", b"[]", id="no object"),
        pytest.param("/api/show", b'{"model_info": [1]}', id="a list for facts"),
        pytest.param("/api/show", b'{"model_info": {"general.architecture": {}}, "capabilities": 5}', id="a number"),
        pytest.param("/api/show", b"[" * 100_000, id="nested beyond any"),
        pytest.param("/api/show", b'{"x": "' + b"x" * (9 << 20) + b'"}', id="too large"),
        pytest.param("/api/ps", b"[]", id="no models"),
        pytest.param("/api/ps", b'{"models": ["x"]}', id="models of texts"),
        pytest.param("/api/ps", b'{"models": [{"model": "smollm2:135m", "context_length": -1}]}', id="less than none"),
        pytest.param("/api/ps", b'{"models": [{"model": "smollm2:135m", "context_length": 1e999}]}', id="infinite"),
        pytest.param("/api/version", b'"x"', id="no version"),
    ],
)
def test_malformed_facts_are_the_servers_fault(server: OllamaServer, path: str, body: bytes) -> None:
    server.fault = Fault((path,), status=200, body=body)
    assert type(failure(server)) is BackendProtocolError


def test_a_refusal_with_a_malformed_body_is_one_all_the_same(server: OllamaServer) -> None:
    server.fault = Fault(status=500, body=b"[" * 50_000)
    assert type(failure(server)) is BackendUnavailable
    numbers = json.dumps({"error": {"type": "exceed_context_size_error", "n_prompt_tokens": 1e999, "n_ctx": -1}})
    server.fault = Fault(status=400, error=numbers.replace("Infinity", "1e999"))
    assert type(failure(server)) is BackendRejected


def test_a_server_that_ignores_the_cap_is_cut_off(server: OllamaServer) -> None:
    server.fault = Fault(status=200, body=(json.dumps(ONCE).encode() + b"\n") * 2000)
    assert "far more than the 20 tokens" in str(failure(server))


def test_a_wrong_call_is_the_callers_fault(server: OllamaServer) -> None:
    with pytest.raises(ValueError, match="at most 20"):
        ask(server, logprobs=True, top_logprobs=21)
    with pytest.raises(ValueError, match="text only"):
        ask(server, [HumanMessage([{"type": "image_url", "image_url": "http://x"}])])
    assert not server.counts.requests


def test_a_prompt_follows_no_redirect(server: OllamaServer) -> None:
    with canned_server(["another server's answer"]) as other:
        server.fault = Fault(status=307, redirect=f"{other.base_url}/api/chat", body=b"")
        assert type(failure(server)) is BackendProtocolError
        assert not other.counts.requests


def test_the_whole_answer_has_a_limit() -> None:
    with canned_server(Canned(["x", "y"] * 500, each_s=0.02)) as server:
        assert "within 0.4 s (timeout_s)" in str(failure(server, max_tokens=900, timeout_s=0.4))


@pytest.mark.parametrize("header", [pytest.param("7", id="seconds"), pytest.param("rubbish", id="rubbish")])
def test_retry_after_is_passed_on(server: OllamaServer, header: str) -> None:
    server.fault = Fault(status=503, retry_after=header)
    assert failure(server).retry_after_s == (7 if header == "7" else None)


def test_a_missing_model_names_the_command(server: OllamaServer) -> None:
    server.installed = False
    found = failure(server)
    assert isinstance(found, BackendRejected)
    assert f"`ollama pull {server.model_name}`" in str(found)
    assert "`copydesk backends pull gpu`" in str(found)


def test_a_model_that_goes_missing_is_noticed(server: OllamaServer) -> None:
    async def work(model: OllamaChatModel) -> None:
        await model.ainvoke("Hello", max_tokens=20)
        server.installed = False
        await model.ainvoke("Hello", max_tokens=20)

    with pytest.raises(BackendRejected, match="ollama pull"):
        on(server, work, num_ctx=1024)


def test_the_repeat_guard_is_no_end() -> None:
    with canned_server(["x"] * 100) as server:
        assert "before it was complete" in str(failure(server, max_tokens=90))


def test_nothing_at_the_address() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with canned_server() as server:
            found = failure(server, base_url=f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert type(found) is BackendUnavailable
    assert "start the server" in str(found)


def test_an_answer_after_a_failure_is_good(server: OllamaServer) -> None:
    async def work(model: OllamaChatModel) -> str:
        for fault in (Fault(cut_after=1), Fault(status=500), Fault(end_after=1), Fault(malformed_after=0)):
            server.fault = fault
            with pytest.raises(BackendError):
                await model.ainvoke("Hello", max_tokens=20)
        server.fault = None
        return str((await model.ainvoke("Hello", max_tokens=20)).text)

    assert on(server, work) == "one two three"


def test_whoever_waits_for_a_slot_can_leave() -> None:
    with canned_server(Canned(["x", "y"] * 500, each_s=0.02), parallel=1) as server:

        async def work(model: OllamaChatModel) -> None:
            first = asyncio.create_task(model.ainvoke("Hello"))
            await until(lambda: server.counts.active)
            with pytest.raises(BackendTimeout, match="no first token"):
                await model.ainvoke("Hello")
            await until(lambda: not server.counts.waiting)
            first.cancel()
            await until(lambda: not server.counts.active)

        on(server, work, first_token_timeout_s=0.3)
        assert server.counts.most_active == 1


def test_the_key_is_sent_and_never_shown(server: OllamaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPU_KEY", "sk-very-secret")
    server.fault = Fault(status=401, error="sk-very-secret is wrong")

    async def work(model: OllamaChatModel) -> str:
        with pytest.raises(BackendRejected) as caught:
            await model.ainvoke("Hello", max_tokens=20)
        return f"{caught.value} {model!r} {model._identifying_params}"

    assert "secret" not in on(server, work, api_key_env="GPU_KEY")
    assert server.last_headers["Authorization"] == "Bearer sk-very-secret"
    assert "OLLAMA_API_KEY" not in os.environ


def test_an_answer_without_a_cached_count_has_no_details(server: OllamaServer) -> None:
    server.fault = Fault(without=("prompt_eval_cached_count", "total_duration"))
    usage = ask(server).usage_metadata
    assert usage is not None
    assert "input_token_details" not in usage
