"""A call on its way to a model, and what it comes to in the account of those who wait for it."""

import hashlib
import json
import math
import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata

from chains.ledger import Ledger, current_ledger, usage_of
from chains.message_text import text_of
from chains.recordings import Recordings, current_recordings
from chains.result import CacheState, Usage
from chains.terms import Terms
from chains.traffic.meter import Meter
from chains.traffic.retries import Tries
from chains.traffic.sharing import Follower, Generation

__all__ = ["Boarding", "Call", "Flight", "Settlement", "settle", "whole_message"]

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of the model, on which terms, and in whose accounts it is entered."""

    messages: list[BaseMessage]
    keywords: Mapping[str, Any]
    terms: Terms
    ledger: Ledger = field(default_factory=current_ledger, compare=False)
    recordings: Recordings = field(default_factory=current_recordings, compare=False)

    def identity(self) -> str | None:
        """What equal calls have in common; None where an equal call may have another answer."""
        if self.keywords.get("temperature") != 0:
            return None
        said = [(message.type, message.content) for message in self.messages]
        # No caller gets what another one's text produced, and no repeat of an evaluation another one's answer.
        told = [self.terms.caller, self.terms.repeat, said, self.keywords]
        return hashlib.sha256(_CANONICAL.encode(told).encode()).hexdigest()


class Flight(Generation[AIMessageChunk]):
    """A call on its way. What the queue knows of it: `caller`, `rank`, `kind`, the latest `deadline` of those who
    wait for it, and whether an answer has `begun`.

    queued   seconds in the queue, over all tries
    asked    when the model was asked the last time, by `time.perf_counter`; NaN before
    through  when its answer was complete; NaN before
    """

    def __init__(self, call: Call, backend: str, retries: int, meter: Meter) -> None:
        super().__init__()
        self.call = call
        self.backend = backend
        self.caller = call.terms.caller
        self.rank = call.terms.rank
        self.kind = call.terms.task
        self.begun = False
        self.tries = Tries(backend, retries, self.deadline, meter)
        self.queued = 0.0
        self.asked = self.through = math.nan

    def share_of(self, joined: float) -> tuple[float, float]:
        """Seconds in the queue and with the model, of one who joined at that time: a follower waited with it."""
        now = time.perf_counter()
        if math.isnan(self.asked):
            return now - joined, 0.0
        end = now if math.isnan(self.through) else self.through
        return max(0.0, self.asked - joined), max(0.0, end - max(self.asked, joined))

    def held(self) -> float:
        """Seconds for which its last try has held a slot."""
        return 0.0 if math.isnan(self.asked) else self.share_of(self.asked)[1]


@dataclass(slots=True)
class Boarding:
    """A place of one call in a flight: under which `key` others find it, and since when, by `time.perf_counter`."""

    call: Call
    key: Hashable | None
    flight: Flight
    follower: Follower
    joined: float


@dataclass(slots=True)
class Settlement:
    """What a call got of a generation: its answer, from where, and the usage that it pays for."""

    answer: AIMessage
    source: CacheState
    usage: Usage


def settle(boarding: Boarding, model_name: str, *, is_last: bool) -> Settlement | None:
    """Enter in the accounts of a request's call what the generation cost, and tell it. Who leaves before its end pays
    only as the last; None for whoever got no answer.

    What is paid for is all that came, also what whoever pays hadn't read yet when it left.
    """
    flight, call = boarding.flight, boarding.call
    ledger = call.ledger
    ledger.attempts.extend(flight.tries.failed)
    if flight.tries.failed or not math.isnan(flight.asked):
        ledger.asked = flight.backend, model_name
    if not flight.items or not (flight.ended or is_last):
        return None
    answer = whole_message(flight.items)
    source = CacheState.MISS if flight.claim() else CacheState.SHARED
    queued, seconds = flight.share_of(boarding.joined)
    waited = flight.queued if source is CacheState.MISS else queued
    named = _named(answer, model_name)
    ledger.add(named, seconds, queued=waited, held=flight.held(), backend=flight.backend, source=source)
    if flight.failed:
        return None
    call.recordings.hear(answer.response_metadata)
    return Settlement(answer, source, usage_of(answer) if source is CacheState.MISS else Usage())


def _named(answer: AIMessage, model_name: str) -> AIMessage:
    """An answer that broke off before the server told the model's name has the configured one in accounts."""
    if "model_name" in answer.response_metadata:
        return answer
    return answer.model_copy(update={"response_metadata": {**answer.response_metadata, "model_name": model_name}})


def whole_message(chunks: Sequence[AIMessageChunk]) -> AIMessage:
    """The message that the chunks are: their texts, and what the last ones report, joined.

    A server reports its usage at the end. Where its answer broke off before, or was refused after it, what the server
    `reported` until then counts, and at the least the chunks that came are written tokens; those read are known only
    where they were reported or the model told them at the beginning (`prompt_tokens`).
    """
    metadata: dict[str, Any] = {}
    logprobs: list[Any] = []
    usage = None
    for chunk in chunks:
        logprobs += chunk.response_metadata.get("logprobs", ())
        metadata |= chunk.response_metadata
        usage = chunk.usage_metadata or usage
    if logprobs:
        metadata["logprobs"] = logprobs
    if usage is None:
        usage, metadata["unreported"] = _so_far(chunks, metadata), "reported" not in metadata
    metadata.pop("reported", None)
    return AIMessage("".join(map(text_of, chunks)), usage_metadata=usage, response_metadata=metadata)


def _so_far(chunks: Sequence[AIMessageChunk], metadata: Mapping[str, Any]) -> UsageMetadata:
    told: UsageMetadata = metadata.get("reported") or UsageMetadata(
        input_tokens=metadata.get("prompt_tokens", 0), output_tokens=0, total_tokens=0
    )
    written = max(told["output_tokens"], sum(bool(text_of(chunk)) for chunk in chunks))
    return {**told, "output_tokens": written, "total_tokens": told["input_tokens"] + written}
