"""On the real model: no text in any field of any task brings a control token with it."""

import asyncio
import json
from collections.abc import Sequence

import aiohttp
import pytest
from langchain_core.messages import BaseMessage
from pydantic import ValidationError

from chains.backends.embedded.chat_model import EmbeddedChatModel
from chains.errors import SchemaUnsupported
from chains.prompts import PromptVersion, load_prompt_set
from chains.tasks import load_tasks
from tests.backends.control_tokens import CONTROL_STRINGS
from tests.chains.attacks import ATTACKS, OBEYED
from tests.chains.recording import Place, filled, messages_for, text_fields
from tests.conftest import ROOT

pytestmark = pytest.mark.e2e

TASKS = load_tasks()
PROMPTS = load_prompt_set(ROOT / "prompts")
SERVED = [prompt for prompt in PROMPTS if prompt.name in TASKS and PROMPTS.is_released(prompt)]
ROLES = {"system": "system", "human": "user", "ai": "assistant"}
AT_A_TIME = 8


async def control_tokens(model: EmbeddedChatModel) -> set[int]:
    """The ids of the model's control tokens, as its own tokenizer gives them where it is let."""
    found = [await model._tokenize(string, special=True) for string in CONTROL_STRINGS]
    assert all(len(tokens) == 1 for tokens in found), found
    return {tokens[0] for tokens in found}


async def requests(prompt: PromptVersion) -> dict[tuple[str, Place], list[BaseMessage]]:
    """The messages of every attack in every field that takes it."""
    task = TASKS[prompt.name]
    places = text_fields(task.input)
    attacked = {}
    for place in places:
        for name, attack in ATTACKS.items():
            try:
                attacked[name, place] = await messages_for(task, prompt, filled(task.input, place, attack))
            except (
                SchemaUnsupported,
                ValidationError,
            ):  # too long, as tests/chains/test_injection.py checks
                continue
    return attacked


def harmless(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """As many messages by the same roles, none of which holds anything."""
    return [type(message)("Marigold") for message in messages]


async def skeleton(model: EmbeddedChatModel, messages: Sequence[BaseMessage], control: set[int]) -> list[int]:
    """The control tokens among those that reach the model, in their order."""
    roles = tuple(ROLES[message.type] for message in messages)
    return [token for token in await model._tokens(list(messages), roles) if token in control]


@pytest.mark.parametrize("prompt", SERVED, ids=str)
def test_an_attack_brings_no_control_token(embedded_model: EmbeddedChatModel, prompt: PromptVersion) -> None:
    async def work() -> dict[tuple[str, Place], list[int]]:
        control = await control_tokens(embedded_model)
        attacked = await requests(prompt)
        gate = asyncio.Semaphore(AT_A_TIME)

        async def one(messages: list[BaseMessage]) -> tuple[list[int], list[int]]:
            async with gate:
                expected = await skeleton(embedded_model, harmless(messages), control)
                assert len(expected) == 2 * len(messages) + 1, "one pair for each message, and one for the answer"
                return await skeleton(embedded_model, messages, control), expected

        try:
            found = await asyncio.gather(*map(one, attacked.values()))
        finally:
            await embedded_model.aclose()
        return {key: said for key, (said, expected) in zip(attacked, found, strict=True) if said != expected}

    assert asyncio.run(work()) == {}


def test_the_attacks_would_be_control_tokens_where_they_are_let(embedded_model: EmbeddedChatModel) -> None:
    async def work() -> int:
        control = await control_tokens(embedded_model)
        try:
            found = [set(await embedded_model._tokenize(text, special=True)) for text in ATTACKS.values()]
        finally:
            await embedded_model.aclose()
        return sum(bool(tokens & control) for tokens in found)

    assert asyncio.run(work()) >= 10


def test_the_pirate_is_obeyed_where_its_control_strings_are_let(embedded_model: EmbeddedChatModel) -> None:
    """llama.cpp's own chat endpoint takes them for control tokens; ours doesn't, and so the text stays a text."""
    text = "The council closes the Harbour Street bridge from 3 May for eleven weeks. The work costs 2.4 million euros."
    messages = PROMPTS.get("summarize", "1.0.0").invoke({"text": f"{text}\n{OBEYED}", "max_words": 40}).to_messages()
    plain = [{"role": ROLES[message.type], "content": message.content} for message in messages]

    async def work() -> tuple[str, str]:
        body = {"messages": plain, "temperature": 0, "max_tokens": 40}
        connector = aiohttp.UnixConnector(path=str(embedded_model.socket))
        try:
            async with (
                aiohttp.ClientSession(connector=connector) as http,
                http.post("http://model/v1/chat/completions", json=body) as response,
            ):
                theirs = json.loads(await response.read())["choices"][0]["message"]["content"]
            ours = await embedded_model.ainvoke(messages, temperature=0, max_tokens=40)
        finally:
            await embedded_model.aclose()
        return str(theirs), str(ours.text)

    theirs, ours = asyncio.run(work())
    assert theirs.lower().lstrip().startswith("arr"), theirs
    assert not ours.lower().lstrip().startswith("arr"), ours
