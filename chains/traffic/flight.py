"""A call on its way to a model, and what it comes to in the account of those who wait for it."""

import hashlib
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata

from chains.ledger import enter, enter_attempts, usage_of
from chains.result import CacheState, Usage
from chains.terms import Terms
from chains.traffic.meter import Meter
from chains.traffic.retries import Tries
from chains.traffic.sharing import Generation

__all__ = ["Call", "Flight", "settle", "whole_message"]


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of the model, and on which terms."""

    messages: list[BaseMessage]
    keywords: Mapping[str, Any]
    terms: Terms

    def identity(self) -> str | None:
        """What equal calls have in common; None where an equal call may have another answer."""
        if self.keywords.get("temperature") != 0:
            return None
        said = [(message.type, message.content) for message in self.messages]
        # No caller gets what another one's text produced.
        canonical = json.dumps([self.terms.caller, said, self.keywords], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


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


def settle(
    flight: Flight, chunks: Sequence[AIMessageChunk], joined: float, model_name: str, *, is_last: bool
) -> tuple[CacheState | None, Usage]:
    """Enter in the request's ledger what the generation cost, and tell it. Who leaves before its end pays only as the
    last; the source is None for whoever got no answer."""
    enter_attempts(flight.tries.failed)
    if not chunks or not (flight.ended or is_last):
        return None, Usage()
    message = whole_message(chunks)
    message.response_metadata.setdefault("model_name", model_name)
    source = CacheState.MISS if flight.claim() else CacheState.SHARED
    queued, seconds = flight.share_of(joined)
    waited = flight.queued if source is CacheState.MISS else queued
    enter(message, seconds, queued=waited, backend=flight.backend, source=source)
    if flight.failed:
        return None, Usage()
    return source, usage_of(message) if source is CacheState.MISS else Usage()


def whole_message(chunks: Sequence[AIMessageChunk]) -> AIMessage:
    """The message that the chunks are: their texts, and what the last ones report, joined.

    A server reports its usage at the end. Where its answer was left before, the tokens written are the chunks that
    came, and those read are known only where the model told them at the beginning (`prompt_tokens`).
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
        written, read = sum(bool(chunk.text) for chunk in chunks), metadata.get("prompt_tokens", 0)
        usage = UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
    return AIMessage("".join(str(chunk.text) for chunk in chunks), usage_metadata=usage, response_metadata=metadata)
