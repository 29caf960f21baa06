"""What the embedded chat model makes of every way in which the model's process can answer badly.

The process is played by a server on a real Unix socket, because llama.cpp fails so only when it is broken.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from chains.backends.configuration import Timeouts
from chains.backends.embedded.chat_model import EmbeddedChatModel
from chains.errors import (
    BackendBusy,
    BackendError,
    BackendProtocolError,
    BackendRejected,
    BackendTimeout,
    BackendUnavailable,
    ContextExceeded,
    CopydeskError,
)

LAST = {
    "content": "",
    "stop": True,
    "stop_type": "eos",
    "tokens_evaluated": 3,
    "tokens_predicted": 2,
    "timings": {"cache_n": 1},
}
HANGS_UP = "hangs up"
STALLS = "stalls"


def event(**fields: Any) -> str:
    return "data: " + json.dumps({"content": "", "stop": False, **fields}) + "\n\n"


def chat_model(socket: Path | None, **limits: float) -> EmbeddedChatModel:
    timeouts = Timeouts(**{"connect_s": 5, "first_token_s": 5, "idle_s": 5, "total_s": 5, **limits})
    return EmbeddedChatModel(backend="local", socket=socket, model_name="m", context_size=100, timeouts=timeouts)


async def apply_template(request: web.Request) -> web.Response:
    contents = [message["content"] for message in (await request.json())["messages"]]
    return web.json_response({"prompt": "<s>" + "<m>".join(contents) + "</s>"})


async def tokenize(request: web.Request) -> web.Response:
    return web.json_response({"tokens": [1, 2, 3]})


def completion(status: int, *parts: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        for part in parts:
            if part == STALLS:
                await asyncio.sleep(30)
            elif part == HANGS_UP:
                assert request.transport is not None
                request.transport.abort()
            else:
                await response.write(part.encode())
                await asyncio.sleep(0)
        return response

    return handle


async def hello(model: EmbeddedChatModel) -> Any:
    return await model.ainvoke("Hello", max_tokens=5)


def ask_fake(
    socket: Path,
    routes: dict[str, Any],
    work: Callable[[EmbeddedChatModel], Awaitable[Any]] = hello,
    **limits: float,
) -> Any:
    """What the work gives on a model whose process answers by the given routes."""

    async def whole() -> Any:
        application = web.Application()
        for path, handle in {"/apply-template": apply_template, "/tokenize": tokenize, **routes}.items():
            application.router.add_post(path, handle)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.UnixSite(runner, str(socket)).start()
        model = chat_model(socket, **limits)
        try:
            return await work(model)
        finally:
            await model.aclose()
            await runner.cleanup()

    return asyncio.run(whole())


def test_a_good_answer(tmp_path: Path) -> None:
    good = completion(200, event(prompt_progress={}), event(content="one "), event(content="two"), event(**LAST))
    message = ask_fake(tmp_path / "s", {"/completion": good})
    assert message.text == "one two"
    assert message.usage_metadata["input_token_details"] == {"cache_read": 1}


@pytest.mark.parametrize(
    ("status", "parts", "error", "says"),
    [
        pytest.param(200, [event(content="a")], BackendProtocolError, "before it was complete", id="no last event"),
        pytest.param(200, [], BackendProtocolError, "before it was complete", id="nothing at all"),
        pytest.param(200, [event(content="a"), HANGS_UP], BackendUnavailable, "broke down", id="connection cut"),
        pytest.param(200, ["data: {half\n\n"], BackendProtocolError, "malformed", id="not JSON"),
        pytest.param(200, ['data: {"stop": false}\n\n'], BackendProtocolError, "malformed", id="without content"),
        pytest.param(200, ['data: {"stop": true}\n\n'], BackendProtocolError, "malformed", id="without usage"),
        pytest.param(200, ["x" * (33 << 20)], BackendProtocolError, "malformed", id="a line without end"),
        pytest.param(
            200, [event(**{**LAST, "stop_type": "none"})], BackendProtocolError, "ended by 'none'", id="unknown end"
        ),
        pytest.param(
            200,
            [event(content="a"), 'error: {"code": 500, "message": "m", "type": "server_error"}\n\n'],
            BackendUnavailable,
            "answered 500",
            id="an error in the stream",
        ),
        pytest.param(
            200,
            [event(error={"code": 500, "message": "m", "type": "server_error"})],
            BackendUnavailable,
            r"answered 500 \(server_error\)",
            id="an error as data",
        ),
        pytest.param(
            400,
            ['{"error": {"code": 400, "message": "secret text", "type": "invalid_request_error"}}'],
            BackendRejected,
            r"answered 400 \(invalid_request_error\)",
            id="refused",
        ),
        pytest.param(
            400,
            ['{"error": {"type": "exceed_context_size_error", "n_prompt_tokens": 77, "n_ctx": 64}}'],
            ContextExceeded,
            "needs 77 tokens",
            id="too long",
        ),
        pytest.param(404, ["<html>"], BackendRejected, "answered 404", id="not found, as HTML"),
        pytest.param(500, ["[]"], BackendUnavailable, "answered 500", id="broken"),
        pytest.param(503, [""], BackendBusy, "answered 503", id="loading"),
    ],
)
def test_a_bad_answer(tmp_path: Path, status: int, parts: list[str], error: type[CopydeskError], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        ask_fake(tmp_path / "s", {"/completion": completion(status, *parts)})
    assert "secret" not in str(caught.value)
    if isinstance(caught.value, BackendError):
        assert caught.value.backend == "local"
        assert caught.value.retryable is not isinstance(caught.value, BackendRejected)


@pytest.mark.parametrize(
    ("parts", "limit", "says"),
    [
        pytest.param([STALLS], "first_token_s", r"no first token within 0\.3 s", id="first token"),
        pytest.param([event(prompt_progress={}), STALLS], "first_token_s", "no first token", id="prompt is read"),
        pytest.param([event(content="a"), STALLS], "idle_s", r"no further token within 0\.3 s", id="idle"),
        pytest.param([event(content="a"), STALLS], "total_s", r"no complete answer within 0\.3 s", id="total"),
    ],
)
def test_a_stream_that_stalls_ends_at_the_limit(tmp_path: Path, parts: list[str], limit: str, says: str) -> None:
    with pytest.raises(BackendTimeout, match=says):
        ask_fake(tmp_path / "s", {"/completion": completion(200, *parts)}, hello, **{limit: 0.3})


def test_a_process_that_loads_is_waited_for(tmp_path: Path) -> None:
    refusals = iter([503, 503])

    async def loading(request: web.Request) -> web.Response:
        status = next(refusals, 200)
        return await tokenize(request) if status == 200 else web.Response(status=status)

    routes = {"/tokenize": loading, "/completion": completion(200, event(content="a"), event(**LAST))}
    assert ask_fake(tmp_path / "s", routes).text == "a"
    assert next(refusals, None) is None


def test_a_generation_is_never_sent_twice(tmp_path: Path) -> None:
    sent = []

    async def count(request: web.Request) -> web.StreamResponse:
        sent.append(request)
        return await completion(200, HANGS_UP)(request)

    with pytest.raises(BackendUnavailable):
        ask_fake(tmp_path / "s", {"/completion": count})
    assert len(sent) == 1


@pytest.mark.parametrize(
    "rendered",
    [
        pytest.param("<s>no contents</s>", id="left out"),
        pytest.param("<s>[[content 0]] [[content 0]]</s>", id="twice"),
    ],
)
def test_a_template_that_does_not_give_each_content_once_is_refused(tmp_path: Path, rendered: str) -> None:
    async def template(request: web.Request) -> web.Response:
        return web.json_response({"prompt": rendered})

    with pytest.raises(BackendRejected, match="use another model"):
        ask_fake(tmp_path / "s", {"/apply-template": template})


def test_an_absent_process_is_unavailable(tmp_path: Path) -> None:
    async def probe() -> None:
        model = chat_model(tmp_path / "none")
        try:
            await model.probe()
        finally:
            await model.aclose()

    with pytest.raises(BackendUnavailable, match="does not answer") as caught:
        asyncio.run(probe())
    assert isinstance(caught.value.original, aiohttp.ClientConnectorError)


def test_a_model_that_was_not_started_says_so() -> None:
    with pytest.raises(BackendUnavailable, match="was not started"):
        asyncio.run(chat_model(None).ainvoke("Hello"))
