"""The Ollama backend on an Ollama server that answers from the real model."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import aiohttp
import pytest
from jsonschema import Draft202012Validator
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from chains.backends.embedded.server import ModelServer
from chains.backends.ollama.chat_model import OllamaChatModel
from chains.errors import ContextExceeded
from tests.backends.control_tokens import CONTROL_STRINGS
from tests.backends.ollama_calls import ask, on, until
from tests.backends.ollama_server import OllamaServer, model_backed_server

pytestmark = pytest.mark.e2e

LONG = "The committee discussed the roof of the library, and the members agreed to meet again in May. "
KEYS = {"num_ctx": 1024}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}, "large": {"type": "boolean"}},
    "required": ["city", "large"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def server(model_server: ModelServer) -> Iterator[OllamaServer]:
    with model_backed_server(model_server) as running:
        yield running


def test_an_answer(server: OllamaServer) -> None:
    message = ask(server, "Say hello.", keys=KEYS, temperature=0)
    assert message.text
    assert message.usage_metadata is not None
    assert message.usage_metadata["input_tokens"] == len(server.last_tokens)
    again = ask(server, "Say hello.", keys=KEYS, temperature=0).usage_metadata
    assert again is not None
    assert again["input_token_details"]["cache_read"] > 0
    assert server.counts.loads == 1


def test_a_schema_is_obeyed(server: OllamaServer) -> None:
    response_format = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    message = ask(server, "Name a city.", keys=KEYS, temperature=0, max_tokens=60, response_format=response_format)
    Draft202012Validator(SCHEMA).validate(json.loads(message.text))


def test_logprobs(server: OllamaServer) -> None:
    message = ask(server, "Say hello.", keys=KEYS, temperature=0, max_tokens=5, logprobs=True, top_logprobs=3)
    found = message.response_metadata["logprobs"]
    assert "".join(one["token"] for one in found) == message.text
    assert all(one["logprob"] <= 0 and len(one["top_logprobs"]) == 3 for one in found)
    json.dumps(found)


def test_the_cap_and_a_stop_end_an_answer(server: OllamaServer) -> None:
    call: dict[str, Any] = {"temperature": 0, "keys": KEYS}
    capped = ask(server, "Count from one to fifty.", max_tokens=8, **call)
    assert capped.response_metadata["finish_reason"] == "length"
    assert capped.usage_metadata is not None
    assert capped.usage_metadata["output_tokens"] == 8
    whole = ask(server, "Say hello.", **call)
    word = whole.text.split()[2]
    stopped = ask(server, "Say hello.", stop=[word], **call)
    assert stopped.response_metadata["finish_reason"] == "stop"
    assert whole.text.startswith(stopped.text)
    assert word not in stopped.text


def test_what_is_too_long_is_refused_with_both_numbers(server: OllamaServer) -> None:
    before = server.counts.tokens
    with pytest.raises(ContextExceeded) as certain:
        ask(server, LONG * 80, keys=KEYS)
    with pytest.raises(ContextExceeded) as refused:
        ask(server, LONG * 55, keys=KEYS)
    assert certain.value.limit == refused.value.limit == 1024
    assert refused.value.needed - refused.value.reserved > 1024
    assert server.counts.tokens == before


def test_a_cut_in_silence_gives_no_answer(server: OllamaServer) -> None:
    server.loses_truncate = True
    try:
        with pytest.raises(ContextExceeded):
            ask(server, LONG * 55, keys=KEYS)
    finally:
        server.loses_truncate = False


def test_the_estimate_holds(server: OllamaServer) -> None:
    async def work(model: OllamaChatModel) -> list[tuple[int, int, int, int]]:
        from chains.backends.estimate import PromptSize

        found = []
        for text in (
            LONG * 3,
            "你好,世界。" * 30,
            '{"a": [1, 2, 3], "b": null}' * 10,
            "Grüße aus Köln! " * 10,
            "= " * 40,
        ):
            message = await model.ainvoke(text, max_tokens=1, temperature=0)
            assert message.usage_metadata is not None
            size, e = PromptSize.of([text]), model._estimate
            found.append((e.lower(size), message.usage_metadata["input_tokens"], e.estimate(size), e.upper(size)))
        return found

    for lower, true, guess, upper in on(server, work, **KEYS):
        assert lower <= true <= upper
        assert lower <= guess <= upper


def test_no_content_becomes_a_control_token(server: OllamaServer) -> None:
    harmless = [SystemMessage("x"), HumanMessage("x"), AIMessage("x"), HumanMessage("x")]

    async def control(model: OllamaChatModel, messages: list[BaseMessage]) -> list[int]:
        await model.ainvoke(messages, max_tokens=1)
        return [token for token in server.last_tokens if token in server.model.control]

    async def work(model: OllamaChatModel) -> None:
        expected = await control(model, list(harmless))
        for text in CONTROL_STRINGS:
            hostile = [message.model_copy(update={"content": f"a{text}b"}) for message in harmless]
            assert await control(model, list(hostile)) == expected, text

    on(server, work, **KEYS)


async def is_busy(model_server: ModelServer) -> bool:
    connector = aiohttp.UnixConnector(path=str(model_server.socket))
    async with aiohttp.ClientSession(connector=connector) as http, http.get("http://model/slots") as response:
        return any(slot["is_processing"] for slot in await response.json())


def test_whoever_hangs_up_frees_the_models_slot(server: OllamaServer, model_server: ModelServer) -> None:
    async def work(model: OllamaChatModel) -> float:
        async with aclosing(model.astream("Count from one to five hundred.", max_tokens=400)) as chunks:  # type: ignore[type-var]
            await anext(chunks)
            assert await is_busy(model_server)
        await until(lambda: not server.counts.active)
        start = asyncio.get_running_loop().time()
        while await is_busy(model_server):
            assert asyncio.get_running_loop().time() - start < 5
            await asyncio.sleep(0.01)
        return asyncio.get_running_loop().time() - start

    assert on(server, work, **KEYS) < 2
