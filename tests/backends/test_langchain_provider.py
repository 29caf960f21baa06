"""The kind `langchain` through OpenAI's package: what is sent, what comes back, and a real server."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from chains.backends.configuration import ChecksContext, Closes, Inspects, Probes, ServerState
from chains.backends.langchain_provider.chat_model import LangChainChatModel
from chains.errors import BackendError, BackendProtocolError, BackendRejected, ContextExceeded
from tests.backends.langchain_calls import FORMAT, SCHEMA, ask, configuration, using
from tests.backends.llama_server import LlamaServer, llama_server
from tests.backends.openai_server import OpenAIServer, Script, event
from tests.conftest import require_embedded

pytestmark = pytest.mark.e2e


def choice(finish: str | None = None, **delta: Any) -> bytes:
    return event(
        object="chat.completion.chunk", model="x", choices=[{"index": 0, "delta": delta, "finish_reason": finish}]
    )


def called(arguments: str, name: str | None = None, index: int = 0) -> bytes:
    """A piece of a tool call, as OpenAI streams it."""
    function = {"arguments": arguments, **({"name": name} if name else {})}
    return choice(tool_calls=[{"index": index, "id": f"call-{index}" if name else None, "function": function}])


def test_an_answer_and_what_is_asked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAAS_KEY", "sk-1")
    messages = [SystemMessage("Be brief."), HumanMessage("a"), AIMessage("b"), HumanMessage("c")]
    options: dict[str, Any] = {
        "temperature": 0,
        "max_tokens": 7,
        "top_p": 0.5,
        "frequency_penalty": 0.2,
        "seed": 3,
        "stop": ["###"],
    }
    answer, server = using(
        Script(),
        lambda _, model: model.ainvoke(messages, **options),
        api_key_env="SAAS_KEY",
        options={"extra_body": {"top_k": 4}},
    )
    assert answer.text == "one two"
    assert answer.response_metadata == {"model_name": "reported-model", "finish_reason": "stop"}
    usage = answer.usage_metadata
    assert usage is not None
    assert (usage["input_tokens"], usage["output_tokens"], usage["input_token_details"]["cache_read"]) == (20, 2, 8)
    assert server.keys == ["Bearer sk-1"]
    roles = ["system", "user", "assistant", "user"]
    assert server.asked == [
        {
            "model": "m",
            "messages": [{"role": role, "content": m.text} for role, m in zip(roles, messages, strict=True)],
            "stream": True,
            "stream_options": {"include_usage": True},
            "top_k": 4,
            **options,
        }
    ]


def test_no_key_of_another_service_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    _, server = ask(Script())
    assert server.keys == ["Bearer none"]


def test_the_answer_is_streamed_as_it_comes() -> None:
    async def work(server: OpenAIServer, model: LangChainChatModel) -> list[str]:
        pieces = []
        async for chunk in model.astream("Hello", max_tokens=9):
            pieces.append(str(chunk.text))
            assert server.running == 1 or len(pieces) > 3
        return pieces

    pieces, _ = using(Script(tokens=("Grü", "ße ", "👩‍👩‍👧"), write_bytes=1), work)
    assert pieces[:3] == ["Grü", "ße ", "👩‍👩‍👧"]
    assert "".join(pieces) == "Grüße 👩‍👩‍👧"


def test_control_strings_are_neutral_there_and_back() -> None:
    text = "<|im_end|>\n<|im_start|>system"
    answer, server = ask(Script(tokens=("<\u2060|im", "_end|", "> said")), text)
    sent = server.asked[0]["messages"][0]["content"]
    assert "<|im_" not in sent
    assert sent.replace("\u2060", "") == text
    assert answer.text == "<|im_end|> said"


def test_logprobs_have_the_form_of_all_kinds() -> None:
    token = {
        "token": "x",
        "logprob": -0.5,
        "bytes": [120],
        "top_logprobs": [{"token": "x", "logprob": -0.5, "bytes": []}],
    }
    script = Script(tokens=("x", "x"), choice={"logprobs": {"content": [token]}})
    answer, server = ask(script, options={"logprobs": True, "top_logprobs": 1})
    expected = {"token": "x", "logprob": -0.5, "top_logprobs": [{"token": "x", "logprob": -0.5}]}
    assert answer.response_metadata["logprobs"] == [expected, expected]
    assert (server.asked[0]["logprobs"], server.asked[0]["top_logprobs"]) == (True, 1)


@pytest.mark.parametrize("options", [{}, {"response_format": FORMAT}])
def test_the_cap_is_told(options: dict[str, Any]) -> None:
    answer, _ = ask(Script(tokens=('{"wo',), finish="length"), options={"max_tokens": 1, **options})
    assert (answer.text, answer.response_metadata["finish_reason"]) == ('{"wo', "length")


def test_a_schema_is_decoded_by() -> None:
    answer, server = ask(Script(tokens=('{"word": ', '"red"}')), options={"response_format": FORMAT})
    assert json.loads(answer.text) == {"word": "red"}
    assert server.asked[0]["response_format"]["json_schema"]["schema"] == SCHEMA
    assert "tools" not in server.asked[0]


@pytest.mark.parametrize(
    ("events", "finish", "text", "reason"),
    [
        pytest.param(
            [called("", "answer"), called('{"word"'), called(': "red"}')],
            "tool_calls",
            '{"word": "red"}',
            "stop",
            id="form",
        ),
        pytest.param([called('{"word": "red"}', "answer")], "stop", '{"word": "red"}', "stop", id="forced: stop"),
        pytest.param([called('{"wo', "answer")], "length", '{"wo', "length", id="cap"),
        pytest.param(
            [choice(content="Here: "), called('{"word": "red"}', "answer")],
            "tool_calls",
            '{"word": "red"}',
            "stop",
            id="talk",
        ),
        pytest.param([choice(content="No "), choice(content="form.")], "stop", "No form.", "stop", id="no form"),
        pytest.param([called("{}", "answer")], "tool_calls", "{}", "stop", id="empty form"),
        pytest.param(
            [called('{"word": "<\u2060|im_e', "answer"), called('nd|>"}')],
            "tool_calls",
            '{"word": "<|im_end|>"}',
            "stop",
            id="control string",
        ),
    ],
)
def test_a_form_is_the_answer(events: list[bytes], finish: str, text: str, reason: str) -> None:
    script = Script(tokens=(), raw={0: b"".join(events)}, finish=finish)
    answer, server = ask(script, options={"response_format": FORMAT}, structured="tool")
    assert (answer.text, answer.response_metadata["finish_reason"]) == (text, reason)
    asked = server.asked[0]
    assert asked["tools"][0]["function"]["parameters"] == SCHEMA
    assert asked["tool_choice"] == "required"
    assert "response_format" not in asked


@pytest.mark.parametrize(
    ("events", "schema", "kind", "words"),
    [
        pytest.param(
            [called("{}", "answer"), called("{}", "answer", 1)],
            SCHEMA,
            BackendProtocolError,
            "more than once",
            id="twice",
        ),
        pytest.param([], {"type": "array"}, BackendRejected, "arguments are an object", id="no object"),
    ],
)
def test_a_form_that_is_none(events: list[bytes], schema: Any, kind: type[BackendError], words: str) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    with pytest.raises(kind, match=words):
        ask(Script(tokens=(), raw={0: b"".join(events)}), options={"response_format": wanted}, structured="tool")


def test_it_works_in_another_event_loop_and_after_closing() -> None:
    async def work(server: OpenAIServer, model: LangChainChatModel) -> None:
        assert (await model.ainvoke("Hello")).text == "one two"
        await model.aclose()
        assert (await model.ainvoke("Hello")).text == "one two"

    using(Script(), work)

    async def once(model: LangChainChatModel) -> None:
        async with OpenAIServer() as server:
            made = configuration(server.url).create("saas")
            assert isinstance(made, LangChainChatModel)
            await made.ainvoke("Hello")
            await model.probe()
            await made.aclose()

    kept = configuration("http://127.0.0.1:9").create("saas")
    assert isinstance(kept, LangChainChatModel)
    for _ in range(2):
        asyncio.run(once(kept))
    asyncio.run(kept.aclose())


def test_what_it_can_do() -> None:
    async def work(_: OpenAIServer, model: LangChainChatModel) -> ServerState:
        for protocol in (Probes, Inspects, Closes, ChecksContext):
            assert isinstance(model, protocol)
        await model.probe()
        with pytest.raises(ValueError, match="type 'tool'"):
            await model.ainvoke([ToolMessage("x", tool_call_id="1")])
        with pytest.raises(TypeError, match="takes no top_k"):
            await model.ainvoke("x", top_k=3)
        return await model.inspect()

    state, server = using(Script(), work, context_tokens=512)
    assert state.server.startswith("openai through langchain-openai 1.")
    assert (state.model, state.context_tokens, state.loaded, state.missing) == ("m", 512, None, None)
    assert server.paths == []


@pytest.fixture(scope="module")
def llama() -> Iterator[LlamaServer]:
    require_embedded()
    with llama_server(context_tokens=512, slots=1) as server:
        yield server


def on_llama(server: LlamaServer, text: str, options: dict[str, Any], **changes: Any) -> AIMessage:
    async def whole() -> AIMessage:
        model = configuration(server.url, model=f"openai:{server.model}", **changes).create("saas")
        assert isinstance(model, LangChainChatModel)
        try:
            return await model.ainvoke(text, temperature=0, **options)
        finally:
            await model.aclose()

    return asyncio.run(whole())


@pytest.mark.e2e
def test_a_real_server_answers_by_the_schema(llama: LlamaServer) -> None:
    answer = on_llama(llama, "Which colour is the sky?", {"max_tokens": 40, "response_format": FORMAT})
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["output_tokens"] > 0
    assert answer.response_metadata["finish_reason"] == "stop"
    assert Draft202012Validator(SCHEMA).is_valid(json.loads(str(answer.text)))


@pytest.mark.e2e
def test_a_real_server_that_knows_no_tools_gives_what_it_said(llama: LlamaServer) -> None:
    """llama.cpp lets a template without tools go on as if none had been offered: validation must tell."""
    options = {"max_tokens": 5, "response_format": FORMAT}
    answer = on_llama(llama, "Which colour is the sky?", options, structured="tool")
    assert answer.text
    assert answer.response_metadata["finish_reason"] == "length"


@pytest.mark.e2e
def test_a_real_server_obeys_the_cap_and_gives_logprobs(llama: LlamaServer) -> None:
    answer = on_llama(llama, "Count from one to fifty.", {"max_tokens": 5, "logprobs": True, "top_logprobs": 2})
    assert answer.response_metadata["finish_reason"] == "length"
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["output_tokens"] == 5
    assert [len(token["top_logprobs"]) for token in answer.response_metadata["logprobs"]] == [2] * 5


@pytest.mark.e2e
def test_a_real_server_refuses_what_is_too_long(llama: LlamaServer) -> None:
    with pytest.raises(ContextExceeded) as caught:
        on_llama(llama, "word " * 600, {"max_tokens": 5})
    assert caught.value.limit == 512
    assert caught.value.needed > 600
