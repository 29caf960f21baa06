"""The key of a recording: it changes with all that can change an answer, and with nothing else."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from chains.backends import configuration_class
from chains.backends.replay.modes import RecordingMode, subject_of
from chains.backends.replay.request_key import RequestKeys
from chains.backends.replay.shapes import Subject
from chains.backends.streamed import CallOptions
from chains.recordings import noting_recordings
from chains.terms import Priority, Terms, on_terms
from tests.backends.cassettes import recording, script

DIGEST = "sha256:" + "0" * 64
MESSAGES: list[BaseMessage] = [SystemMessage("Be brief."), HumanMessage("Résumé: 2 of 3.")]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 20}, "size": {"enum": ["small", "large"]}},
    "required": ["name"],
}
KEYWORDS: dict[str, Any] = {"temperature": 0.5, "max_tokens": 50, "top_p": 0.9, "stop": ["END", "STOP"]}


def formatted(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def changed(schema: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    return {**schema, "properties": {**schema["properties"], name: value}}


def key(
    path: Path,
    messages: Sequence[BaseMessage] = MESSAGES,
    *,
    terms: Terms | None = None,
    config: Mapping[str, Any] | None = None,
    name: str = "m",
    label: str = "",
    **keywords: Any,
) -> str:
    """The key under which the recording model keeps the answer."""
    model = recording(path, script({"answer": "Well."}, **(config or {})), RecordingMode.RECORD, name)

    async def work() -> str:
        with on_terms(terms or Terms(caller="a", task="summarize")), noting_recordings(label) as noted:
            given = {"response_format": formatted(SCHEMA), **KEYWORDS, **keywords}
            await model.ainvoke(list(messages), **given)
        await model.aclose()
        (found,) = noted.used
        return found

    return asyncio.run(work())


TURNED = {**SCHEMA, "properties": dict(reversed(SCHEMA["properties"].items()))}
CHANGES: Mapping[str, Mapping[str, Any]] = {
    "a character of a message": {"messages": [MESSAGES[0], HumanMessage("Résumé: 2 of 4.")]},
    "Unicode normalisation": {"messages": [MESSAGES[0], HumanMessage("Re\u0301sume\u0301: 2 of 3.")]},
    "a trailing space": {"messages": [MESSAGES[0], HumanMessage("Résumé: 2 of 3. ")]},
    "an invisible character": {"messages": [MESSAGES[0], HumanMessage("Résumé: 2 of\u200b 3.")]},
    "a role": {"messages": [HumanMessage("Be brief."), MESSAGES[1]]},
    "the order of messages": {"messages": MESSAGES[::-1]},
    "a message less": {"messages": MESSAGES[1:]},
    "an example before it": {"messages": [MESSAGES[0], HumanMessage("1"), AIMessage("2"), MESSAGES[1]]},
    "where one message ends": {"messages": [SystemMessage("Be brief.R"), HumanMessage("ésumé: 2 of 3.")]},
    "temperature": {"temperature": 0.6},
    "no temperature": {"temperature": None},
    "max_tokens": {"max_tokens": 51},
    "top_p": {"top_p": 0.8},
    "frequency_penalty": {"frequency_penalty": 0.1},
    "a penalty of 0 is one": {"frequency_penalty": 0},
    "seed": {"seed": 1},
    "seed 0 is one": {"seed": 0},
    "another stop": {"stop": ["END", "stop"]},
    "a stop less": {"stop": ["END"]},
    "logprobs": {"logprobs": True},
    "top_logprobs": {"logprobs": True, "top_logprobs": 5},
    "no schema": {"response_format": None},
    "a length in the schema": {
        "response_format": formatted(changed(SCHEMA, "name", {"type": "string", "maxLength": 21}))
    },
    "the order of the schema's properties": {"response_format": formatted(TURNED)},
    "the order of an enum": {"response_format": formatted(changed(SCHEMA, "size", {"enum": ["large", "small"]}))},
    "what is required": {"response_format": formatted({**SCHEMA, "required": []})},
    "a number in the schema": {
        "response_format": formatted(changed(SCHEMA, "name", {"type": "string", "maxLength": 20.5}))
    },
    "repeat": {"terms": Terms(caller="a", task="summarize", repeat=1)},
    "the script": {"config": {"answers": [{"answer": "Well!"}]}},
    "the context": {"config": {"context_tokens": 4096}},
}
SAME: Mapping[str, Mapping[str, Any]] = {
    "the same": {},
    "the name of the backend": {"name": "other"},
    "time limits": {"config": {"timeout_s": 7, "first_token_timeout_s": 3, "idle_timeout_s": 2}},
    "concurrency and queue": {"config": {"concurrency": 3, "max_queue": 5, "queue_timeout_s": 9}},
    "retries": {"config": {"retries": 4}},
    "slots of the server": {"config": {"slots": 3}},
    "the order of the configuration's keys": {"config": {"retries": 1, "concurrency": 16}},
    "the caller": {"terms": Terms(caller="b", task="summarize")},
    "the task": {"terms": Terms(caller="a", task="rewrite")},
    "the priority": {"terms": Terms(caller="a", task="summarize", priority=Priority.LOW)},
    "in the background": {"terms": Terms(caller="a", task="summarize", background=True)},
    "whether it may be shared or kept": {"terms": Terms(caller="a", task="summarize", share=False, cache=True)},
    "who is told of it": {"label": "case 7"},
    "0.50": {"temperature": float("0.50")},
    "a None for an absent parameter": {"seed": None, "frequency_penalty": None},
    "no logprobs": {"logprobs": False, "top_logprobs": 5},
    "the order of stops": {"stop": ["STOP", "END"]},
    "a stop twice": {"stop": ["END", "STOP", "END"]},
    "the order of the schema's keywords": {"response_format": formatted(dict(reversed(SCHEMA.items())))},
    "the name of the schema": {
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}}
    },
    "ids and names of messages": {
        "messages": [SystemMessage("Be brief.", id="1"), HumanMessage("Résumé: 2 of 3.", name="Ada")]
    },
    "a text in blocks": {"messages": [MESSAGES[0], HumanMessage([{"type": "text", "text": "Résumé: 2 of 3."}])]},
}


def made(path: Path, change: Mapping[str, Any]) -> str:
    config = dict(change.get("config", {}))
    return key(path, **{**change, "config": config})


@pytest.mark.parametrize("name", CHANGES)
def test_it_changes_with(name: str, tmp_path: Path) -> None:
    assert made(tmp_path / "changed", CHANGES[name]) != key(tmp_path / "first")


@pytest.mark.parametrize("name", SAME)
def test_it_does_not_change_with(name: str, tmp_path: Path) -> None:
    assert made(tmp_path / "same", SAME[name]) == key(tmp_path / "first")


def test_no_two_changes_have_the_same_key(tmp_path: Path) -> None:
    found = [made(tmp_path / str(number), change) for number, change in enumerate(CHANGES.values())]
    assert len(set(found)) == len(found) >= 25
    assert len(SAME) >= 10


OPENAI = {"kind": "openai", "base_url": "http://gpu/v1", "model": "m"}
OLLAMA = {"kind": "ollama", "base_url": "http://gpu", "model": "m"}
LANGCHAIN = {"kind": "langchain", "model": "openai:m"}
CONFIGURATIONS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "openai: model": (OPENAI, {"model": "n"}),
    "openai: address": (OPENAI, {"base_url": "http://other/v1"}),
    "openai: further fields": (OPENAI, {"extra_body": {"chat_template_kwargs": {"enable_thinking": False}}}),
    "openai: context": (OPENAI, {"context_tokens": 4096}),
    "openai: cap": (OPENAI, {"max_tokens": 100}),
    "openai: name of the cap": (OPENAI, {"max_tokens_field": "max_completion_tokens"}),
    "openai: schema": (OPENAI, {"strict_schema": False}),
    "ollama: model": (OLLAMA, {"model": "m:8b"}),
    "ollama: context": (OLLAMA, {"num_ctx": 4096}),
    "ollama: options": (OLLAMA, {"options": {"top_k": 3}}),
    "langchain: provider": (LANGCHAIN, {"model": "anthropic:m"}),
    "langchain: options": (LANGCHAIN, {"options": {"presence_penalty": 1}}),
    "langchain: structured": (LANGCHAIN, {"structured": "tool"}),
    "langchain: cap": (LANGCHAIN, {"max_tokens": 100}),
    "langchain: context": (LANGCHAIN, {"context_tokens": 4096}),
    "langchain: ends": (LANGCHAIN, {"needs_finish_reason": False}),
}
LIMITS = {"timeout_s": 7, "connect_timeout_s": 1, "concurrency": 7, "max_queue": 1, "retries": 3}
SAME_CONFIGURATIONS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "openai: limits": (OPENAI, LIMITS),
    "openai: variable of the key": (OPENAI, {"api_key_env": "SOME_KEY"}),
    "ollama: limits": (OLLAMA, LIMITS),
    "ollama: how long it stays loaded": (OLLAMA, {"keep_alive": "1h"}),
    "ollama: variable of the key": (OLLAMA, {"api_key_env": "SOME_KEY"}),
    "langchain: limits": (LANGCHAIN, LIMITS),
}


def configured(keys: Mapping[str, Any]) -> str:
    subject = subject_of(configuration_class(keys["kind"]).model_validate(keys))
    return RequestKeys(subject).chat(MESSAGES, CallOptions())


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_it_changes_with_the_configuration(name: str) -> None:
    keys, change = CONFIGURATIONS[name]
    assert configured({**keys, **change}) != configured(keys)


@pytest.mark.parametrize("name", SAME_CONFIGURATIONS)
def test_it_does_not_change_with_the_rest_of_the_configuration(name: str) -> None:
    keys, change = SAME_CONFIGURATIONS[name]
    assert configured({**keys, **change}) == configured(keys)


def test_it_tells_models_and_operations_apart() -> None:
    subject = Subject("embedded", "m", DIGEST, {"context_tokens": 8192})
    others = [
        replace(subject, kind="ollama"),
        replace(subject, model="n"),
        replace(subject, digest="sha256:" + "1" * 64),
        replace(subject, settings={}),
    ]
    keys = [RequestKeys(each) for each in (subject, *others)]
    found = [each.chat(MESSAGES, CallOptions()) for each in keys]
    found += [each.count(MESSAGES) for each in keys]
    found += [each.scores(MESSAGES) for each in keys]
    found += [keys[0].refusal(MESSAGES, None), keys[0].refusal(MESSAGES, 7), keys[0].refused_scores(MESSAGES)]
    found += [keys[0].chat(MESSAGES, CallOptions(), turn=1), keys[0].chat(MESSAGES, CallOptions(), repeat=1)]
    assert len(set(found)) == len(found)
    assert all(len(one) == 64 for one in found)


def test_it_is_the_hash_of_a_canonical_form() -> None:
    """A change of this form makes every recording useless: it needs a new format of cassettes."""
    keys = RequestKeys(Subject("embedded", "m", DIGEST, {"context_tokens": 8192}))
    options = CallOptions.of(["END"], {"temperature": 0, "max_tokens": 9, "response_format": formatted(SCHEMA)})
    subject = f'{{"digest":"{DIGEST}","kind":"embedded","model":"m","settings":{{"context_tokens":8192}}}}'
    schema = (
        '{"properties":[["name",{"maxLength":20,"type":"string"}],["size",{"enum":["small","large"]}]],'
        '"required":["name"],"type":"object"}'
    )
    request = (
        '{"messages":[["system","Be brief."],["user","Résumé: 2 of 3."]],"operation":"chat",'
        f'"parameters":{{"max_tokens":9,"schema":{schema},"stop":["END"],"temperature":0.0}},"repeat":0,"turn":0}}'
    )
    assert keys.chat(MESSAGES, options) == hashlib.sha256((subject + request).encode()).hexdigest()


def test_half_a_character_is_no_other_half() -> None:
    keys = RequestKeys(Subject("embedded", "m", DIGEST))
    texts = ("\ud83d\ude00", "😀", "\ud83d", "\ude00")
    assert len({keys.count([HumanMessage(text)]) for text in texts}) == len(texts)


def test_what_is_no_text_and_no_number_has_no_key() -> None:
    keys = RequestKeys(Subject("embedded", "m", DIGEST))
    with pytest.raises(ValueError, match="tool"):
        keys.chat([ToolMessage("a", tool_call_id="1")], CallOptions())
    with pytest.raises(ValueError, match="JSON"):
        keys.chat(MESSAGES, CallOptions(temperature=float("nan")))
