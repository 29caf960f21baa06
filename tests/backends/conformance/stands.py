"""How each kind gets a real model to answer: the embedded one behind every protocol, or a live server.

A live server is named by OLLAMA_HOST (its model by OLLAMA_MODEL) or OPENAI_BASE_URL (OPENAI_MODEL, the key in
OPENAI_API_KEY, and OPENAI_CONTEXT_TOKENS where the server doesn't tell), and used where CONFORMANCE is `live`, as
`make conformance` sets it.
"""

import asyncio
import json
import os
import tempfile
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

from chains.backends import configuration_class
from chains.backends.embedded.chat_model import EmbeddedChatModel
from chains.backends.embedded.server import ModelServer
from chains.backends.openai.wire import chat_messages
from chains.backends.replay.modes import RecordingMode, in_mode
from chains.backends.replay.recording import RecordingChatModel
from chains.backends.scripted.chat_model import ScriptedChatModel
from chains.backends.streamed import role_of
from tests.backends.llama_server import LlamaServer, llama_server
from tests.backends.ollama_server import model_backed_server

__all__ = ["LIVE_KINDS", "Stand", "live_stand", "stand"]

ReadTokens = Callable[[BaseChatModel, Sequence[BaseMessage]], Awaitable[list[int]]]
IsBusy = Callable[[BaseChatModel], Awaitable[bool]]

_CONTEXT = 1024
_SCRIPT: Sequence[Mapping[str, Any]] = (
    {"when": "Name a city", "answer": {"city": "Ulm", "large": False}},
    {"when": "story", "answer": "word " * 900, "token_ms": 10, "delay_ms": 50},
    {"answer": "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen."},
)


@dataclass(frozen=True, slots=True)
class Stand:
    """A kind before a real model.

    keys            of its configuration
    others          changes of them, each of which makes another model
    read_tokens     the tokens that the server reads of messages; None where nobody can see them
    is_busy         whether the server is at work; None where it doesn't tell
    can_be_endless  whether a schema can keep the model from ending its answer
    """

    kind: str
    keys: Mapping[str, Any]
    others: Sequence[Mapping[str, Any]] = ()
    read_tokens: ReadTokens | None = None
    is_busy: IsBusy | None = None
    can_be_endless: bool = True
    is_live: bool = False

    def create(self, **changes: Any) -> BaseChatModel:
        config = configuration_class(self.kind).model_validate({"kind": self.kind, **self.keys, **changes})
        return config.create("gpu")


@contextmanager
def stand(kind: str, model_server: Callable[[], ModelServer]) -> Iterator[Stand]:
    """`model_server` gives the embedded model's process, and is asked only where it is needed."""
    if kind == "embedded":
        socket = model_server().socket
        yield Stand(
            kind,
            {"socket": socket, "context_tokens": 2048},
            ({"context_tokens": 1024}, {"socket": socket.with_name("other.sock")}),
            _embedded_tokens,
            lambda _: _has_busy_slot(aiohttp.UnixConnector(path=str(socket)), "http://model"),
        )
    elif kind == "scripted":
        keys = {"answers": _SCRIPT, "context_tokens": _CONTEXT}
        others = ({"answers": _SCRIPT[1:]}, {"seed": 7})
        yield Stand(kind, keys, others, is_busy=_scripted_is_busy, can_be_endless=False)
    elif kind == "replay":
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / name for name in ("one.jsonl", "two.jsonl")]
            for path, script in zip(paths, (_SCRIPT, _SCRIPT[1:]), strict=True):
                asyncio.run(_record(path, script))
            yield Stand(kind, {"path": paths[0]}, ({"path": paths[1]},), can_be_endless=False)
    elif kind == "ollama":
        with model_backed_server(model_server()) as server:

            async def read(model: BaseChatModel, messages: Sequence[BaseMessage]) -> list[int]:
                await model.ainvoke(list(messages), max_tokens=1)
                return server.last_tokens

            async def is_busy(_: BaseChatModel) -> bool:
                connector = aiohttp.UnixConnector(path=str(model_server().socket))
                return server.counts.active > 0 or await _has_busy_slot(connector, "http://model")

            served = {"base_url": server.base_url, "model": server.model_name, "num_ctx": _CONTEXT}
            named = ({"base_url": "http://other"}, {"model": "other"}, {"num_ctx": 512}, {"options": {"top_k": 3}})
            yield Stand(kind, served, named, read, is_busy)
    else:
        with llama_server(context_tokens=_CONTEXT) as llama:
            yield _on_llama_server(kind, llama)


async def _record(path: Path, script: Sequence[Mapping[str, Any]]) -> None:
    """Record every row of the table from a script that takes no time."""
    from tests.backends.conformance.cannot import CANNOT
    from tests.backends.conformance.healthy_rows import HEALTHY_ROWS  # which know of stands

    quick = [{name: value for name, value in line.items() if name in ("when", "answer")} for line in script]
    keys = {"answers": quick, "context_tokens": _CONTEXT}
    config = configuration_class("scripted").model_validate(keys)
    model = in_mode(config, RecordingMode.RECORD_MISSING, path).create("gpu")
    assert isinstance(model, RecordingChatModel)
    recorded = Stand("scripted", keys, can_be_endless=False)
    rows = HEALTHY_ROWS if script is _SCRIPT else {"plain": HEALTHY_ROWS["plain"]}
    for name, row in rows.items():
        if name not in CANNOT["replay"]:
            await row(recorded, model)
    await model.aclose()


def _on_llama_server(kind: str, llama: LlamaServer) -> Stand:
    async def read(_: BaseChatModel, messages: Sequence[BaseMessage]) -> list[int]:
        # Its chat endpoint takes control strings for control tokens: what counts is what we send.
        async with aiohttp.ClientSession() as http:
            sent = {"messages": chat_messages(list(messages))}
            async with http.post(f"{llama.url}/apply-template", json=sent) as response:
                prompt = (await response.json())["prompt"]
            async with http.post(f"{llama.url}/tokenize", json={"content": prompt, "parse_special": True}) as response:
                return list((await response.json())["tokens"])

    prefix, further = (
        ("openai:", {"options": {"presence_penalty": 1}}) if kind == "langchain" else ("", {"extra_body": {"top_k": 3}})
    )
    context = {"context_tokens": _CONTEXT} if kind == "langchain" else {}
    return Stand(
        kind,
        {"base_url": f"{llama.url}/v1", "model": prefix + llama.model, **context},
        ({"base_url": "http://other/v1"}, {"model": f"{prefix}other"}, further),
        read,
        lambda _: _has_busy_slot(aiohttp.TCPConnector(), llama.url),
    )


async def _embedded_tokens(model: BaseChatModel, messages: Sequence[BaseMessage]) -> list[int]:
    assert isinstance(model, EmbeddedChatModel)
    return await model._tokens(list(messages), tuple(role_of(message) for message in messages))


async def _scripted_is_busy(model: BaseChatModel) -> bool:
    assert isinstance(model, ScriptedChatModel)
    return model.active > 0


async def _has_busy_slot(connector: aiohttp.BaseConnector, root: str) -> bool:
    async with aiohttp.ClientSession(connector=connector) as http, http.get(f"{root}/slots") as response:
        return any(slot["is_processing"] for slot in await response.json())


def _live_kinds() -> Mapping[str, str]:
    if os.environ.get("CONFORMANCE") != "live":
        return {}
    ollama, openai = os.environ.get("OLLAMA_HOST", ""), os.environ.get("OPENAI_BASE_URL", "")
    found = {"ollama": ollama, "openai": openai, "langchain": openai}
    return {kind: url if "://" in url else f"http://{url}" for kind, url in found.items() if url}


LIVE_KINDS = _live_kinds()
"""The kinds that have a live server, with its address; empty where none is asked for."""


def live_stand(kind: str) -> Stand:
    """A kind before a live server. Nothing but what its API shows can be checked there."""
    url = LIVE_KINDS[kind].rstrip("/")
    if kind == "ollama":
        with urllib.request.urlopen(f"{url}/api/tags", timeout=10) as response:
            names = [model["name"] for model in json.load(response)["models"]]
        model = os.environ.get("OLLAMA_MODEL") or next(iter(names), "")
        assert model, f"{url} has no model: ollama pull one"
        others: Sequence[Mapping[str, Any]] = ({"base_url": "http://other"}, {"model": "other"}, {"num_ctx": 512})
        return Stand(kind, {"base_url": url, "model": model, "num_ctx": 2048}, others, is_live=True)
    model = os.environ.get("OPENAI_MODEL", "") or _first_model(url)
    prefix = "openai:" if kind == "langchain" else ""
    keys: dict[str, Any] = {"base_url": url, "model": prefix + model, "api_key_env": "OPENAI_API_KEY"}
    if context := os.environ.get("OPENAI_CONTEXT_TOKENS"):
        keys["context_tokens"] = int(context)
    others = ({"base_url": "http://other/v1"}, {"model": f"{prefix}other"})
    return Stand(kind, keys, others, is_live=True, can_be_endless=False)


def _first_model(url: str) -> str:
    request = urllib.request.Request(f"{url}/models")
    request.add_header("Authorization", f"Bearer {os.environ.get('OPENAI_API_KEY', '')}")
    with urllib.request.urlopen(request, timeout=10) as response:
        return str(json.load(response)["data"][0]["id"])
