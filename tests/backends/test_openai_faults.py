"""What the chat model for OpenAI's protocol makes of every way in which a server can answer badly."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from chains.backends.openai.chat_model import OpenAIChatModel
from chains.backends.openai.events import LARGEST_EVENT, server_sent_events
from chains.errors import (
    BackendBusy,
    BackendError,
    BackendProtocolError,
    BackendRejected,
    BackendTimeout,
    BackendUnavailable,
    ContextExceeded,
)
from tests.backends.openai_server import USAGE, OpenAIServer, Script, ask, event, using

pytestmark = pytest.mark.e2e

SECRET = "a text that nobody else may see"

OPENAI_TOO_LONG = (
    "This model's maximum context length is 4096 tokens. However, you requested 5009 tokens (5000 in the messages, 9 "
    "in the completion). Please reduce the length of the messages or completion."
)


@pytest.mark.parametrize(
    ("body", "needed", "limit"),
    [
        pytest.param(
            {"error": {"type": "exceed_context_size_error", "n_prompt_tokens": 77, "n_ctx": 64, "message": "m"}},
            *(86, 64),
            id="llama-server",
        ),
        pytest.param(
            {"error": {"code": "context_length_exceeded", "message": OPENAI_TOO_LONG}}, 5009, 4096, id="OpenAI"
        ),
        pytest.param({"object": "error", "message": OPENAI_TOO_LONG, "code": 400}, 5009, 4096, id="old vLLM"),
        pytest.param(
            {
                "error": {
                    "code": "context_length_exceeded",
                    "message": "This model's maximum context length is 8192 tokens. However, your messages resulted in "
                    "9001 tokens. Please reduce the length of the messages.",
                }
            },
            *(9010, 8192),
            id="OpenAI, messages only",
        ),
        pytest.param(
            {
                "error": {
                    "message": "This model's maximum context length is 128000 tokens. However, you requested 9 output "
                    "tokens and your prompt contains at least 128001 input tokens, for a total of at least 128010 "
                    "tokens. (parameter=input_tokens, value=128001)",
                    "code": 400,
                }
            },
            *(128010, 128000),
            id="vLLM",
        ),
        pytest.param(
            {
                "error": {
                    "message": "'max_tokens' or 'max_completion_tokens' is too large: 9. This model's maximum context "
                    "length is 2048 tokens and your request has 2047 input tokens (9 > 2048 - 2047)."
                }
            },
            *(2056, 2048),
            id="vLLM, cap too large",
        ),
        pytest.param(
            {
                "error": {
                    "message": "The decoder prompt (length 3000) is longer than the maximum model length of 2048. Make "
                    "sure that max_model_len is no smaller than the number of text tokens."
                }
            },
            *(3009, 2048),
            id="vLLM, decoder prompt",
        ),
        pytest.param(
            {"error": {"message": "The input (5000 tokens) is longer than the model's context length (4096 tokens)."}},
            *(5009, 4096),
            id="SGLang",
        ),
    ],
)
def test_a_prompt_that_the_server_finds_too_long(body: dict[str, Any], needed: int, limit: int) -> None:
    with pytest.raises(ContextExceeded) as caught:
        ask(Script(status=400, body=json.dumps(body)), options={"max_tokens": 9})
    assert (caught.value.needed, caught.value.limit, caught.value.reserved) == (needed, limit, 9)


MALFORMED_USAGE: dict[str, dict[str, Any]] = {
    "below zero": {"prompt_tokens": -1},
    "with a fraction": {"prompt_tokens": 20.5},
    "as a text": {"prompt_tokens": "20"},
    "as a truth": {"prompt_tokens": True},
    "of the answer below zero": {"completion_tokens": -2},
    "of the cache below zero": {"prompt_tokens_details": {"cached_tokens": -3}},
    "of thoughts below zero": {"completion_tokens_details": {"reasoning_tokens": -1}},
}
REFUSED = json.dumps({"error": {"message": SECRET, "type": "invalid_request_error"}})


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        pytest.param({"status": 400, "body": REFUSED}, BackendRejected, "answered 400", id="400"),
        pytest.param(
            {"status": 400, "body": '{"error": {"code": "context_length_exceeded", "message": "no"}}'},
            BackendRejected,
            "set context_tokens",
            id="too long, without numbers",
        ),
        pytest.param({"status": 401, "body": REFUSED}, BackendRejected, "check the key in GPU_KEY", id="401"),
        pytest.param({"status": 403, "body": "<html>"}, BackendRejected, "check the key in GPU_KEY", id="403, as HTML"),
        pytest.param({"status": 404, "body": REFUSED}, BackendRejected, "check base_url and model", id="404"),
        pytest.param({"status": 408}, BackendTimeout, "answered 408", id="408"),
        pytest.param({"status": 429, "headers": {"retry-after": "7"}}, BackendBusy, "answered 429", id="429"),
        pytest.param({"status": 500, "body": "[]"}, BackendUnavailable, "answered 500", id="500"),
        pytest.param({"status": 502, "body": "<html>"}, BackendUnavailable, "answered 502", id="502"),
        pytest.param({"status": 503, "headers": {"retry-after": "7"}}, BackendBusy, "answered 503", id="503"),
        pytest.param({"status": 204}, BackendProtocolError, "answered 204", id="204"),
        pytest.param({"content_type": "application/json"}, BackendProtocolError, "application/json", id="no stream"),
        pytest.param({"content_type": "text/html"}, BackendProtocolError, "check base_url", id="a page"),
        pytest.param({"finish": None}, BackendProtocolError, "before it was complete", id="no reason for the end"),
        pytest.param({"finish": None, "done": False}, BackendProtocolError, "before it was complete", id="no end"),
        pytest.param(
            {"tokens": (), "finish": None, "usage": None, "done": False},
            BackendProtocolError,
            "before it was complete",
            id="nothing at all",
        ),
        pytest.param({"cut_after": 1}, BackendProtocolError, "cut off", id="cut"),
        pytest.param({"cut_after": 0}, BackendProtocolError, "cut off", id="cut before the first token"),
        pytest.param({"raw": {1: b"data: {half\n\n"}}, BackendProtocolError, "malformed", id="no JSON"),
        pytest.param({"raw": {1: b"data: [1]\n\n"}}, BackendProtocolError, "malformed", id="no object"),
        pytest.param({"raw": {1: b"data: \xff\xfe\n\n"}}, BackendProtocolError, "malformed", id="no UTF-8"),
        pytest.param({"raw": {1: b"data: " + b"[" * 100_000 + b"\n\n"}}, BackendProtocolError, "malformed", id="deep"),
        pytest.param({"raw": {1: event(object="x")}}, BackendProtocolError, "malformed", id="without choices"),
        pytest.param({"raw": {1: event(choices=[7])}}, BackendProtocolError, "malformed", id="no choice"),
        pytest.param({"delta": {"content": 7}}, BackendProtocolError, "malformed", id="content that is no text"),
        *(
            pytest.param({"usage": {**USAGE, **usage}}, BackendProtocolError, "malformed", id=f"usage {name}")
            for name, usage in MALFORMED_USAGE.items()
        ),
        pytest.param(
            {"raw": {1: event(error={"code": {"a": 1}, "type": ["b"]})}},
            BackendUnavailable,
            "answered 500",
            id="error, without a name",
        ),
        pytest.param({"usage": {"total_tokens": 1}}, BackendProtocolError, "malformed", id="usage without the prompt"),
        pytest.param({"choice": {"logprobs": {"content": [{}]}}}, BackendProtocolError, "malformed", id="bad logprobs"),
        pytest.param({"raw": {1: b"x" * (9 << 20)}}, BackendProtocolError, "malformed", id="a line without end"),
        pytest.param(
            {"raw": {1: b"data: " + b"x" * 1000 + b"\n"}, "tokens": ("a", "b")},
            BackendProtocolError,
            "malformed",
            id="two events in one",
        ),
        pytest.param(
            {"raw": {1: event(error={"message": SECRET, "code": 500})}},
            BackendUnavailable,
            "500",
            id="error, by number",
        ),
        pytest.param(
            {"raw": {1: event(error={"message": SECRET, "code": "rate_limit_exceeded"})}},
            BackendBusy,
            "answered 429",
            id="error, by name",
        ),
        pytest.param({"raw": {1: event(error=SECRET)}}, BackendUnavailable, "answered 500", id="error, as text"),
        pytest.param(
            {"raw": {1: f'error: {{"code": 503, "message": "{SECRET}"}}\n\n'.encode()}},
            BackendBusy,
            "answered 503",
            id="error, as a field",
        ),
        pytest.param(
            {"raw": {1: event(object="error", message=SECRET, code=400)}},
            BackendRejected,
            "answered 400",
            id="error, of old vLLM",
        ),
        pytest.param({"finish": "content_filter"}, BackendRejected, "content filter", id="content filter"),
        pytest.param({"finish": "tool_calls"}, BackendProtocolError, "called a tool", id="tool calls"),
        pytest.param({"finish": "abort"}, BackendProtocolError, "ended by 'abort'", id="unknown end"),
        pytest.param({"delta": {"refusal": SECRET}}, BackendRejected, "declined to answer", id="refusal"),
        pytest.param({"usage": {"prompt_tokens": 1}}, BackendProtocolError, "read 1 tokens", id="a cut prompt"),
    ],
)
def test_a_bad_answer(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    changes: dict[str, Any],
    error: type[BackendError],
    says: str,
) -> None:
    monkeypatch.setenv("GPU_KEY", "sk-very-secret")
    with caplog.at_level(logging.DEBUG, "chains"), pytest.raises(error, match=says) as caught:
        ask(Script(**changes), f"Hello, {SECRET}", api_key_env="GPU_KEY")
    assert type(caught.value) is error
    assert caught.value.backend == "gpu"
    assert caught.value.retry_after_s == (7 if "headers" in changes else None)
    for shown in (str(caught.value), caplog.text):
        assert SECRET not in shown
        assert "sk-very-secret" not in shown


def test_an_error_in_the_stream_may_be_about_the_context() -> None:
    error = {"type": "exceed_context_size_error", "n_prompt_tokens": 77, "n_ctx": 64}
    with pytest.raises(ContextExceeded, match="takes 64"):
        ask(Script(raw={0: event(error=error)}))


@pytest.mark.parametrize(
    ("script", "configuration", "says"),
    [
        pytest.param(Script(stall_after=0), {"first_token_timeout_s": 0.2}, "first_token_timeout_s", id="first token"),
        pytest.param(Script(stall_after=1), {"idle_timeout_s": 0.2}, "idle_timeout_s", id="between tokens"),
        pytest.param(
            Script(tokens=("a",) * 100, delay_s=0.05), {"timeout_s": 0.4}, r"within 0\.4 s \(timeout_s", id="in total"
        ),
        pytest.param(
            Script(raw={0: event(choices=[])}, stall_after=0), {"first_token_timeout_s": 0.2}, "first", id="role only"
        ),
    ],
)
def test_each_limit_ends_the_request_and_the_connection(
    script: Script, configuration: dict[str, Any], says: str
) -> None:
    async def work(server: OpenAIServer, model: OpenAIChatModel) -> None:
        with pytest.raises(BackendTimeout, match=says):
            await model.ainvoke("Hello")
        await wait_until_left(server)

    _, server = using(script, work, **configuration)
    assert (server.left, server.running) == (1, 0)


async def wait_until_left(server: OpenAIServer) -> None:
    """Until nobody holds a connection, long before the server would end what it stalls."""
    start = time.monotonic()
    while server.running:
        await asyncio.sleep(0.005)
        assert time.monotonic() - start < 30


@pytest.mark.parametrize("stall_after", [0, 1], ids=["before the first token", "after it"])
def test_a_cancelled_request_closes_its_connection(stall_after: int) -> None:
    async def work(server: OpenAIServer, model: OpenAIChatModel) -> None:
        request = asyncio.ensure_future(model.ainvoke("Hello"))
        await server.started.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        await wait_until_left(server)

    _, server = using(Script(stall_after=stall_after), work)
    assert server.left == 1


def test_a_stream_that_is_left_closes_its_connection() -> None:
    async def work(server: OpenAIServer, model: OpenAIChatModel) -> None:
        async with aclosing(model.astream("Hello")) as chunks:  # type: ignore[type-var]
            async for _ in chunks:
                break
        await wait_until_left(server)

    _, server = using(Script(stall_after=1), work)
    assert server.left == 1


def test_a_server_that_is_away() -> None:
    async def work(server: OpenAIServer, model: OpenAIChatModel) -> None:
        gone = model.model_copy()
        await server.__aexit__()
        with pytest.raises(BackendUnavailable, match="nothing answers"):
            await gone.ainvoke("Hello")
        with pytest.raises(BackendUnavailable, match="nothing answers"):
            await gone.probe()

    using(Script(), work)


def test_an_event_is_bounded_also_over_many_lines() -> None:
    async def content() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"data: " + b"x" * (LARGEST_EVENT // 8) + b"\n"

    async def work() -> None:
        async for _ in server_sent_events(content()):
            pass

    with pytest.raises(ValueError, match="an event is too long"):
        asyncio.run(work())
