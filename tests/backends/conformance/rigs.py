"""How each kind is brought into a situation: a canned server that plays it, and a chat model of that kind before it."""

import json
import socket
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage

from chains.backends import configuration_class
from chains.backends.configuration import Closes
from chains.backends.replay.cassette import Cassette, header_of
from chains.backends.replay.chat_model import ReplayChatModel
from chains.backends.replay.configuration import ReplayConfig
from chains.backends.replay.modes import RecordingMode, in_mode
from chains.backends.scripted.chat_model import ScriptedChatModel
from chains.backends.streamed import CallOptions
from chains.errors import ContextExceeded
from tests.backends.conformance.embedded_server import EmbeddedServer
from tests.backends.conformance.situations import PROMPT, SHORT, TOO_LONG, Door, Situation
from tests.backends.ollama_server import Canned, Fault, canned_server
from tests.backends.openai_server import OpenAIServer, Script, event
from tests.conftest import require_embedded

__all__ = ["BACKEND", "RIGS", "Rig", "Serving"]

BACKEND = "gpu"
_PAGE = b"<html>Welcome!</html>"


@dataclass(frozen=True, slots=True)
class Serving:
    """A chat model before its server, which tells how many answers it is giving and how many tokens it made."""

    model: BaseChatModel
    running: Callable[[], int]
    generated: Callable[[], int]


Rig = Callable[[Situation], AbstractAsyncContextManager[Serving]]


@asynccontextmanager
async def embedded(situation: Situation) -> AsyncIterator[Serving]:
    require_embedded()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.sock"
        keys = {"socket": path, "context_tokens": TOO_LONG[1]}
        async with EmbeddedServer(path, situation) as server:
            keys["socket"] = path if situation.door is Door.OPEN else path.with_name("absent.sock")
            async with _model("embedded", situation, **keys) as model:
                yield Serving(model, lambda: server.running, lambda: server.generated)


@asynccontextmanager
async def scripted(situation: Situation) -> AsyncIterator[Serving]:
    keys = {"context_tokens": TOO_LONG[1]} if situation.too_long else {}
    async with _model("scripted", situation, answers=[_line(situation)], **keys) as model:
        assert isinstance(model, ScriptedChatModel)
        yield Serving(model, lambda: model.active, lambda: model.served_tokens)


class _CountingReplay(ReplayChatModel):
    given_tokens: int = 0

    async def _chunks(self, messages: list[BaseMessage], options: CallOptions) -> AsyncGenerator[AIMessageChunk, None]:
        async for chunk in super()._chunks(messages, options):
            self.given_tokens += chunk.usage_metadata["output_tokens"] if chunk.usage_metadata else 0
            yield chunk


@asynccontextmanager
async def replay(situation: Situation) -> AsyncIterator[Serving]:
    """What is asked in the tests, recorded from a script before."""
    keys = {"context_tokens": TOO_LONG[1]} if situation.too_long else {}
    script = configuration_class("scripted").model_validate({"answers": [_line(situation)], **keys})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recordings.jsonl"
        recording = in_mode(script, RecordingMode.RECORD, path).create(BACKEND)
        for text, cap in ((SHORT, 200), ("Hello", 9), (PROMPT, 200)):
            with suppress(ContextExceeded):
                await recording.ainvoke(text, max_tokens=cap)
        assert isinstance(recording, Closes)
        await recording.aclose()
        found = ReplayConfig(path=path)
        model = _CountingReplay(
            backend=BACKEND,
            model_name=found.identity().model,
            timeouts=found.timeouts,
            cassette=Cassette.read(path),
            header=header_of(path),
        )
        yield Serving(model, lambda: 0, lambda: model.given_tokens)


def _line(situation: Situation) -> dict[str, Any]:
    """The script's line. A script names errors itself: what a status means to it, this rig has to say."""
    line: dict[str, Any] = {"answer": "".join(situation.tokens), "token_ms": situation.token_s * 1000}
    line |= {"stall_after": situation.stall_after, "end_early": situation.end_after}
    if situation.status is not None:
        failures = {408: "timeout", 429: "busy", 503: "busy"}
        fallback = "rejected" if situation.status < 499 else "unavailable"
        retry_after_s = float(situation.retry_after) if situation.retry_after else None
        line |= {"fail": failures.get(situation.status, fallback), "retry_after_s": retry_after_s}
    for failure, after in (
        ("protocol", situation.malformed_after),
        ("unavailable", situation.error_after),
        ("unavailable", situation.cut_after),
    ):
        if after is not None:
            line |= {"fail": failure, "fail_after": after}
    return line


@asynccontextmanager
async def ollama(situation: Situation) -> AsyncIterator[Serving]:
    refused = situation.status is not None
    fault = Fault(
        status=200 if situation.content_type else situation.status,
        body=_PAGE if situation.content_type else None,
        retry_after=situation.retry_after if refused else None,
        content_type=situation.content_type,
        stall_first=situation.stall_after == 0,
        stall_after=situation.stall_after,
        cut_after=situation.cut_after,
        end_after=situation.end_after,
        malformed_after=situation.malformed_after,
        error_after=situation.error_after,
        split=situation.write_bytes,
    )
    tokens = ("again",) * 100 if situation.repeats else situation.tokens
    canned = Canned(tokens, first_s=situation.token_s, each_s=situation.token_s)
    with canned_server(canned, fault=fault, default_context=TOO_LONG[1] if situation.too_long else 4096) as server:
        counts = server.counts
        with _address(situation.door, server.base_url) as url:
            async with _model("ollama", situation, base_url=url, model=server.model_name) as model:
                yield Serving(model, lambda: counts.active, lambda: counts.tokens)


@asynccontextmanager
async def openai(situation: Situation) -> AsyncIterator[Serving]:
    async with _before_openai_server("openai", "m", situation) as serving:
        yield serving


@asynccontextmanager
async def langchain(situation: Situation) -> AsyncIterator[Serving]:
    async with _before_openai_server("langchain", "openai:m", situation) as serving:
        yield serving


@asynccontextmanager
async def _before_openai_server(kind: str, name: str, situation: Situation) -> AsyncIterator[Serving]:
    async with OpenAIServer(_openai_script(situation)) as server:
        with _address(situation.door, server.url) as url:
            async with _model(kind, situation, base_url=f"{url}/v1", model=name) as model:
                yield Serving(model, lambda: server.running, lambda: server.generated)


def _openai_script(situation: Situation) -> Script:
    headers = {} if situation.retry_after is None else {"retry-after": situation.retry_after}
    status, body = situation.status or 200, json.dumps({"error": {"message": "m", "type": "some_error"}})
    if situation.too_long:
        words, limit = TOO_LONG
        error = {"message": "m", "type": "exceed_context_size_error", "n_prompt_tokens": words, "n_ctx": limit}
        status, body = 400, json.dumps({"error": error})
    raw: dict[int, bytes] = {0: _PAGE} if situation.content_type else {}
    if situation.malformed_after is not None:
        raw[situation.malformed_after] = b"data: {half\n\n"
    if situation.error_after is not None:
        raw[situation.error_after] = event(error={"message": "m", "type": "server_error", "code": 500})
    end_after = 0 if situation.content_type else situation.end_after
    ended = end_after is not None
    read, written = 20, len(situation.tokens)
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    return Script(
        tokens=situation.tokens[:end_after],
        status=status,
        body=body,
        headers=headers if situation.status else {},
        content_type=situation.content_type or "text/event-stream",
        stall_after=situation.stall_after,
        cut_after=situation.cut_after,
        delay_s=situation.token_s,
        raw=raw,
        finish=None if ended else "stop",
        usage=None if ended else usage,
        done=not ended,
        write_bytes=situation.write_bytes,
    )


@asynccontextmanager
async def _model(kind: str, situation: Situation, **keys: Any) -> AsyncIterator[BaseChatModel]:
    model = configuration_class(kind).model_validate({"kind": kind, **keys, **(situation.keys or {})}).create(BACKEND)
    try:
        yield model
    finally:
        if isinstance(model, Closes):
            await model.aclose()


@contextmanager
def _address(door: Door, url: str) -> Iterator[str]:
    """Where the backend is told that the server is."""
    if door is Door.NO_SUCH_HOST:
        yield "http://no-such-host.invalid"
    elif door is Door.NO_TLS:
        yield url.replace("http://", "https://")
    elif door in (Door.REFUSED, Door.NO_ANSWER):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            address = taken.getsockname()
            with _crowd(taken) if door is Door.NO_ANSWER else nullcontext():
                yield "http://{}:{}".format(*address)
    else:
        yield url


@contextmanager
def _crowd(listener: socket.socket) -> Iterator[None]:
    """So many connections that nobody accepts that Linux answers no further one."""
    listener.listen(0)
    waiting = [socket.socket() for _ in range(4)]
    try:
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield
    finally:
        for one in waiting:
            one.close()


RIGS: Mapping[str, Rig] = {
    "embedded": embedded,
    "langchain": langchain,
    "ollama": ollama,
    "openai": openai,
    "replay": replay,
    "scripted": scripted,
}
