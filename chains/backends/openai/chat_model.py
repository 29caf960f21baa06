"""A model behind OpenAI's protocol as a LangChain chat model."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import cached_property
from typing import Any

import aiohttp
from langchain_core.messages import AIMessageChunk, BaseMessage
from pydantic import JsonValue, SecretStr

from chains.backends.configuration import ServerState
from chains.backends.control_strings import Restorer
from chains.backends.estimate import PromptSize, TokenEstimate
from chains.backends.openai.questions import Questions
from chains.backends.openai.refusals import event_error, finish_error, response_error
from chains.backends.openai.server_facts import Software
from chains.backends.openai.stream import closes_after_a_stream, deltas
from chains.backends.openai.wire import Delta, Ending, chat_messages, request_options
from chains.backends.streamed import CallOptions, StreamedChatModel
from chains.backends.transport import Transport, error_body
from chains.errors import (
    BackendProtocolError,
    BackendUnavailable,
    ContextExceeded,
    CopydeskError,
)

__all__ = ["OpenAIChatModel"]

_FINISHED = ("stop", "length")
_ASK_S = 5.0


class OpenAIChatModel(StreamedChatModel):
    """A chat model over `POST {base_url}/chat/completions`.

    Contents are sent without control strings, and answers restored (chains.backends.control_strings); the tokens of
    `logprobs` are as the server reports them. `context_size` is None where the server is to be asked.
    """

    base_url: str
    api_key: SecretStr | None
    api_key_env: str | None
    context_size: int | None
    default_max_tokens: int
    max_tokens_field: str
    strict_schema: bool
    extra_body: dict[str, JsonValue]

    def model_post_init(self, context: Any, /) -> None:
        """Make now what copies share with this model, its connections above all."""
        super().model_post_init(context)
        _ = self._questions, self._estimate

    # Pydantic's private attributes take longer to read than most that is done with them.
    @cached_property
    def _api(self) -> str:
        """The path of the protocol: llama-server and vLLM have their own pages at the root, beside /v1."""
        return self.base_url[len(self.base_url.removesuffix("/v1")) :]

    @cached_property
    def _transport(self) -> Transport:
        root = self.base_url.removesuffix("/v1")
        key = {"Authorization": f"Bearer {self.api_key.get_secret_value()}"} if self.api_key else {}
        return Transport(self.backend, root, key, connect_timeout_s=self.timeouts.connect_s)

    @cached_property
    def _questions(self) -> Questions:
        # A question before an answer must leave time for the answer.
        limit = min(_ASK_S, self.timeouts.first_token_s / 4, self.timeouts.total_s / 4)
        return Questions(self._transport, self._api, self.model_name, limit_s=limit)

    @cached_property
    def _estimate(self) -> TokenEstimate:
        return TokenEstimate()

    @property
    def _llm_type(self) -> str:
        return "copydesk-openai"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {**super()._identifying_params, "base_url": self.base_url, "extra_body": self.extra_body}

    async def probe(self) -> None:
        """Raises BackendError where the server isn't reachable, or takes no request of ours."""
        async with self._questions.in_time(), self._transport.get(f"{self._api}/models") as response:
            # A service that lists no models may still be well.
            if response.status not in (200, 404, 405):
                raise await self._refused(response, reserved=0)

    async def inspect(self) -> ServerState:
        self._questions.forget()
        facts = await self._questions.facts()
        missing = None
        if facts.models is not None and self.model_name not in facts.models and facts.software is not Software.LLAMA:
            listed = ", ".join(sorted(facts.models)[:10]) or "none"
            missing = f"the server doesn't list {self.model_name}; set model to one of those that it lists: {listed}"
        return ServerState(
            server=f"{facts.software.value} {facts.version}".strip(),
            model=self.model_name,
            context_tokens=self.context_size or facts.context_tokens,
            loaded=None if facts.software is Software.OTHER else missing is None,
            capabilities=facts.capabilities,
            missing=missing,
        )

    async def server_slots(self) -> int | None:
        return (await self._questions.facts()).slots

    async def context_tokens(self) -> int | None:
        """As configured, else as the server tells."""
        return self.context_size or (await self._questions.facts()).context_tokens

    async def count_tokens(self, messages: list[BaseMessage]) -> int | None:
        """By the server's own tokenizer: llama-server's and vLLM's."""
        return await self._questions.count(chat_messages(messages), await self._questions.facts())

    async def check_context(self, messages: list[BaseMessage], max_tokens: int | None) -> None:
        sent = chat_messages(messages)
        await self._check(sent, _size(sent), max_tokens or self.default_max_tokens)

    async def aclose(self) -> None:
        """Close the connections. The model may be used again afterwards."""
        await self._transport.aclose()

    async def _chunks(self, messages: list[BaseMessage], options: CallOptions) -> AsyncGenerator[AIMessageChunk, None]:
        sent = chat_messages(messages)
        prompt = _size(sent)
        reserved = options.max_tokens or self.default_max_tokens
        await self._check(sent, prompt, reserved)
        body = {**self._body(options, reserved), "messages": sent}
        restorer, ending = Restorer(), Ending()
        try:
            async with self._transport.post(f"{self._api}/chat/completions", body) as response:
                await self._must_stream(response, reserved)
                self._questions.is_llama |= closes_after_a_stream(response)
                async with aclosing(self._said(response, reserved)) as all_said:
                    async for said in all_said:
                        ending.hear(said)
                        if (chunk := _chunk(said, ending, restorer)) is not None:
                            yield chunk
                if ending.finish is not None:
                    yield self._last(ending, restorer, prompt)
        except (BackendUnavailable, ContextExceeded):
            # The server may have come back with another context.
            self._questions.forget()
            raise

    def _said(self, response: aiohttp.ClientResponse, reserved: int) -> AsyncGenerator[Delta, None]:
        def broken(data: bytes) -> CopydeskError:
            return event_error(self.backend, data, reserved=reserved, api_key_env=self.api_key_env)

        return deltas(response, backend=self.backend, idle_s=self.timeouts.idle_s, broken=broken)

    def _last(self, ending: Ending, restorer: Restorer, prompt: PromptSize) -> AIMessageChunk:
        """Raises BackendRejected or BackendProtocolError for an answer that isn't whole."""
        assert ending.finish is not None
        if ending.finish not in _FINISHED:
            raise finish_error(self.backend, ending.finish)
        if ending.usage is not None:
            self._must_be_whole(prompt, ending.usage["input_tokens"])
        return AIMessageChunk(
            content=restorer.finish(),
            usage_metadata=ending.usage,
            response_metadata={"model_name": ending.model or self.model_name, "finish_reason": ending.finish},
        )

    def _body(self, options: CallOptions, reserved: int) -> dict[str, Any]:
        body = {
            **self.extra_body,
            **request_options(options, strict_schema=self.strict_schema),
            "model": self.model_name,
            self.max_tokens_field: reserved,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self._questions.is_llama:
            # It sees a hang-up only where it has something to send, also while it reads a prompt.
            body["return_progress"] = True
        return body

    async def _must_stream(self, response: aiohttp.ClientResponse, reserved: int) -> None:
        if response.status != 200:
            raise await self._refused(response, reserved)
        if response.content_type != "text/event-stream":
            raise BackendProtocolError(
                f"the server answered {response.content_type[:60]}, not a stream of events: check base_url",
                backend=self.backend,
            )

    async def _refused(self, response: aiohttp.ClientResponse, reserved: int) -> CopydeskError:
        return response_error(
            self.backend,
            response.status,
            await error_body(response),
            retry_after=response.headers.get("retry-after"),
            reserved=reserved,
            api_key_env=self.api_key_env,
        )

    async def _check(self, messages: list[dict[str, str]], prompt: PromptSize, reserved: int) -> None:
        """Raises ContextExceeded for what certainly doesn't fit. The server is asked only where it may not."""
        limit = self.context_size or (await self._questions.facts_if_told()).context_tokens
        if limit is None or self._estimate.upper(prompt) + reserved <= limit:
            return
        counted = await self._questions.count(messages, await self._questions.facts_if_told())
        if (self._estimate.lower(prompt) if counted is None else counted) + reserved > limit:
            needed = (self._estimate.estimate(prompt) if counted is None else counted) + reserved
            raise ContextExceeded(needed=needed, limit=limit, reserved=reserved)

    def _must_be_whole(self, prompt: PromptSize, read: int) -> None:
        """Some servers cut a prompt that is too long, and say so by nothing but their count."""
        if 0 < read < self._estimate.lower(prompt):
            raise BackendProtocolError(
                f"the server read {read} tokens of a prompt that has more than {self._estimate.lower(prompt)}: it cuts "
                "what is too long for it; set context_tokens to what it takes",
                backend=self.backend,
            )
        self._estimate.learn(prompt, read)


def _size(sent: list[dict[str, str]]) -> PromptSize:
    return PromptSize.of([message["content"] for message in sent])


def _chunk(said: Delta, ending: Ending, restorer: Restorer) -> AIMessageChunk | None:
    """What a delta brings of the answer; None where that is nothing."""
    text = restorer.feed(said.text)
    metadata: dict[str, Any] = {"logprobs": said.logprobs} if said.logprobs else {}
    if said.usage is not None and (said.text or ending.finish is not None):
        metadata["reported"] = said.usage  # holds also where the answer is refused, or left, after it
    return AIMessageChunk(content=text, response_metadata=metadata) if text or metadata else None
