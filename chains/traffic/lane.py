"""The way to one backend's model: what a call passes before it reaches the server, and what happens if it fails.

cache > an identical request in flight > breaker > room in the context > queue > the chat model
"""

import asyncio
import hashlib
import json
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import Any, cast

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, convert_to_messages
from langchain_core.messages.ai import UsageMetadata
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable, RunnableConfig

from chains.backends.configuration import ChecksContext
from chains.errors import BackendError
from chains.ledger import enter, enter_attempts, usage_of
from chains.result import CacheState, Usage
from chains.terms import Priority, Terms, current_terms
from chains.traffic.admission import Admission
from chains.traffic.breaker import Breaker
from chains.traffic.cache import AnswerCache
from chains.traffic.meter import SILENT, Meter, timed_call
from chains.traffic.retries import Tries
from chains.traffic.sharing import Generation, Sharing

__all__ = ["Lane"]

Item = AIMessage | AIMessageChunk


@dataclass(frozen=True, slots=True)
class _Call:
    """What is asked of the model, whole or in chunks, and on which terms."""

    messages: list[BaseMessage]
    keywords: Mapping[str, Any]
    terms: Terms
    whole: bool

    def identity(self) -> str | None:
        """What equal calls have in common; None where an equal call may have another answer."""
        if self.keywords.get("temperature") != 0:
            return None
        said = [(message.type, message.content) for message in self.messages]
        # No caller gets what another one's text produced.
        canonical = json.dumps([self.terms.caller, said, self.keywords], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


class _Flight(Generation[Item]):
    """A call on its way. What the queue knows of it: `caller`, `priority`, `kind` and the latest `deadline` of those
    who wait for it."""

    def __init__(self, call: _Call, backend: str, retries: int, meter: Meter) -> None:
        super().__init__()
        self.call = call
        self.caller = call.terms.caller
        self.priority: Priority = call.terms.priority
        self.kind = call.terms.task
        self.tries = Tries(backend, retries, self.deadline, meter)
        self.queued = 0.0
        # When the model was asked the last time, and when it was through.
        self.asked = self.through = math.nan

    def model_seconds(self) -> float:
        """The time of the last try alone, up to now where it still runs; 0 where the model wasn't asked."""
        if math.isnan(self.asked):
            return 0.0
        return (time.perf_counter() if math.isnan(self.through) else self.through) - self.asked


class Lane(Runnable[LanguageModelInput, AIMessage]):
    """A backend's chat model behind its queue, its breaker, its retries and its cache.

    A Runnable like the model itself: `ainvoke` gives the whole answer, `astream` its chunks. The terms on which a
    call is served come from `chains.terms`, what it cost goes to `chains.ledger`. Raises what the model raises, and
    BackendBusy where the queue refuses the call, BackendUnavailable while the breaker is open.
    """

    def __init__(
        self,
        backend: str,
        model: BaseChatModel,
        admission: Admission,
        breaker: Breaker,
        *,
        retries: int = 0,
        cache: AnswerCache | None = None,
        meter: Meter = SILENT,
    ) -> None:
        self.backend = backend
        self.model = model
        self.admission = admission
        self.breaker = breaker
        self.meter = meter
        self._retries = retries
        self._cache = cache or AnswerCache(0, 1)
        self._flights: Sharing[_Flight] = Sharing()
        self.is_usable = True
        """What the last probe found. Routes try backends that aren't usable last."""

    def invoke(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> AIMessage:
        raise NotImplementedError("Lanes are asynchronous: use ainvoke or astream")

    async def ainvoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AIMessage:
        async with aclosing(self._served(_Call(_messages(input), kwargs, current_terms(), whole=True))) as items:
            async for item in items:
                message = item
        return message

    async def astream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncGenerator[AIMessageChunk, None]:
        async with aclosing(self._served(_Call(_messages(input), kwargs, current_terms(), whole=False))) as items:
            async for item in items:
                yield cast(AIMessageChunk, item)

    async def aclose(self) -> None:
        """Cancel the generations that run."""
        await self._flights.aclose()

    async def _served(self, call: _Call) -> AsyncGenerator[Item, None]:
        identity, terms = call.identity(), call.terms
        kept = self._cache.get(identity) if identity and terms.cache else None
        if kept is not None:
            enter(kept, 0.0, source=CacheState.HIT)
            self.meter.answered(self.backend, terms.task, CacheState.HIT, Usage())
            yield kept if call.whole else _as_chunk(kept)
            return
        key = (identity, terms.priority, call.whole) if identity and terms.share else None
        joined = time.perf_counter()
        flight = self._flights.find(key)
        if flight is None:
            flight = _Flight(call, self.backend, self._retries, self.meter)
            follower = flight.join(terms.deadline)
            self._flights.begin(key, flight, self._generated(flight))
        else:
            follower = flight.join(terms.deadline)
        items: list[Item] = []
        try:
            async with aclosing(flight.follow()) as stream:
                async for item in stream:
                    items.append(item)
                    yield item
        finally:
            is_last = flight.leave(follower)
            if is_last:
                self._flights.forget(key, flight)
            if items and not any("model_name" in item.response_metadata for item in items):
                items[-1].response_metadata["model_name"] = getattr(self.model, "model_name", "")
            source, usage = _settle(flight, items, time.perf_counter() - joined, is_last=is_last)
            if source is not None:
                self.meter.answered(self.backend, terms.task, source, usage)
        if identity and terms.cache:
            self._cache.put(identity, _whole(items))

    async def _generated(self, flight: _Flight) -> AsyncGenerator[Item, None]:
        """The model's own answer, tried again where that may help and nothing was given out."""
        async with AsyncExitStack() as open_call:

            async def opened() -> tuple[Item, AsyncIterator[Item]]:
                return await self._opened(flight, open_call)

            first, rest = await flight.tries.run(opened)
            yield first
            async for item in rest:
                yield item
            flight.through = time.perf_counter()

    async def _opened(self, flight: _Flight, open_call: AsyncExitStack) -> tuple[Item, AsyncIterator[Item]]:
        """The first item of an answer, and the rest, which holds the slot until `open_call` is closed."""
        call = flight.call
        async with AsyncExitStack() as stack:
            with flight.tries.last():
                self.breaker.check()
            await self._check_context(flight)
            with flight.tries.last():
                flight.queued += await stack.enter_async_context(self.admission.slot(flight))
                await stack.enter_async_context(self.breaker.guard())
            timer = stack.enter_context(timed_call(self.meter, self.backend, call.terms))
            flight.asked = time.perf_counter()
            rest = _nothing()
            try:
                if call.whole:
                    first: Item = await self.model.ainvoke(call.messages, None, **call.keywords)
                else:
                    chunks = self.model.astream(call.messages, None, **call.keywords)
                    rest = await stack.enter_async_context(aclosing(cast(AsyncGenerator[Item, None], chunks)))
                    first = await anext(rest)
                    timer.first_token()
            except asyncio.CancelledError:
                if self.admission.is_stall(flight.kind, timer.seconds()):
                    self.breaker.stalled()  # or callers' deadlines would hide for ever that it answers nobody
                raise
            open_call.push_async_exit(stack.pop_all().__aexit__)
            return first, rest

    async def _check_context(self, flight: _Flight) -> None:
        """What doesn't fit is told before it waits for a slot."""
        if isinstance(self.model, ChecksContext):
            try:
                await self.model.check_context(flight.call.messages, flight.call.keywords.get("max_tokens"))
            except BackendError:
                async with self.breaker.guard():  # it counts, though success here would prove nothing
                    raise


def _messages(input: LanguageModelInput) -> list[BaseMessage]:
    if isinstance(input, PromptValue):
        return input.to_messages()
    return convert_to_messages([input] if isinstance(input, str) else input)


async def _nothing() -> AsyncGenerator[Item, None]:
    return
    yield


def _settle(flight: _Flight, items: list[Item], seconds: float, *, is_last: bool) -> tuple[CacheState | None, Usage]:
    """Enter in the request's ledger what the generation cost, and tell it. Who leaves before its end pays only as the
    last; the source is None for whoever got nothing."""
    enter_attempts(flight.tries.failed)
    if not items or not (flight.ended or is_last):
        return None, Usage()
    source = CacheState.MISS if flight.claim() else CacheState.SHARED
    message = _whole(items)
    queued, model = min(flight.queued, seconds), min(flight.model_seconds(), seconds)
    enter(message, model, queued=queued, source=source)
    return source, usage_of(message) if source is CacheState.MISS else Usage()


def _whole(items: list[Item]) -> AIMessage:
    """The message that the items are: themselves, or their texts and what the last ones report joined.

    A server reports its usage at the end. Where its answer was left before, the tokens written are the pieces that
    came, and those read are known only where the model told them at the beginning (`prompt_tokens`).
    """
    if len(items) == 1 and not isinstance(items[0], AIMessageChunk):
        return items[0]
    metadata: dict[str, Any] = {}
    logprobs: list[Any] = []
    usage = None
    for item in items:
        logprobs += item.response_metadata.get("logprobs", ())
        metadata |= item.response_metadata
        usage = item.usage_metadata or usage
    if logprobs:
        metadata["logprobs"] = logprobs
    if usage is None:
        written = sum(bool(item.text) for item in items)
        read = metadata.get("prompt_tokens", 0)
        usage = UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
    return AIMessage("".join(str(item.text) for item in items), usage_metadata=usage, response_metadata=metadata)


def _as_chunk(message: AIMessage) -> AIMessageChunk:
    return AIMessageChunk(
        content=message.content, usage_metadata=message.usage_metadata, response_metadata=message.response_metadata
    )
