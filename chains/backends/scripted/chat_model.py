"""The scripted backend as a LangChain chat model."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from pydantic import PrivateAttr

from chains.backends.configuration import ContinuationScores, ServerState, untold
from chains.backends.scripted.script import Script, ScriptedAnswer, token_logprob, words
from chains.backends.scripted.server import ScriptedServer
from chains.backends.streamed import CallOptions, StreamedChatModel, role_of
from chains.capabilities import ContinuationScore
from chains.errors import BackendProtocolError, BackendRejected, BackendTimeout, ContextExceeded
from chains.result import Usage

__all__ = ["ScriptedChatModel"]


class ScriptedChatModel(StreamedChatModel):
    """A chat model that follows a script. Its `server` counts what was generated, and for whom."""

    script: tuple[ScriptedAnswer, ...]
    seed: int = 0
    slots: int | None = None
    service_ms: float = 0
    context_size: int | None = None

    _script: Script = PrivateAttr()
    _server: ScriptedServer = PrivateAttr()
    _reported: Usage = PrivateAttr(default_factory=Usage)
    _told: int = PrivateAttr(default=0)
    _canonical: list[dict[str, Any]] = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)
        self._script = Script(self.script, self.seed)
        self._server = ScriptedServer(self.backend, self.slots, self.service_ms)
        self._canonical = [line.canonical() for line in self.script]

    @property
    def _llm_type(self) -> str:
        return "copydesk-scripted"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        # LangChain asks at every call.
        return {**super()._identifying_params, "script": self._canonical, "seed": self.seed}

    @property
    def active(self) -> int:
        """Requests that hold a slot."""
        return self._server.active

    @property
    def waiting(self) -> int:
        """Requests that wait inside the server."""
        return self._server.waiting

    @property
    def cancelled(self) -> int:
        """Requests whose caller left before the end, also for a time limit."""
        return self._server.cancelled

    @property
    def served_tokens(self) -> int:
        """Tokens generated, whether or not they were read."""
        return self._server.served_tokens

    @property
    def unread_tokens(self) -> int:
        """Tokens generated that nobody was left to read."""
        return self._server.unread_tokens

    @property
    def reported(self) -> Usage:
        """What it told of the answers that came to their end, and of scores."""
        return self._reported

    @property
    def unreported_tokens(self) -> int:
        """Tokens that were read, of answers that broke off before it told what they had cost."""
        return self.served_tokens - self.unread_tokens - self._told

    async def probe(self) -> None:
        """A script is always ready."""

    async def warm(self) -> None:
        """There is nothing to load."""

    async def inspect(self) -> ServerState:
        return ServerState("scripted", self.model_name, self.context_size, loaded=True)

    async def server_slots(self) -> int | None:
        return self.slots

    async def count_tokens(self, messages: list[BaseMessage]) -> int | None:
        """Words; there is no chat template."""
        return _read(messages)

    async def context_tokens(self) -> int | None:
        return self.context_size

    async def check_context(self, messages: list[BaseMessage], max_tokens: int | None) -> None:
        """Raises ContextExceeded. Without `max_tokens` nothing is kept for the answer."""
        needed = _read(messages) + (max_tokens or 0)
        if self.context_size is not None and needed > self.context_size:
            raise ContextExceeded(needed=needed, limit=self.context_size, reserved=max_tokens or 0)

    async def score_continuations(
        self, messages: list[BaseMessage], continuations: Sequence[str], spend: Callable[[Usage], object] = untold
    ) -> ContinuationScores:
        """As the script's `scores` say, else by their letters; a request like any other, faults included."""
        if not all(continuations):
            raise ValueError("a continuation must not be empty")
        await self.check_context(messages, None)
        line = self._line(messages)
        limit = min(self.timeouts.first_token_s, self.timeouts.total_s)
        try:
            async with asyncio.timeout(limit), aclosing(self._server.answer(line, ())) as nothing:
                async for _ in nothing:
                    pass
        except TimeoutError as error:
            raise BackendTimeout(f"no scores within {limit:g} s", backend=self.backend, original=error) from error
        if line.end_early is not None:
            raise BackendProtocolError("the answer ended before it was complete", backend=self.backend)
        found = [ContinuationScore(line.score(text), len(words(text))) for text in continuations]
        cost = Usage(input_tokens=_read(messages), model_calls=1)
        self._reported += cost
        spend(cost)
        return ContinuationScores(found, cost)

    async def _chunks(self, messages: list[BaseMessage], options: CallOptions) -> AsyncGenerator[AIMessageChunk, None]:
        await self.check_context(messages, options.max_tokens)
        line = self._line(messages)
        tokens, reason = line.said(options.stop, options.max_tokens)
        async with aclosing(self._server.answer(line, tokens)) as generated:
            async for token in generated:
                chunk = AIMessageChunk(content=token)
                if options.logprobs:
                    chunk.response_metadata["logprobs"] = [token_logprob(token, options.top_logprobs)]
                yield chunk
        if line.end_early is None:
            metadata = {"model_name": self.model_name, "finish_reason": reason}
            usage = _usage(_read(messages), len(tokens))
            self._reported += Usage(_read(messages), 0, len(tokens), model_calls=1)
            self._told += len(tokens)
            yield AIMessageChunk(content="", usage_metadata=usage, response_metadata=metadata)

    def _line(self, messages: list[BaseMessage]) -> ScriptedAnswer:
        for message in messages:
            role_of(message)
        said = next((str(message.text) for message in reversed(messages) if message.type == "human"), "")
        line = self._script.line(said)
        if line is None:
            raise BackendRejected("no answer of the script fits the last user message", backend=self.backend)
        return line


def _read(messages: list[BaseMessage]) -> int:
    return sum(len(str(message.text).split()) for message in messages)


def _usage(read: int, written: int) -> UsageMetadata:
    return UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
