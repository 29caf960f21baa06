"""The way to one backend's model: what a call passes before it reaches the server, and what happens if it fails.

cache > an equal request in flight > breaker > queue > breaker > the chat model
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any, cast

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, convert_to_messages
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable, RunnableConfig

from chains.backends.configuration import ChecksContext, ContinuationScores, CountsTokens, ScoresContinuations
from chains.backends.streamed import StreamedChatModel
from chains.capabilities import Capabilities, ContinuationScore
from chains.errors import BackendError
from chains.result import CacheState, Usage
from chains.terms import current_terms
from chains.traffic.admission import Admission
from chains.traffic.breaker import Breaker
from chains.traffic.cache import AnswerCache
from chains.traffic.flight import Boarding, Call, Flight, Settlement, settle, whole_message
from chains.traffic.meter import SILENT, CallTimer, Meter
from chains.traffic.sharing import Sharing

__all__ = ["Lane"]

Chunks = AsyncIterator[AIMessageChunk]


class Lane(Runnable[LanguageModelInput, AIMessage]):
    """A backend's chat model behind its queue, its breaker, its retries and its cache.

    A Runnable like the model itself: `ainvoke` gives the whole answer, `astream` its chunks. The terms on which a
    call is served come from `chains.terms`, what it cost goes to `chains.ledger`. Raises what the model raises, and
    BackendBusy or BackendTimeout where the queue refuses the call, BackendUnavailable while the breaker is open.
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
        self.is_usable = True
        """What the last probe found. Routes try backends that aren't usable last."""
        self._model_name = getattr(model, "model_name", "")
        # Asked once: whether a class follows a protocol takes longer than a whole queue.
        self._scorer = model if isinstance(model, ScoresContinuations) else None
        self._checker = model if isinstance(model, ChecksContext) else None
        self._retries = retries
        self._cache = cache or AnswerCache(0, 1)
        self._flights: Sharing[Flight] = Sharing()

    def invoke(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> AIMessage:
        raise NotImplementedError("Lanes are asynchronous: use ainvoke or astream")

    async def ainvoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AIMessage:
        call = Call(_messages(input), kwargs, current_terms())
        identity = call.identity()
        if (kept := self._kept(call, identity)) is not None:
            return whole_message([kept])
        boarding = self._boarded(call, identity)
        try:
            await boarding.flight.end()
        finally:
            settled = self._leave(boarding)
        assert settled is not None
        self._keep(boarding, identity)
        return settled.answer

    async def astream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncGenerator[AIMessageChunk, None]:
        call = Call(_messages(input), kwargs, current_terms())
        identity = call.identity()
        if (kept := self._kept(call, identity)) is not None:
            yield kept
            return
        boarding = self._boarded(call, identity)
        flight, position = boarding.flight, 0
        try:
            while await flight.has(position):
                yield flight.items[position]
                position += 1
        finally:
            self._leave(boarding)
        self._keep(boarding, identity)

    @property
    def capabilities(self) -> Capabilities:
        """What the model can do beyond answers; its scores pass the queue and the breaker like any call."""
        return Capabilities(
            score=self.score if self._scorer is not None else None,
            count_tokens=self.model.count_tokens if isinstance(self.model, CountsTokens) else None,
            context_tokens=self._checker.context_tokens if self._checker is not None else None,
            slots=lambda: self.admission.slots,
        )

    async def score(self, messages: list[BaseMessage], continuations: Sequence[str]) -> list[ContinuationScore]:
        """The likelihood of each continuation as the beginning of the answer, by a model that ScoresContinuations.

        All of them take one slot together. Raises what the model and the queue raise.
        """
        flight = Flight(Call(messages, {}, current_terms()), self.backend, self._retries, self.meter)
        flight.kind = f"{flight.kind} scores"  # they don't take as long as an answer
        flight.join(flight.call.terms.deadline)

        async def scored() -> ContinuationScores:
            return await self._scored(flight, continuations)

        try:
            found = await flight.tries.run(scored)
        finally:
            flight.call.ledger.attempts.extend(flight.tries.failed)
        self.meter.answered(self.backend, flight.call.terms.task, CacheState.MISS, found.usage)
        return found.scores

    async def _scored(self, flight: Flight, continuations: Sequence[str]) -> ContinuationScores:
        assert self._scorer is not None
        self.breaker.check()
        async with self.admission.slot(flight) as queued, self.breaker.guard():
            flight.tries.asked()
            with self._timed(flight, queued) as timer:
                spent: list[Usage] = []
                try:
                    return await self._scorer.score_continuations(flight.call.messages, continuations, spent.append)
                finally:
                    # Several calls: a later one may fail, or the caller leave between them.
                    ledger, pair = flight.call.ledger, (self.backend, self._model_name)
                    ledger.asked = pair
                    if spent:
                        timer.usage = sum(spent, Usage())
                        ledger.add_scores(timer.usage, timer.seconds(), queued=queued, pair=pair)

    async def aclose(self) -> None:
        """Cancel the generations that run."""
        await self._flights.aclose()

    def _kept(self, call: Call, identity: str | None) -> AIMessageChunk | None:
        """The answer in the cache."""
        kept = self._cache.get(identity) if identity and call.terms.cache else None
        if kept is None:
            return None
        call.ledger.add(kept, 0.0, backend=self.backend, source=CacheState.HIT)
        call.recordings.hear(kept.response_metadata)
        self.meter.answered(self.backend, call.terms.task, CacheState.HIT, Usage())
        return _as_chunk(kept)

    def _keep(self, boarding: Boarding, identity: str | None) -> None:
        """Keep an answer as soon as the task has found it good; one that was cut off at its cap never."""
        call = boarding.call
        if not identity or not call.terms.cache:
            return
        answer = whole_message(boarding.flight.items)
        if answer.response_metadata.get("finish_reason") != "length":
            call.ledger.when_accepted(lambda: self._cache.put(identity, answer))

    def _boarded(self, call: Call, identity: str | None) -> Boarding:
        """A place in an equal call's generation that is in flight, or in one that begins now."""
        joined, terms = time.perf_counter(), call.terms
        key = (identity, terms.rank) if identity and terms.share else None
        flight = self._flights.find(key)
        if flight is not None:
            return Boarding(call, key, flight, flight.join(terms.deadline), joined)
        flight = Flight(call, self.backend, self._retries, self.meter)
        follower = flight.join(terms.deadline)
        self._flights.begin(key, flight, lambda: self._generate(flight))
        return Boarding(call, key, flight, follower, joined)

    def _leave(self, boarding: Boarding) -> Settlement | None:
        """Leave a generation, finished or not, and enter it in the accounts. None where it gave no answer."""
        is_last = boarding.flight.leave(boarding.follower)
        if is_last:
            self._flights.forget(boarding.key, boarding.flight)
        settled = settle(boarding, self._model_name, is_last=is_last)
        if settled is not None:
            self.meter.answered(self.backend, boarding.call.terms.task, settled.source, settled.usage)
        return settled

    async def _generate(self, flight: Flight) -> None:
        """The model's own answer, tried again where that may help and nothing was given out."""
        await flight.tries.run(lambda: self._try(flight))

    async def _try(self, flight: Flight) -> None:
        """One try, which holds a slot from before its question to the end of its answer."""
        self.breaker.check()
        await self._refuse_too_long(flight)
        async with self.admission.slot(flight) as queued, self.breaker.guard() as begin:
            flight.tries.asked()
            flight.queued += queued
            with self._timed(flight, queued) as timer:
                flight.asked = time.perf_counter()
                async with aclosing(self._asked(flight)) as chunks:
                    flight.give(await self._first(flight, chunks, timer, begin))
                    async for chunk in chunks:
                        timer.heard(chunk)
                        flight.give(chunk)
                    flight.through = time.perf_counter()

    def _timed(self, flight: Flight, queued: float) -> CallTimer:
        return CallTimer(self.meter, self.backend, flight.call.terms, model=self._model_name, queued_s=queued)

    def _asked(self, flight: Flight) -> AsyncGenerator[AIMessageChunk, None]:
        messages, keywords = flight.call.messages, flight.call.keywords
        if isinstance(self.model, StreamedChatModel):
            return self.model.chunks(messages, **keywords)
        return cast(AsyncGenerator[AIMessageChunk, None], self.model.astream(messages, None, **keywords))

    async def _first(
        self, flight: Flight, chunks: Chunks, timer: CallTimer, begin: Callable[[], None]
    ) -> AIMessageChunk:
        try:
            first = await anext(chunks)
        except asyncio.CancelledError:
            waited_for = not flight.call.terms.background  # who takes back a job has not waited in vain
            if waited_for and self.admission.is_stall(flight.kind, timer.seconds()):
                self.breaker.stalled()  # or callers' deadlines would hide for ever that it answers nobody
            raise
        begin()
        flight.begun = True
        flight.tries.begun()
        timer.first_token()
        timer.heard(first)
        return first

    async def _refuse_too_long(self, flight: Flight) -> None:
        """Tell what certainly doesn't fit before it waits for a slot; with a slot at hand the model itself does.

        Raises ContextExceeded.
        """
        if self.admission.busy < self.admission.slots or self._checker is None:
            return
        try:
            await self._checker.check_context(flight.call.messages, flight.call.keywords.get("max_tokens"))
        except BackendError:
            return  # the server can't say now: its turn is when the slot is there


def _messages(input: LanguageModelInput) -> list[BaseMessage]:
    if isinstance(input, PromptValue):
        return input.to_messages()
    return convert_to_messages([input] if isinstance(input, str) else input)


def _as_chunk(message: AIMessage) -> AIMessageChunk:
    return AIMessageChunk(
        content=message.content, usage_metadata=message.usage_metadata, response_metadata=message.response_metadata
    )
