"""The kind `langchain` on a server that fails in every way: a typed error, in time, and nothing left running."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from chains.backends.langchain_provider.chat_model import LangChainChatModel
from chains.errors import (
    BackendBusy,
    BackendError,
    BackendProtocolError,
    BackendRejected,
    BackendTimeout,
    BackendUnavailable,
    ContextExceeded,
)
from tests.backends.langchain_calls import ask, configuration, using
from tests.backends.openai_server import USAGE, OpenAIServer, Script

pytestmark = pytest.mark.e2e

TOO_LONG = "This model's maximum context length is 100 tokens. However, your messages resulted in 140 tokens."


@pytest.mark.parametrize(
    ("status", "said", "kind", "words"),
    [
        pytest.param(400, {"message": "secret text"}, BackendRejected, "answered 400", id="400"),
        pytest.param(401, {"message": "sk-1"}, BackendRejected, "check the key in SAAS_KEY", id="401"),
        pytest.param(403, {"message": "x"}, BackendRejected, "the key may not do this", id="403"),
        pytest.param(404, {"message": "x"}, BackendRejected, "check base_url and model", id="404"),
        pytest.param(408, {"message": "x"}, BackendTimeout, "answered 408", id="408"),
        pytest.param(422, {"message": "x"}, BackendRejected, "answered 422", id="422"),
        pytest.param(429, {"message": "x"}, BackendBusy, "asked too often", id="429"),
        pytest.param(500, {"message": "x"}, BackendUnavailable, "answered 500", id="500"),
        pytest.param(502, {"message": "x"}, BackendUnavailable, "answered 502", id="502"),
        pytest.param(503, {"message": "x"}, BackendBusy, "busy", id="503"),
        pytest.param(504, {"message": "x"}, BackendTimeout, "answered 504", id="504"),
        pytest.param(529, {"message": "x"}, BackendBusy, "overloaded", id="529"),
    ],
)
def test_a_refusal(
    monkeypatch: pytest.MonkeyPatch, status: int, said: dict[str, Any], kind: type[BackendError], words: str
) -> None:
    monkeypatch.setenv("SAAS_KEY", "sk-1")
    script = Script(status=status, body=json.dumps({"error": said}), headers={"retry-after": "7"})

    async def work(server: OpenAIServer, model: LangChainChatModel) -> int:
        with pytest.raises(kind, match=words) as caught:
            await model.ainvoke("Hello")
        assert type(caught.value) is kind
        assert "secret" not in str(caught.value)
        assert "sk-1" not in str(caught.value)
        assert caught.value.original is not None
        assert kind is not BackendBusy or caught.value.retry_after_s == 7
        return len(server.asked)

    asked, _ = using(script, work, api_key_env="SAAS_KEY")
    assert asked == 1, "the package tried again by itself"


@pytest.mark.parametrize(
    ("when", "seconds"),
    [
        pytest.param("Wed, 21 Oct 2099 07:28:00 GMT", 3600, id="with a zone"),
        pytest.param("Wed, 21 Oct 2099 07:28:00 -0000", 3600, id="without a zone"),
        pytest.param("soon", None, id="no date"),
    ],
)
def test_a_time_to_come_back(when: str, seconds: float | None) -> None:
    with pytest.raises(BackendBusy) as caught:
        ask(Script(status=503, body="{}", headers={"retry-after": when}))
    assert caught.value.retry_after_s == seconds


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    async def work() -> None:
        async with OpenAIServer() as other:
            script = Script(status=status, headers={"location": f"{other.url}/v1/chat/completions"})
            async with OpenAIServer(script) as server:
                with pytest.raises(BackendProtocolError, match=f"answered {status}"):
                    await _ask_once(f"{server.url}")
            assert other.paths == []

    asyncio.run(work())


def test_numbers_without_end_are_no_numbers() -> None:
    said = {"code": "context_length_exceeded", "message": TOO_LONG.replace("140", "1" * 5000)}
    with pytest.raises(BackendRejected, match="doesn't say by how much"):
        ask(Script(status=400, body=json.dumps({"error": said})))


@pytest.mark.parametrize(
    ("said", "needed"),
    [
        pytest.param({"code": "context_length_exceeded", "message": TOO_LONG}, 149, id="OpenAI"),
        pytest.param({"type": "exceed_context_size_error", "n_prompt_tokens": 140, "n_ctx": 100}, 149, id="llama.cpp"),
    ],
)
def test_a_context_that_is_exceeded_there(said: dict[str, Any], needed: int) -> None:
    with pytest.raises(ContextExceeded) as caught:
        ask(Script(status=400, body=json.dumps({"error": said})), options={"max_tokens": 9})
    assert (caught.value.needed, caught.value.limit, caught.value.reserved) == (needed, 100, 9)


def test_a_context_that_is_exceeded_for_certain_is_refused_here() -> None:
    async def work(server: OpenAIServer, model: LangChainChatModel) -> None:
        assert await model.context_tokens() == 300
        await model.check_context([HumanMessage("word " * 100)], 100)
        for call in (
            model.check_context([HumanMessage("word " * 250)], 100),
            model.ainvoke("word " * 250, max_tokens=100),
        ):
            with pytest.raises(ContextExceeded) as caught:
                await call
            assert (caught.value.needed, caught.value.limit, caught.value.reserved) == (351, 300, 100)
        assert server.asked == []

    using(Script(), work, context_tokens=300)


@pytest.mark.parametrize(
    ("script", "kind", "words"),
    [
        pytest.param(Script(finish=None), BackendProtocolError, "without a reason", id="no reason"),
        pytest.param(Script(finish=None, done=False, usage=None), BackendProtocolError, "without a reason", id="ends"),
        pytest.param(Script(finish="content_filter"), BackendRejected, "content filter", id="filter"),
        pytest.param(Script(finish="tool_calls"), BackendProtocolError, "called a tool", id="tool"),
        pytest.param(Script(finish="nonsense"), BackendProtocolError, "ended by 'nonsense'", id="unknown reason"),
        pytest.param(Script(cut_after=1), BackendUnavailable, "closed the connection", id="cut"),
        pytest.param(Script(cut_after=0), BackendUnavailable, "closed the connection", id="cut at once"),
        pytest.param(Script(raw={1: b"data: {no\n\n"}), BackendProtocolError, "malformed", id="no JSON"),
        pytest.param(Script(raw={1: b"data: [1]\n\n"}), BackendProtocolError, "malformed", id="no object"),
        pytest.param(
            Script(raw={1: b'data: {"error": {"message": "x", "code": 503}}\n\n'}),
            BackendBusy,
            "busy",
            id="error: busy",
        ),
        pytest.param(
            Script(raw={1: b'data: {"error": {"code": {"a": 1}, "type": ["b"]}}\n\n'}),
            BackendUnavailable,
            "answered 500",
            id="error without a name",
        ),
        pytest.param(
            Script(usage={"prompt_tokens": -1, "completion_tokens": 2, "total_tokens": 1}),
            BackendProtocolError,
            "usage is malformed",
            id="usage below zero",
        ),
        pytest.param(
            Script(usage={**USAGE, "prompt_tokens_details": {"cached_tokens": -3}}),
            BackendProtocolError,
            "usage is malformed",
            id="usage of the cache below zero",
        ),
        # OpenAI's SDK warns of it, which is an error in tests.
        pytest.param(
            Script(usage={**USAGE, "prompt_tokens": 20.5}),
            BackendProtocolError,
            "malformed|package failed",
            id="usage with a fraction",
        ),
        pytest.param(
            Script(raw={1: b'data: {"error": {"message": "x"}}\n\n'}), BackendUnavailable, "answered 500", id="error"
        ),
        pytest.param(
            Script(
                tokens=(), raw={0: b"<html>Hi</html>"}, content_type="text/html", finish=None, done=False, usage=None
            ),
            BackendProtocolError,
            "malformed",
            id="no stream",
        ),
    ],
)
def test_a_stream_that_goes_wrong(script: Script, kind: type[BackendError], words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        ask(script)
    assert type(caught.value) is kind


def test_a_provider_may_be_known_to_give_no_reason() -> None:
    answer, _ = ask(Script(finish=None), needs_finish_reason=False)
    assert (answer.text, answer.response_metadata["finish_reason"]) == ("one two", "stop")


@pytest.mark.parametrize(
    ("script", "limits", "words"),
    [
        pytest.param(Script(stall_after=0), {"first_token_timeout_s": 0.1}, "no first token within 0.1 s", id="first"),
        pytest.param(Script(stall_after=1), {"idle_timeout_s": 0.1}, "no further token within 0.1 s", id="idle"),
        pytest.param(Script(delay_s=0.1, tokens=("a",) * 50), {"timeout_s": 0.4}, "no complete answer", id="total"),
        pytest.param(
            Script(raw={0: b": alive\n\n"}, stall_after=0),
            {"first_token_timeout_s": 0.1},
            "no first token",
            id="comments",
        ),
    ],
)
def test_each_time_limit(script: Script, limits: dict[str, float], words: str) -> None:
    async def work(server: OpenAIServer, model: LangChainChatModel) -> None:
        with pytest.raises(BackendTimeout, match=words):
            await model.ainvoke("Hello")
        await wait_until_left(server)
        assert (server.running, server.left) == (0, 1)

    using(script, work, **limits)


async def wait_until_left(server: OpenAIServer) -> None:
    async with asyncio.timeout(30):
        while server.running:  # noqa: ASYNC110 - it has no event for that
            await asyncio.sleep(0.002)


async def _leaves_a_call(server: OpenAIServer, model: LangChainChatModel) -> None:
    call = asyncio.create_task(model.ainvoke("Hello"))
    await server.started.wait()
    await asyncio.sleep(0.1)
    call.cancel()
    with suppress(asyncio.CancelledError):
        await call


async def _leaves_a_stream(server: OpenAIServer, model: LangChainChatModel) -> None:
    async with aclosing(model.astream("Hello")) as stream:  # type: ignore[type-var]
        async for _ in stream:
            break


@pytest.mark.parametrize("leave", [_leaves_a_call, _leaves_a_stream])
@pytest.mark.parametrize("structured", ["response_format", "tool"])
def test_who_leaves_closes_the_connection(leave: Callable[..., Awaitable[None]], structured: str) -> None:
    async def work(server: OpenAIServer, model: LangChainChatModel) -> None:
        await leave(server, model)
        await wait_until_left(server)

    _, server = using(Script(tokens=("word ",) * 500, delay_s=0.01), work, structured=structured)
    assert server.left == 1


def test_nobody_is_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(BackendUnavailable, match="nothing answers at base_url"):
        asyncio.run(_ask_once(url))


def test_a_host_that_does_not_exist() -> None:
    with pytest.raises(BackendUnavailable, match="can't be resolved"):
        asyncio.run(_ask_once("http://no-such-host.invalid"))


async def _ask_once(url: str) -> None:
    model = configuration(url).create("saas")
    assert isinstance(model, LangChainChatModel)
    try:
        await model.ainvoke("Hello")
    finally:
        await model.aclose()
