"""A model on an Ollama server as a LangChain chat model: /api/chat, streamed, over the shared transport."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

import aiohttp
from langchain_core.messages import AIMessageChunk, BaseMessage
from pydantic import SecretStr

from chains.backends.configuration import PullProgress, ServerState
from chains.backends.control_strings import Restorer, neutralise
from chains.backends.estimate import PromptSize, TokenEstimate
from chains.backends.ollama.budget import Budget
from chains.backends.ollama.facts import FactsMemory, ServerFacts, allocated, trained
from chains.backends.ollama.models import OllamaModels
from chains.backends.ollama.wire import (
    DEFAULT_MAX_TOKENS,
    broken_off,
    chat_body,
    check_options,
    finish_reason,
    json_lines,
    overflow,
    refused,
    said_text,
    token_logprobs,
    usage,
)
from chains.backends.streamed import CallOptions, StreamedChatModel, role_of
from chains.backends.transport import Transport, error_body
from chains.errors import BackendError, BackendProtocolError, BackendRejected, BackendTimeout, CopydeskError
from chains.message_text import text_of

__all__ = ["OllamaChatModel"]

_PROBE_S = 2.0
_FACTS_S = 10.0
_FACTS_LAST_S = 60.0
_INSPECT_S = 20.0
_TRAILER_S = 0.05
_TYPES = ("application/x-ndjson", "application/json")


class OllamaChatModel(StreamedChatModel):
    """A chat model on an Ollama server.

    A prompt that doesn't fit raises ContextExceeded: before it is sent where that is certain, else by the server's
    own refusal, and at the end of the answer where an old server cut it all the same. Control strings in contents are
    broken on their way there and made whole in answers, not in logprobs.
    """

    base_url: str
    num_ctx: int | None = None
    keep_alive: str | int = "30m"
    constant_options: Mapping[str, Any] = {}
    key: SecretStr | None = None

    def model_post_init(self, context: Any, /) -> None:
        """Make now what copies share with this model, its connections above all."""
        super().model_post_init(context)
        _ = self._transport, self._models, self._estimate, self._memory

    # Pydantic's private attributes take longer to read than most that is done with them.
    @cached_property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key.get_secret_value()}"} if self.key else {}

    @cached_property
    def _transport(self) -> Transport:
        return Transport(self.backend, self.base_url, self._headers, connect_timeout_s=self.timeouts.connect_s)

    @cached_property
    def _models(self) -> OllamaModels:
        settings = self.backend, self.base_url, self.model_name
        return OllamaModels(*settings, headers=self._headers, connect_s=self.timeouts.connect_s)

    @cached_property
    def _estimate(self) -> TokenEstimate:
        return TokenEstimate()

    @cached_property
    def _memory(self) -> FactsMemory:
        return FactsMemory()

    @property
    def _llm_type(self) -> str:
        return "copydesk-ollama"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        constant = {"num_ctx": self.num_ctx, "options": dict(self.constant_options)}
        return {**super()._identifying_params, "base_url": self.base_url, **constant}

    async def probe(self) -> None:
        """Raises BackendError where the server doesn't answer, or hasn't got the model."""
        try:
            async with asyncio.timeout(_PROBE_S):
                await self._ask("/api/show", {"model": self.model_name})
        except TimeoutError as error:
            raise self._late(f"it does not answer within {_PROBE_S:g} s", error) from error

    async def warm(self) -> None:
        """Load the model as the calls will want it, and keep it loaded. Raises BackendError."""
        try:
            async with asyncio.timeout(self.timeouts.total_s):
                answer = await self._ask("/api/chat", {**self._constant(), "messages": [], "stream": False})
        except TimeoutError as error:
            limit = f"{self.timeouts.total_s:g} s (timeout_s)"
            raise self._late(f"the model was not loaded within {limit}", error) from error
        if answer.get("done_reason") != "load":
            raise BackendProtocolError("the server doesn't say that it loaded the model", backend=self.backend)

    async def inspect(self) -> ServerState:
        """Ask the server what it is and has; no model is asked. Raises BackendError."""
        limit_s = min(_INSPECT_S, self.timeouts.total_s)
        try:
            async with asyncio.timeout(limit_s):
                return await self._models.inspect(await self._version(), self.num_ctx)
        except TimeoutError as error:
            raise self._late(f"it does not say what it is within {limit_s:g} s", error) from error

    def pull(self) -> AsyncIterator[PullProgress]:
        """Download the model to the server. Raises BackendError."""
        return self._models.pull()

    async def aclose(self) -> None:
        """Close the connections. The model may be used again afterwards."""
        await self._transport.aclose()

    async def context_tokens(self) -> int | None:
        """As configured, else of the loaded model, else what the model was trained for. Raises BackendError."""
        return (await self._known()).context(self.num_ctx)

    async def check_context(self, messages: list[BaseMessage], max_tokens: int | None) -> None:
        """Raises ContextExceeded where the messages and the answer certainly don't fit, BackendRejected where they may
        not and the server is one that cuts in silence; BackendError."""
        contents = [neutralise(text_of(message)) for message in messages]
        self._budget(contents, max_tokens or DEFAULT_MAX_TOKENS, await self._known()).check()

    def _must_take(self, messages: list[BaseMessage], options: CallOptions) -> None:
        super()._must_take(messages, options)
        check_options(options)

    def _cap(self, options: CallOptions) -> int:
        return options.max_tokens or DEFAULT_MAX_TOKENS

    async def _chunks(self, messages: list[BaseMessage], options: CallOptions) -> AsyncGenerator[AIMessageChunk, None]:
        sent = [{"role": role_of(message), "content": neutralise(text_of(message))} for message in messages]
        body = chat_body(sent, options, self._constant())
        facts = await self._known()
        budget = self._budget([message["content"] for message in sent], body["options"]["num_predict"], facts)
        budget.check()
        if "thinking" in facts.capabilities:
            body["think"] = False
        restorer = Restorer()
        async with self._transport.post("/api/chat", body) as response:
            await self._accept(response, budget)
            async for line in json_lines(response.content):
                if "error" in line:
                    raise self._broken_off(line, budget)
                if line["done"]:
                    try:
                        last = self._last(line, restorer, budget)
                    except CopydeskError:
                        # What it cost counts all the same.
                        yield AIMessageChunk(content="", response_metadata={"reported": usage(line)})
                        raise
                    yield last
                    await _trailer(response)
                    return
                yield _chunk(line, restorer)

    def _budget(self, contents: list[str], reserved: int, facts: ServerFacts) -> Budget:
        return Budget(
            backend=self.backend,
            estimate=self._estimate,
            prompt=PromptSize.of(contents),
            reserved=reserved,
            context=facts.context(self.num_ctx),
            old=facts.version if facts.cuts_in_silence else "",
        )

    def _constant(self) -> dict[str, Any]:
        """What is the same in every request: a change of `num_ctx`, `shift` or the like makes Ollama load anew."""
        context = {} if self.num_ctx is None else {"num_ctx": self.num_ctx}
        return {
            "model": self.model_name,
            "keep_alive": self.keep_alive,
            "truncate": False,
            "shift": False,
            "options": {**self.constant_options, **context},
        }

    async def _accept(self, response: aiohttp.ClientResponse, budget: Budget) -> None:
        """Raises what a response that brings no answer means."""
        if response.status != 200:
            raw = await error_body(response)
            if response.status == 400 and (found := overflow(raw)) is not None:
                raise budget.refusal(found)
            self._memory.facts = None
            raise refused(self.backend, self.model_name, response.status, raw, response.headers.get("retry-after"))
        if response.content_type not in _TYPES:
            message = f"the answer is {response.content_type}, not NDJSON: is there an Ollama server at base_url?"
            raise BackendProtocolError(message, backend=self.backend)

    def _broken_off(self, line: Mapping[str, Any], budget: Budget) -> CopydeskError:
        found = overflow(json.dumps(line).encode())
        return broken_off(self.backend, line) if found is None else budget.refusal(found)

    def _last(self, line: Mapping[str, Any], restorer: Restorer, budget: Budget) -> AIMessageChunk:
        """The end of an answer. Raises ContextExceeded where its counts tell that it isn't one to the whole prompt."""
        counted, reason = usage(line), finish_reason(line, self.backend)
        budget.settle(counted["input_tokens"], counted["output_tokens"], is_cut_off=reason == "length")
        chunk = _chunk(line, restorer)
        chunk.content = str(chunk.content) + restorer.finish()
        chunk.usage_metadata = counted
        chunk.response_metadata |= {"model_name": self.model_name, "finish_reason": reason}
        return chunk

    async def _known(self) -> ServerFacts:
        """What the server says of itself and of the model, asked again once a minute, or while no context is known."""
        memory = self._memory
        if memory.facts is not None and time.monotonic() <= memory.until:
            return memory.facts
        return await memory.asking.ask(self._learn)

    async def _learn(self) -> ServerFacts:
        try:
            async with asyncio.timeout(_FACTS_S):
                facts = await self._asked()
        except TimeoutError as error:
            raise self._late(f"it does not answer within {_FACTS_S:g} s", error) from error
        is_settled = self.num_ctx is not None or facts.allocated is not None
        self._memory.facts, self._memory.until = facts, time.monotonic() + (_FACTS_LAST_S if is_settled else 0)
        return facts

    async def _asked(self) -> ServerFacts:
        async with self._transport.translated():
            shown = await self._ask("/api/show", {"model": self.model_name})
            running = [] if self.num_ctx else (await self._transport.get_json("/api/ps"))["models"]
            return ServerFacts(
                version=await self._version(),
                capabilities=tuple(shown.get("capabilities") or ()),
                trained=trained(shown.get("model_info")),
                allocated=allocated(running, self.model_name),
            )

    async def _version(self) -> str:
        """Empty where a proxy hides it."""
        try:
            async with self._transport.translated():
                return str((await self._transport.get_json("/api/version"))["version"])
        except BackendRejected:
            return ""

    async def _ask(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        async with self._transport.post(path, body) as response:
            if response.status != 200:
                raw, retry_after = await error_body(response), response.headers.get("retry-after")
                raise refused(self.backend, self.model_name, response.status, raw, retry_after)
            answer = await self._transport.json_of(response)
            if not isinstance(answer, dict):
                raise TypeError("the answer is no object")
            return answer

    def _late(self, message: str, error: TimeoutError) -> BackendError:
        return BackendTimeout(message, backend=self.backend, original=error)


def _chunk(line: Mapping[str, Any], restorer: Restorer) -> AIMessageChunk:
    chunk = AIMessageChunk(content=restorer.feed(said_text(line)))
    if found := token_logprobs(line):
        chunk.response_metadata["logprobs"] = found
    return chunk


async def _trailer(response: aiohttp.ClientResponse) -> None:
    """Read the end of the body, which is due at once, so that the connection can be used again."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_TRAILER_S):
            async for _ in response.content.iter_any():
                pass
