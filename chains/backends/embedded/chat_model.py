"""The embedded model as a LangChain chat model: tokens in, a stream of text out, over a Unix socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

from chains.backends.embedded.template import placeholders, split_skeleton
from chains.backends.embedded.wire import FINISHED, completion_body, refusal, server_sent, usage
from chains.errors import (
    BackendProtocolError,
    BackendRejected,
    BackendTimeout,
    BackendUnavailable,
    ContextExceeded,
    CopydeskError,
)

__all__ = ["EmbeddedChatModel"]

_RESTART_S = 10.0
_LOADING = 503
_PROBE_S = 2.0
_COUNT_S = 5.0
_ROLES = {"system": "system", "human": "user", "ai": "assistant", "AIMessageChunk": "assistant"}


class EmbeddedChatModel(BaseChatModel):
    """A chat model over a running ModelServer.

    Per call it takes `temperature`, `max_tokens`, `top_p`, `frequency_penalty`, `seed`, `stop` and
    `response_format` (a JSON Schema in OpenAI's form, which constrains decoding); any other keyword raises
    TypeError. Raises ContextExceeded before anything is generated, BackendUnavailable, BackendTimeout,
    BackendRejected or BackendProtocolError.

    A message's `usage_metadata` is what llama.cpp counted; its `response_metadata` holds `model_name`,
    `finish_reason` (`stop` or `length`) and llama.cpp's `timings`. When the awaiting task is cancelled, the
    connection closes and llama.cpp frees the slot.
    """

    backend: str
    socket: Path | None
    model_name: str
    context_tokens: int
    concurrency: int
    timeout_s: float

    _skeletons: dict[tuple[str, ...], list[list[int]]] = PrivateAttr(default_factory=dict)
    _loop: asyncio.AbstractEventLoop | None = PrivateAttr(default=None)
    _session: aiohttp.ClientSession | None = PrivateAttr(default=None)
    _slots: asyncio.Semaphore | None = PrivateAttr(default=None)

    @property
    def _llm_type(self) -> str:
        return "copydesk-embedded"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "context_tokens": self.context_tokens}

    async def probe(self) -> None:
        """Raises BackendUnavailable where the model server doesn't answer that it is well."""
        try:
            async with asyncio.timeout(_PROBE_S), self._http().get("http://model/health") as response:
                if response.status == 200:
                    return
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._unavailable("the model process does not answer", error) from error
        raise self._unavailable(f"the model process answers {response.status}", None)

    async def count_tokens(self, messages: list[BaseMessage]) -> int:
        """The tokens that the model would read, the chat template's among them.

        Raises BackendUnavailable, BackendTimeout, BackendRejected or BackendProtocolError.
        """
        roles = tuple(_role(message) for message in messages)
        async with self._translated_errors(asyncio.get_running_loop().time() + _COUNT_S, _COUNT_S):
            return len(await self._tokens(messages, roles))

    async def aclose(self) -> None:
        """Close the connections. The model may be used again afterwards."""
        if self._session is not None:
            await self._session.close()
        self._session = None

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError("The embedded model is asynchronous: use ainvoke or astream")

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        pieces: list[str] = []
        last: dict[str, Any] = {}
        async for last in self._events(messages, stop, kwargs):
            pieces.append(last["content"])
        message = AIMessage("".join(pieces), usage_metadata=last["usage"], response_metadata=self._metadata(last))
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        async for event in self._events(messages, stop, kwargs):
            chunk = AIMessageChunk(content=event["content"])
            if event["stop"]:
                chunk.usage_metadata = event["usage"]
                chunk.response_metadata = self._metadata(event)
            yield ChatGenerationChunk(message=chunk)

    async def _events(
        self, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]
    ) -> AsyncIterator[dict[str, Any]]:
        """The server's events that carry text; exactly the last one has `stop: true`."""
        body = completion_body(stop, options)
        roles = tuple(_role(message) for message in messages)
        self._http()
        assert self._slots is not None
        async with self._slots:
            ends = asyncio.get_running_loop().time() + self.timeout_s
            async with self._translated_errors(ends):
                response = await self._post(body, messages, roles)
            async with response:
                events = server_sent(response.content)
                # The limit is set for each event anew: one that spanned the `yield` would cancel whoever consumes.
                while True:
                    async with self._translated_errors(ends):
                        event = await self._next(events)
                    yield event
                    if event["stop"]:
                        return

    async def _post(
        self, body: dict[str, Any], messages: list[BaseMessage], roles: tuple[str, ...]
    ) -> aiohttp.ClientResponse:
        tokens = await self._tokens(messages, roles)
        needed = len(tokens) + body["n_predict"]
        if needed > self.context_tokens:
            raise ContextExceeded(needed=needed, limit=self.context_tokens, reserved=body["n_predict"])
        response = await self._http().post("http://model/completion", json={**body, "prompt": tokens})
        if response.status != 200:
            raise refusal(self.backend, response.status, await response.read())
        return response

    async def _next(self, events: AsyncIterator[dict[str, Any]]) -> dict[str, Any]:
        async for event in events:
            if "error" in event:
                raise refusal(self.backend, 500, json.dumps(event).encode())
            if event["stop"]:
                if event["stop_type"] not in FINISHED:
                    raise BackendProtocolError(f"the answer ended by {event['stop_type']!r}", backend=self.backend)
                return {
                    "usage": usage(event),
                    **{name: event[name] for name in ("content", "stop", "stop_type", "timings")},
                }
            if event["content"]:
                return event
        raise BackendProtocolError("the answer ended before it was complete", backend=self.backend)

    async def _tokens(self, messages: list[BaseMessage], roles: tuple[str, ...]) -> list[int]:
        """The whole prompt as tokens; control tokens come from the chat template only, never from a content."""
        skeleton = self._skeletons.get(roles)
        if skeleton is None:
            skeleton = self._skeletons[roles] = await self._skeleton(roles)
        mixed: list[int | str] = list(skeleton[0])
        for message, after in zip(messages, skeleton[1:], strict=True):
            mixed.extend([str(message.text), *after])
        return await self._tokenize(mixed, special=False)

    async def _skeleton(self, roles: tuple[str, ...]) -> list[list[int]]:
        marks = placeholders(len(roles))
        messages = [{"role": role, "content": mark} for role, mark in zip(roles, marks, strict=True)]
        rendered = await self._ask("apply-template", {"messages": messages})
        try:
            pieces = split_skeleton(rendered["prompt"], marks)
        except ValueError as error:
            raise BackendRejected(f"{error}; use another model", backend=self.backend, original=error) from error
        return [await self._tokenize(piece, special=True) for piece in pieces]

    async def _tokenize(self, content: str | list[int | str], *, special: bool) -> list[int]:
        body = {"content": content, "parse_special": special, "add_special": False}
        tokens: list[int] = (await self._ask("tokenize", body))["tokens"]
        return tokens

    async def _ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to a question that costs nothing, so it is asked again until a dead process is back."""
        patience = asyncio.get_running_loop().time() + _RESTART_S
        while True:
            is_last = asyncio.get_running_loop().time() > patience
            try:
                async with self._http().post(f"http://model/{path}", json=body) as response:
                    raw = await response.read()
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
                if is_last:
                    raise
            else:
                if response.status == 200:
                    answer: dict[str, Any] = json.loads(raw)
                    return answer
                if response.status != _LOADING or is_last:
                    raise refusal(self.backend, response.status, raw)
            await asyncio.sleep(0.05)

    def _http(self) -> aiohttp.ClientSession:
        """The session of the running event loop."""
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            if self.socket is None:
                raise BackendUnavailable("its model process was not started", backend=self.backend)
            if self._session is not None:
                # Its event loop is not this one, so it cannot be closed here; it keeps no idle connections.
                self._session.detach()
            self._loop = loop
            self._slots = asyncio.Semaphore(self.concurrency)
            # A kept connection would hold one of llama.cpp's HTTP threads, and it drops them without a word.
            connector = aiohttp.UnixConnector(path=str(self.socket), limit=0, force_close=True)
            self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(None))
        return self._session

    @asynccontextmanager
    async def _translated_errors(self, ends: float, limit_s: float | None = None) -> AsyncIterator[None]:
        """Every foreign error as one of ours, and the time limit: `ends` by the loop's clock, told as `limit_s`."""
        try:
            async with asyncio.timeout_at(ends) as limit:
                yield
        except CopydeskError:
            raise
        except TimeoutError as error:
            if not limit.expired():
                raise self._unavailable("the model process does not answer", error) from error
            raise BackendTimeout(
                f"no complete answer within {limit_s or self.timeout_s:g} s", backend=self.backend, original=error
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise BackendProtocolError(
                f"the answer is malformed or incomplete ({type(error).__name__})", backend=self.backend, original=error
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise self._unavailable("the model process broke down; it is being restarted", error) from error

    def _unavailable(self, message: str, error: BaseException | None) -> BackendUnavailable:
        return BackendUnavailable(message, backend=self.backend, original=error)

    def _metadata(self, event: dict[str, Any]) -> dict[str, Any]:
        finish = FINISHED[event["stop_type"]]
        return {"model_name": self.model_name, "finish_reason": finish, "timings": event["timings"]}


def _role(message: BaseMessage) -> str:
    if message.type not in _ROLES:
        raise ValueError(f"The embedded model takes system, human and AI messages, not one of type {message.type!r}")
    if message.text != message.content and any(_is_no_text(block) for block in message.content):
        raise ValueError(f"The embedded model takes text only; a {message.type} message holds something else")
    return _ROLES[message.type]


def _is_no_text(block: str | dict[str, Any]) -> bool:
    return isinstance(block, dict) and block.get("type") != "text"
