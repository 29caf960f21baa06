"""What a server of OpenAI's protocol tells of itself: context, slots, tokenizer, models; and what follows from it."""

import asyncio
import json
import time
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from chains.backends.configuration import (
    ChecksContext,
    Closes,
    CountsTokens,
    Inspects,
    Probes,
    ServerState,
    TellsSlots,
)
from chains.backends.openai.chat_model import OpenAIChatModel
from chains.errors import BackendBusy, BackendRejected, BackendTimeout, BackendUnavailable, ContextExceeded
from tests.backends.openai_server import OpenAIServer, Script, using

pytestmark = pytest.mark.e2e

PROPS = {"default_generation_settings": {"n_ctx": 512}, "total_slots": 4, "build_info": "b7", "modalities": {}}
LLAMA = {
    "/v1/models": (200, {"data": [{"id": "file.gguf", "owned_by": "llamacpp", "meta": {"n_ctx_train": 8192}}]}),
    "/props": (200, PROPS),
    "/apply-template": (200, {"prompt": "<s>Hello"}),
    "/tokenize": (200, {"tokens": [1] * 490}),
}
VLLM = {
    "/v1/models": (200, {"data": [{"id": "m", "owned_by": "vllm", "max_model_len": 600}]}),
    "/version": (200, {"version": "0.20.1"}),
    "/tokenize": (200, {"count": 490, "max_model_len": 600, "tokens": [1] * 490}),
}
SERVICE = {"/v1/models": (200, {"data": [{"id": "m", "owned_by": "someone"}, {"id": "n", "owned_by": "someone"}]})}
ROUTER = {"/v1/models": (200, {"data": [{"id": "other", "context_length": 9}, {"id": "m", "context_length": 700}]})}


def asked(pages: dict[str, Any], question: str, *arguments: Any, **configuration: Any) -> tuple[Any, OpenAIServer]:
    async def work(_: OpenAIServer, model: OpenAIChatModel) -> Any:
        return await getattr(model, question)(*arguments)

    return using(Script(pages=pages), work, **configuration)


@pytest.mark.parametrize(
    ("pages", "context", "slots", "counted"),
    [
        pytest.param(LLAMA, 512, 4, 490, id="llama-server"),
        pytest.param(VLLM, 600, None, 490, id="vLLM"),
        pytest.param({**VLLM, "/tokenize": (404, {})}, 600, None, None, id="vLLM behind a gateway"),
        pytest.param({**VLLM, "/tokenize": (200, {"tokens": []})}, 600, None, None, id="a relative of vLLM"),
        pytest.param(SERVICE, None, None, None, id="a service"),
        pytest.param(ROUTER, 700, None, None, id="a service that tells the context"),
        pytest.param({"/v1/models": (403, {})}, None, None, None, id="a service that tells nothing"),
        pytest.param({"/v1/models": (200, "no list")}, None, None, None, id="no list"),
        pytest.param({"/v1/models": (200, {"data": ["m", {"id": "m"}]})}, None, None, None, id="entries of two sorts"),
        pytest.param({"/v1/models": (200, [{"id": "m", "context_window": 800}])}, 800, None, None, id="a bare list"),
    ],
)
def test_what_a_server_tells(
    pages: dict[str, Any], context: int | None, slots: int | None, counted: int | None
) -> None:
    async def work(_: OpenAIServer, model: OpenAIChatModel) -> tuple[Any, ...]:
        return await model.context_tokens(), await model.server_slots(), await model.count_tokens([])

    found, _ = using(Script(pages=pages), work)
    assert found == (context, slots, counted)


def test_a_service_is_not_asked_for_what_only_other_servers_have() -> None:
    found, server = asked(SERVICE, "count_tokens", [])
    assert found is None
    assert server.paths == ["/v1/models"]


def test_a_server_is_asked_once_and_again_when_it_broke_down() -> None:
    async def work(server: OpenAIServer, model: OpenAIChatModel) -> list[str]:
        for _ in range(3):
            await model.ainvoke("Hello", max_tokens=9)
        before = server.paths.count("/props")
        server.script = Script(status=500, pages=LLAMA)
        with pytest.raises(BackendUnavailable):
            await model.ainvoke("Hello", max_tokens=9)
        server.script = Script(
            pages={**LLAMA, "/props": (200, {**PROPS, "default_generation_settings": {"n_ctx": 300}})}
        )
        with pytest.raises(ContextExceeded, match="takes 300"):
            await model.ainvoke("Hello", max_tokens=299)
        return [str(before), str(server.paths.count("/props"))]

    assert using(Script(pages=LLAMA), work)[0] == ["1", "2"]


def test_llama_server_is_asked_to_tell_how_far_it_has_read() -> None:
    async def work(server: OpenAIServer, model: OpenAIChatModel) -> list[bool]:
        await model.ainvoke("Hello", max_tokens=9)
        return ["return_progress" in body for body in server.asked]

    assert using(Script(pages=LLAMA), work)[0] == [True]
    assert using(Script(pages=VLLM), work)[0] == [False]


UNTOLD = [
    pytest.param({"pages": {"/v1/models": (429, {})}}, BackendBusy, id="429"),
    pytest.param({"pages": {"/v1/models": (500, {})}}, BackendUnavailable, id="500"),
    pytest.param({"page_delay_s": 60}, BackendTimeout, id="hanging"),
]


@pytest.mark.parametrize(("changes", "error"), UNTOLD)
def test_a_server_that_can_not_be_asked_is_sent_the_request(changes: dict[str, Any], error: type[Exception]) -> None:
    async def work(server: OpenAIServer, model: OpenAIChatModel) -> tuple[str, int, float]:
        start = time.monotonic()
        for _ in range(3):
            await model.check_context([HumanMessage("Hello")], 9)
            text = str((await model.ainvoke("Hello")).text)
        took, asked = time.monotonic() - start, server.paths.count("/v1/models")
        with pytest.raises(error):
            await model.context_tokens()
        return text, asked, took

    (text, asked, took), _ = using(Script(**changes), work, first_token_timeout_s=3)
    assert (text, asked) == ("one two", 1)
    assert took < 3


@pytest.mark.parametrize(
    "changes", [pytest.param({"pages": LLAMA}, id="told"), *(pytest.param(row.values[0], id=row.id) for row in UNTOLD)]
)
def test_many_callers_ask_once(changes: dict[str, Any]) -> None:
    async def work(server: OpenAIServer, model: OpenAIChatModel) -> int:
        await asyncio.gather(*(model.check_context([HumanMessage("Hello")], 9) for _ in range(60)))
        await asyncio.gather(*(model.server_slots() for _ in range(60)), return_exceptions=True)
        return server.paths.count("/v1/models")

    # Who wants to know for certain asks again after a failure; who only sends a request doesn't.
    expected = 1 if "pages" in changes and changes["pages"] is LLAMA else 2
    assert using(Script(**changes), work, first_token_timeout_s=0.5)[0] == expected


def test_a_caller_that_leaves_does_not_take_the_answer_from_the_others() -> None:
    async def work(server: OpenAIServer, model: OpenAIChatModel) -> int | None:
        first, second = (asyncio.ensure_future(model.context_tokens()) for _ in range(2))
        await asyncio.sleep(0.1)
        first.cancel()
        return await second

    assert using(Script(pages=LLAMA, page_delay_s=0.2), work)[0] == 512


def test_a_configured_context_needs_no_question() -> None:
    async def work(server: OpenAIServer, model: OpenAIChatModel) -> list[list[str]]:
        await model.check_context([HumanMessage("Hello")], 9)
        await model.ainvoke("Hello", max_tokens=9)
        before = list(server.paths)
        await model.check_context([HumanMessage("word " * 200)], 20)
        return [before, server.paths[len(before) :]]

    questions = ["/v1/models", "/props", "/apply-template", "/tokenize"]
    found, _ = using(Script(pages=LLAMA), work, context_tokens=520)
    assert found == [["/v1/chat/completions"], questions]


def test_a_prompt_is_counted_once() -> None:
    async def work(server: OpenAIServer, model: OpenAIChatModel) -> list[int]:
        prompt, other = HumanMessage("word " * 200), HumanMessage("Word " * 200)
        await model.check_context([prompt], 20)
        await model.ainvoke([prompt], max_tokens=20)
        once = server.paths.count("/tokenize")
        await model.check_context([other], 20)
        return [once, server.paths.count("/tokenize")]

    usage = {"prompt_tokens": 490, "completion_tokens": 1}
    assert using(Script(pages=LLAMA, usage=usage), work)[0] == [1, 2]


def test_llama_server_is_known_by_its_answers_too() -> None:
    async def work(server: OpenAIServer, model: OpenAIChatModel) -> list[bool]:
        for _ in range(2):
            await model.ainvoke("Hello", max_tokens=9)
        return ["return_progress" in body for body in server.asked]

    assert using(Script(headers={"server": "llama.cpp"}), work, context_tokens=520)[0] == [False, True]


@pytest.mark.parametrize(
    ("pages", "text", "cap", "needed"),
    [
        pytest.param(LLAMA, "word " * 200, 100, 590, id="llama-server counts"),
        pytest.param(VLLM, "word " * 200, 200, 690, id="vLLM counts"),
        pytest.param(ROUTER, "word " * 800, 100, None, id="more words than tokens"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_call(
    pages: dict[str, Any], text: str, cap: int, needed: int | None
) -> None:
    async def work(server: OpenAIServer, model: OpenAIChatModel) -> ContextExceeded:
        with pytest.raises(ContextExceeded) as first:
            await model.ainvoke(text, max_tokens=cap)
        with pytest.raises(ContextExceeded) as second:
            await model.check_context([], 100_000)
        assert second.value.needed >= 100_000
        assert server.asked == []
        return first.value

    error, _ = using(Script(pages=pages), work)
    assert error.reserved == cap
    assert error.needed > error.limit
    assert needed in (None, error.needed)


@pytest.mark.parametrize(
    ("pages", "text", "cap", "questions"),
    [
        pytest.param(LLAMA, "Hello", 100, 0, id="what certainly fits costs no question"),
        pytest.param(LLAMA, "word " * 200, 20, 1, id="what may not is counted"),
        pytest.param(ROUTER, "word " * 300, 100, 0, id="what may fit is sent where nobody counts"),
    ],
)
def test_what_fits_is_sent(pages: dict[str, Any], text: str, cap: int, questions: int) -> None:
    usage = {"prompt_tokens": 490, "completion_tokens": 1}

    async def work(server: OpenAIServer, model: OpenAIChatModel) -> int:
        await model.ainvoke(text, max_tokens=cap)
        return server.paths.count("/tokenize")

    assert using(Script(pages=pages, usage=usage), work)[0] == questions


def test_a_configured_context_goes_first() -> None:
    assert asked(LLAMA, "context_tokens", context_tokens=256)[0] == 256
    with pytest.raises(ContextExceeded, match="takes 256"):
        asked(SERVICE, "check_context", [], 257, context_tokens=256)


@pytest.mark.parametrize(
    ("pages", "state"),
    [
        pytest.param(
            {**LLAMA, "/props": (200, {**PROPS, "modalities": {"vision": True, "audio": False}})},
            ServerState("llama-server b7", "m", 512, loaded=True, capabilities=("completion", "vision")),
            id="llama-server answers under any name",
        ),
        pytest.param(VLLM, ServerState("vLLM 0.20.1", "m", 600, loaded=True), id="vLLM"),
        pytest.param(SERVICE, ServerState("OpenAI-compatible server", "m"), id="a service"),
        pytest.param({"/v1/models": (404, {})}, ServerState("OpenAI-compatible server", "m"), id="no list"),
        pytest.param(
            {"/v1/models": (200, {"data": [{"id": name, "owned_by": "x"} for name in "cab"]})},
            ServerState(
                "OpenAI-compatible server",
                "m",
                missing="the server doesn't list m; set model to one of those that it lists: a, b, c",
            ),
            id="another model",
        ),
    ],
)
def test_inspection(pages: dict[str, Any], state: ServerState) -> None:
    assert asked(pages, "inspect")[0] == state


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        pytest.param(200, None, "", id="well"),
        pytest.param(404, None, "", id="no list of models"),
        pytest.param(401, BackendRejected, "check the key in GPU_KEY", id="no key"),
        pytest.param(503, BackendBusy, "busy", id="busy"),
        pytest.param(500, BackendUnavailable, "answered 500", id="broken"),
    ],
)
def test_a_probe(monkeypatch: pytest.MonkeyPatch, status: int, error: type[Exception] | None, says: str) -> None:
    monkeypatch.setenv("GPU_KEY", "sk-very-secret")
    pages: dict[str, Any] = {"/v1/models": (status, {})}
    if error is None:
        assert asked(pages, "probe", api_key_env="GPU_KEY")[1].asked == []
        return
    with pytest.raises(error, match=says):
        asked(pages, "probe", api_key_env="GPU_KEY")


def test_it_can_what_the_protocols_name() -> None:
    async def work(_: OpenAIServer, model: OpenAIChatModel) -> bool:
        assert json.dumps(model._identifying_params)
        return all(isinstance(model, p) for p in (Probes, Closes, CountsTokens, ChecksContext, TellsSlots, Inspects))

    assert using(Script(), work)[0]
