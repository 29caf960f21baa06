"""The embedded model as a LangChain chat model: tokens in, a stream of text out, over a Unix socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

from chains.backends.embedded.template import placeholders, split_skeleton
from chains.errors import (
    BackendError,
    BackendProtocolError,
    BackendRejected,
    BackendTimeout,
    BackendUnavailable,
    ContextExceeded,
    CopydeskError,
)

__all__ = ["EmbeddedChatModel"]

_CONNECT_S = 10.0
_PROBE_S = 2.0
_DEFAULT_MAX_TOKENS = 512
_LONGEST_LINE = 8 << 20
_ROLES = {"system": "system", "human": "user", "ai": "assistant", "AIMessageChunk": "assistant"}
_OPTIONS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "temperature": lambda value: {"temperature": value},
    "max_tokens": lambda value: {"n_predict": value},
    "top_p": lambda value: {"top_p": value},
    "frequency_penalty": lambda value: {"frequency_penalty": value},
    "seed": lambda value: {"seed": value},
    "response_format": lambda value: {"json_schema": value["json_schema"]["schema"]},
}
_TOO_LONG = "exceed_context_size_error"


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
        message = AIMessage("".join(pieces), usage_metadata=_usage(last), response_metadata=self._metadata(last))
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
                chunk.usage_metadata = _usage(event)
                chunk.response_metadata = self._metadata(event)
            yield ChatGenerationChunk(message=chunk)

    async def _events(
        self, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]
    ) -> AsyncIterator[dict[str, Any]]:
        """The server's events that carry text; exactly the last one has `stop: true`."""
        body = _body(stop, options)
        http = self._http()
        assert self._slots is not None
        async with self._slots, self._translated_errors():
            body["prompt"] = tokens = await self._tokens(messages)
            needed = len(tokens) + body["n_predict"]
            if needed > self.context_tokens:
                raise ContextExceeded(needed=needed, limit=self.context_tokens, reserved=body["n_predict"])
            async with http.post("http://model/completion", json=body) as response:
                if response.status != 200:
                    raise _refusal(self.backend, response.status, await response.read())
                async for event in _server_sent(response.content):
                    if "error" in event:
                        raise _refusal(self.backend, 500, json.dumps(event).encode())
                    if event["content"] or event["stop"]:
                        yield event
                    if event["stop"]:
                        return
        raise BackendProtocolError("the answer ended before it was complete", backend=self.backend)

    async def _tokens(self, messages: list[BaseMessage]) -> list[int]:
        """The whole prompt as tokens; control tokens come from the chat template only, never from a content."""
        roles = tuple(_ROLES[message.type] for message in messages)
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
        async with self._http().post(f"http://model/{path}", json=body) as response:
            raw = await response.read()
        if response.status != 200:
            raise _refusal(self.backend, response.status, raw)
        answer: dict[str, Any] = json.loads(raw)
        return answer

    def _http(self) -> aiohttp.ClientSession:
        """The session of the running event loop."""
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            if self.socket is None:
                raise BackendUnavailable("its model process was not started", backend=self.backend)
            self._loop = loop
            self._slots = asyncio.Semaphore(self.concurrency)
            self._session = aiohttp.ClientSession(
                connector=_PatientConnector(path=str(self.socket), limit=0), timeout=aiohttp.ClientTimeout(None)
            )
        return self._session

    @asynccontextmanager
    async def _translated_errors(self) -> AsyncIterator[None]:
        """Every foreign error as one of ours, and the time limit."""
        try:
            async with asyncio.timeout(self.timeout_s) as limit:
                yield
        except CopydeskError:
            raise
        except TimeoutError as error:
            if not limit.expired():
                raise self._unavailable("the model process does not accept connections", error) from error
            raise BackendTimeout(
                f"no complete answer within {self.timeout_s:g} s", backend=self.backend, original=error
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
        finish = "length" if event["stop_type"] == "limit" else "stop"
        return {"model_name": self.model_name, "finish_reason": finish, "timings": event["timings"]}


class _PatientConnector(aiohttp.UnixConnector):
    """Waits for a model process that is being restarted: nothing was sent yet, so nothing can be lost."""

    async def _create_connection(self, *args: Any, **kwargs: Any) -> Any:
        deadline = asyncio.get_running_loop().time() + _CONNECT_S
        while True:
            try:
                return await super()._create_connection(*args, **kwargs)
            except aiohttp.ClientConnectorError:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.05)


def _body(stop: list[str] | None, options: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown:
        raise TypeError(f"The embedded model takes no {', '.join(unknown)}; it takes stop, {', '.join(_OPTIONS)}")
    body: dict[str, Any] = {"n_predict": _DEFAULT_MAX_TOKENS, "stop": stop or []}
    for name, value in options.items():
        if value is not None:
            body |= _OPTIONS[name](value)
    # Streamed also for whole answers: llama.cpp sees a hang-up only where it has something to send.
    return {**body, "stream": True, "return_progress": True, "cache_prompt": True}


async def _server_sent(content: aiohttp.StreamReader) -> AsyncIterator[dict[str, Any]]:
    """The JSON objects of a stream of server-sent events. Raises ValueError for anything else."""
    buffer = b""
    async for data in content.iter_any():
        buffer += data
        *lines, buffer = buffer.split(b"\n")
        if len(buffer) > _LONGEST_LINE:
            raise ValueError("an event is too long")
        for line in lines:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])
            elif line.startswith(b"error: "):
                yield {"error": json.loads(line[7:])}


def _refusal(backend: str, status: int, raw: bytes) -> CopydeskError:
    """llama.cpp's errors: `{"error": {"code", "message", "type"}}` with an HTTP status, or in the stream.

    Its message may quote the request, so only its type is passed on; the whole stays in `original`.
    """
    try:
        error = json.loads(raw)["error"]
        kind = str(error["type"])
    except (ValueError, KeyError, TypeError):
        error, kind = {}, "no reason given"
    if kind == _TOO_LONG:
        return ContextExceeded(needed=error["n_prompt_tokens"], limit=error["n_ctx"], reserved=0)
    refused: type[BackendError] = BackendRejected if 400 <= status < 500 else BackendUnavailable
    original = ValueError(raw.decode(errors="replace"))
    return refused(f"llama.cpp answered {status} ({kind})", backend=backend, original=original)


def _usage(event: dict[str, Any]) -> UsageMetadata:
    """`tokens_evaluated` is the whole prompt, `timings.cache_n` the part of it that was in the slot's cache."""
    read, written = event["tokens_evaluated"], event["tokens_predicted"]
    cached = InputTokenDetails(cache_read=event["timings"]["cache_n"])
    return UsageMetadata(
        input_tokens=read, output_tokens=written, total_tokens=read + written, input_token_details=cached
    )
