"""From a recording to what a chat model gives, and back."""

from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata

from chains.backends.configuration import ContinuationScores
from chains.backends.replay.shapes import (
    Chat,
    ChatResponse,
    Refusal,
    RefusalResponse,
    ScoreGroup,
    Scores,
    ScoresResponse,
)
from chains.capabilities import ContinuationScore
from chains.errors import ContextExceeded
from chains.result import Usage

__all__ = [
    "chunks_of",
    "group_of",
    "merged",
    "refusal_of",
    "response_of",
    "response_of_refusal",
    "said_last",
    "scores_of",
]


def said_last(messages: Sequence[BaseMessage]) -> str:
    """The last user message: what a reader knows a request by."""
    return next((str(message.text) for message in reversed(messages) if message.type == "human"), "")


def chunks_of(recording: Chat, model_name: str) -> Iterator[AIMessageChunk]:
    """The first word, the rest, and the end: a stream of as few chunks as a stream can have. With log-probabilities
    one chunk for each token."""
    told = recording.response
    if told.logprobs:
        for token in told.logprobs:
            yield AIMessageChunk(content=token["token"], response_metadata={"logprobs": [token]})
    elif told.text:
        first = len(told.text) - len(told.text.lstrip())
        end = next((at for at in range(first, len(told.text)) if told.text[at].isspace()), len(told.text))
        yield AIMessageChunk(content=told.text[:end])
        if end < len(told.text):
            yield AIMessageChunk(content=told.text[end:])
    yield AIMessageChunk(
        content="",
        usage_metadata=_usage(told),
        response_metadata={
            "model_name": told.model or model_name,
            "finish_reason": told.finish_reason,
            "recording": recording.key,
            "recorded_ms": recording.recorded.ms if recording.recorded else 0.0,
        },
    )


def _usage(told: ChatResponse) -> UsageMetadata | None:
    if told.input_tokens is None:
        return None
    total = told.input_tokens + told.output_tokens
    usage = UsageMetadata(input_tokens=told.input_tokens, output_tokens=told.output_tokens, total_tokens=total)
    if told.cached_input_tokens:
        usage["input_token_details"] = InputTokenDetails(cache_read=told.cached_input_tokens)
    return usage


def response_of(chunks: Sequence[AIMessageChunk], model_name: str) -> ChatResponse:
    """What is kept of a whole answer."""
    metadata: dict[str, Any] = {}
    logprobs: list[dict[str, Any]] = []
    usage = None
    for chunk in chunks:
        logprobs += chunk.response_metadata.get("logprobs", ())
        metadata |= chunk.response_metadata
        usage = chunk.usage_metadata or usage
    counts: dict[str, int] = {}
    if usage is not None:
        cached = usage.get("input_token_details", {}).get("cache_read", 0)
        counts = {"input_tokens": usage["input_tokens"], "output_tokens": usage["output_tokens"]}
        counts["cached_input_tokens"] = cached
    name = metadata.get("model_name")
    return ChatResponse(
        text="".join(str(chunk.text) for chunk in chunks),
        finish_reason=metadata["finish_reason"],
        model=None if name == model_name else name,
        logprobs=tuple(logprobs),
        **counts,
    )


def group_of(asked: Sequence[str], found: ContinuationScores) -> ScoreGroup:
    """What is kept of a question for scores."""
    usage = found.usage
    return ScoreGroup(
        of={text: (score.logprob, score.tokens) for text, score in zip(asked, found.scores, strict=True)},
        input_tokens=usage.input_tokens,
        cached_input_tokens=usage.cached_input_tokens,
        output_tokens=usage.output_tokens,
        model_calls=usage.model_calls,
    )


def refusal_of(recording: Refusal) -> ContextExceeded:
    told = recording.response
    return ContextExceeded(
        needed=told.needed, limit=told.limit, reserved=told.reserved, remedy=told.remedy, estimated=told.estimated
    )


def response_of_refusal(error: ContextExceeded) -> RefusalResponse:
    return RefusalResponse(
        needed=error.needed,
        limit=error.limit,
        reserved=error.reserved,
        remedy=error.remedy,
        estimated=error.estimated,
    )


def scores_of(recording: Scores, continuations: Sequence[str]) -> ContinuationScores:
    """The scores of continuations that are all recorded. What a question cost is told to whoever asks for its first
    one, so that nothing is told twice in a run that asks as the recorded one did."""
    known = recording.response.known
    groups = [group for group in recording.response.groups if next(iter(group.of)) in continuations]
    cost = sum(
        (
            Usage(group.input_tokens, group.cached_input_tokens, group.output_tokens, group.model_calls)
            for group in groups
        ),
        Usage(),
    )
    return ContinuationScores([ContinuationScore(*known[text]) for text in continuations], cost)


def merged(before: ScoresResponse | None, now: ScoresResponse) -> ScoresResponse:
    """What was known of a prompt's continuations, and what is known now."""
    new = now.known
    kept = [
        group.model_copy(update={"of": left})
        for group in (before.groups if before else ())
        if (left := {text: score for text, score in group.of.items() if text not in new})
    ]
    return ScoresResponse(groups=(*kept, *now.groups))
