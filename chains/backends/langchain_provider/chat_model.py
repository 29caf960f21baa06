"""A provider's chat model behind the interface of ours."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from inspect import isawaitable
from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from pydantic import Field, PrivateAttr

from chains.backends.configuration import ServerState
from chains.backends.estimate import PromptSize, TokenEstimate
from chains.backends.langchain_provider.answer import AnswerReader
from chains.backends.langchain_provider.construction import Construction
from chains.backends.langchain_provider.foreign_errors import translated
from chains.backends.openai.wire import chat_messages, request_options
from chains.backends.streamed import CallOptions, StreamedChatModel
from chains.errors import BackendRejected, ContextExceeded, CopydeskError

__all__ = ["LangChainChatModel"]

_log = logging.getLogger("copydesk.backends.langchain")
_FORM = "answer"


class LangChainChatModel(StreamedChatModel):
    """A chat model that asks another one, of the provider's package, by its `astream`."""

    construction: Construction = Field(exclude=True, repr=False)
    api_key_env: str | None = None
    context_size: int | None = None
    default_max_tokens: int
    structured: str = "auto"
    needs_finish_reason: bool = True

    _inner: BaseChatModel | None = PrivateAttr(default=None)
    _loop: asyncio.AbstractEventLoop | None = PrivateAttr(default=None)
    _left_out: set[str] = PrivateAttr(default_factory=set)
    _estimate: TokenEstimate = PrivateAttr(default_factory=TokenEstimate)

    def model_post_init(self, context: Any, /) -> None:
        """Build the inner model, so that whatever is wrong is known at the start. Raises ConfigurationError."""
        super().model_post_init(context)
        self._inner = self.construction()

    @property
    def _llm_type(self) -> str:
        return "copydesk-langchain"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        made = self.construction
        return {
            **super()._identifying_params,
            "provider": made.provider_name,
            "base_url": made.base_url,
            "options": dict(made.options),
            "structured": self.structured,
        }

    async def probe(self) -> None:
        """Says only that the package is there and takes the configuration: providers have no question that is free."""
        self._model()

    async def inspect(self) -> ServerState:
        """What is known without asking the provider."""
        self._model()
        unchecked = "the provider, its key and the model were not asked for: every question to it costs"
        return ServerState(self.construction.server, self.model_name, self.context_size, unchecked=unchecked)

    async def context_tokens(self) -> int | None:
        """As configured; the providers' packages don't tell."""
        return self.context_size

    async def check_context(self, messages: list[BaseMessage], max_tokens: int | None) -> None:
        """Raises ContextExceeded where the messages and the answer certainly don't fit the configured context."""
        self._check(chat_messages(messages), max_tokens or self.default_max_tokens)

    async def aclose(self) -> None:
        """Close the connections where the package lets its own be closed. The model may be used again afterwards."""
        inner, self._inner = self._inner, None
        for name in ("root_async_client", "async_client") if inner is not None else ():
            client = inner.__dict__.get(name)
            close = getattr(client, "close", None) or getattr(client, "aclose", None)
            if close is not None and isawaitable(closing := close()):
                await closing

    async def _chunks(self, messages: list[BaseMessage], options: CallOptions) -> AsyncGenerator[AIMessageChunk, None]:
        sent = chat_messages(messages)
        cap = options.max_tokens or self.default_max_tokens
        self._check(sent, cap)
        is_form = options.schema is not None and not self._takes_schema
        reader = AnswerReader(self.backend, is_form=is_form)
        with self._translated(cap):
            stream = self._asked(sent, options, cap, is_form)
        async with aclosing(cast(AsyncGenerator[AIMessage, None], stream)) as said:
            while True:
                with self._translated(cap):
                    message = await anext(said, None)
                    chunk = None if message is None else reader.read(message)
                if chunk is None:
                    break
                yield chunk
        try:
            last = reader.last(self.model_name, needs_reason=self.needs_finish_reason)
        except CopydeskError:
            if reader.reported is not None:
                yield AIMessageChunk(content="", response_metadata={"reported": reader.reported})
            raise
        yield last

    @property
    def _takes_schema(self) -> bool:
        if self.structured == "auto":
            return self.construction.provider.takes_schema
        return self.structured == "response_format"

    def _asked(
        self, sent: list[dict[str, str]], options: CallOptions, cap: int, is_form: bool
    ) -> AsyncIterator[AIMessage]:
        inner = self._model()
        keywords = self._keywords(inner, options, cap)
        if not is_form:
            return inner.astream(cast(Any, sent), **keywords)
        schema = keywords.pop("response_format")["json_schema"]["schema"]
        if schema.get("type") != "object":
            raise BackendRejected(
                "a tool's arguments are an object, but the schema asks for none", backend=self.backend
            )
        function = {"name": _FORM, "description": "Give the answer in this form.", "parameters": schema}
        try:
            bound = inner.bind_tools([{"type": "function", "function": function}], tool_choice="any")
        except NotImplementedError as error:
            raise BackendRejected(
                "the provider's package can't make an answer fit a schema; set structured to response_format if its "
                "server can, or send this task elsewhere",
                backend=self.backend,
                original=error,
            ) from error
        return bound.astream(cast(Any, sent), **keywords)

    def _keywords(self, inner: BaseChatModel, options: CallOptions, cap: int) -> dict[str, Any]:
        provider = self.construction.provider
        if options.logprobs and not provider.logprobs:
            raise BackendRejected("this provider's chunks hold no logprobs", backend=self.backend)
        wanted = {**request_options(options, strict_schema=True), "max_tokens": cap}
        for name in provider.lacks:
            if wanted.pop(name, None) is not None and name not in self._left_out:
                self._left_out.add(name)
                _log.warning("backend %s: the provider has no %s; it is left out", self.backend, name)
        if provider.is_openai:
            return self._for_openai(inner, wanted)
        return {provider.renamed.get(name, name): value for name, value in wanted.items()}

    def _for_openai(self, inner: BaseChatModel, wanted: dict[str, Any]) -> dict[str, Any]:
        """Some fields go around LangChain: its `response_format` makes OpenAI's SDK raise at the cap, and its
        `max_tokens` is OpenAI's own newest field, which servers of other makes ignore."""
        extra: dict[str, Any] = {}
        if self.construction.base_url is not None:
            extra["max_tokens"] = wanted.pop("max_tokens")
        if self._takes_schema and "response_format" in wanted:
            extra["response_format"] = wanted.pop("response_format")
        before: Mapping[str, Any] = getattr(inner, "extra_body", None) or {}
        return {**wanted, "extra_body": {**before, **extra}} if extra else wanted

    def _check(self, sent: list[dict[str, str]], reserved: int) -> None:
        if self.context_size is None:
            return
        needed = self._estimate.lower(PromptSize.of([message["content"] for message in sent])) + reserved
        if needed > self.context_size:
            raise ContextExceeded(needed=needed, limit=self.context_size, reserved=reserved)

    def _model(self) -> BaseChatModel:
        """The inner model of this event loop: its connections belong to the loop in which they were opened."""
        loop = asyncio.get_running_loop()
        if self._inner is None or self._loop not in (None, loop):
            self._inner = self.construction()
        self._loop = loop
        return self._inner

    @contextmanager
    def _translated(self, reserved: int) -> Iterator[None]:
        """Every foreign error as one of ours."""
        try:
            yield
        except Exception as error:
            ours = translated(
                error,
                backend=self.backend,
                timeouts=self.timeouts,
                reserved=reserved,
                api_key_env=self.api_key_env,
            )
            if ours is error:
                raise
            raise ours from error
