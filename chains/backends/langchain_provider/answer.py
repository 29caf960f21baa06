"""An answer of any provider, chunk by chunk, in the form of all our chat models."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import UsageMetadata, add_usage

from chains.backends.control_strings import Restorer
from chains.errors import BackendProtocolError, BackendRejected

__all__ = ["AnswerReader"]

# Where the packages put the reason for the end: most, Anthropic's, Bedrock's, Ollama's.
_REASON_NAMES = ("finish_reason", "stop_reason", "stopReason", "done_reason")
_NO_REASON = ("", "none", "null", "finish_reason_unspecified")
_CALLED = ("tool_calls", "tool_use", "tool_call", "function_call")
_FINISHED: Mapping[str, str] = {
    **dict.fromkeys(("stop", "end_turn", "stop_sequence", "eos", "eos_token", "complete", "completed"), "stop"),
    **dict.fromkeys(("length", "max_tokens", "max_output_tokens", "model_length"), "length"),
    "model_context_window_exceeded": "length",
}
_FILTERED = (
    *("content_filter", "content_filtered", "refusal", "guardrail_intervened", "error_toxic"),
    *("safety", "recitation", "blocklist", "prohibited_content", "spii"),
)


class AnswerReader:
    """Reads one answer. Where it `is_form`, the answer is the arguments of the one tool that was offered.

    What a model says beside the form is no part of the answer; without a form, it is the answer.
    """

    def __init__(self, backend: str, *, is_form: bool) -> None:
        self._backend = backend
        self._is_form = is_form
        self._restorer = Restorer()
        self._usage: UsageMetadata | None = None
        self._reason = ""
        self._model = ""
        self._talk: list[str] = []
        self._forms: set[tuple[Any, Any]] = set()
        self._has_form = False

    def read(self, message: AIMessage) -> AIMessageChunk:
        """What a chunk says, perhaps nothing. Raises BackendProtocolError."""
        if message.usage_metadata is not None:
            self._usage = add_usage(self._usage, message.usage_metadata) if self._usage else message.usage_metadata
        metadata = message.response_metadata
        reasons = (str(metadata.get(name) or "") for name in _REASON_NAMES)
        self._reason = next((said for said in reasons if said.lower() not in _NO_REASON), self._reason)
        self._model = str(metadata.get("model_name") or metadata.get("model") or self._model)
        chunk = AIMessageChunk(content=self._restorer.feed(self._text(message)))
        if chunk.content and self.reported is not None:
            chunk.response_metadata["reported"] = self.reported  # some tell at the beginning what they read
        if logprobs := list(_logprobs(metadata)):
            chunk.response_metadata["logprobs"] = logprobs
        return chunk

    @property
    def reported(self) -> UsageMetadata | None:
        """The usage so far, where it is one."""
        counts = list(_counts(self._usage or {}))
        return self._usage if counts and all(type(number) is int and number >= 0 for number in counts) else None

    def last(self, model: str, *, needs_reason: bool) -> AIMessageChunk:
        """The end of the answer, with usage as the provider reported it, and why it ended.

        Raises BackendRejected where a filter ended it, BackendProtocolError where it ended otherwise than by itself
        or at its cap, or for no reason at all and `needs_reason`.
        """
        reason = self._finish(needs_reason)
        if any(type(number) is not int or number < 0 for number in _counts(self._usage or {})):
            raise self._broken("the usage is malformed: a number of tokens is negative or no whole number")
        rest = "" if self._has_form else "".join(self._talk)
        return AIMessageChunk(
            content=self._restorer.feed(rest) + self._restorer.finish(),
            usage_metadata=self._usage,
            response_metadata={"model_name": self._model or model, "finish_reason": reason},
        )

    def _finish(self, needs_reason: bool) -> str:
        reason = self._reason.lower()
        if not reason:
            if needs_reason:
                raise self._broken(
                    "the answer ended without a reason, so it may be cut off; if this provider never sends one, set "
                    "needs_finish_reason to false"
                )
            return "stop"
        if reason in _FILTERED:
            raise BackendRejected(f"the provider's content filter ended the answer ({reason})", backend=self._backend)
        if reason in _CALLED:
            if self._is_form:
                return "stop"
            raise self._broken("the model called a tool instead of answering")
        if reason not in _FINISHED:
            raise self._broken(f"the answer ended by {self._reason[:40]!r}")
        return _FINISHED[reason]

    def _text(self, message: AIMessage) -> str:
        text = str(message.text)
        if not self._is_form:
            return text
        self._talk.append(text)
        pieces = list(_arguments(message))
        self._forms |= {key for key, _ in pieces if key is not None}
        if len(self._forms) > 1:
            raise self._broken("the model filled in the form more than once")
        self._has_form = self._has_form or bool(pieces)
        return "".join(piece for _, piece in pieces)

    def _broken(self, message: str) -> BackendProtocolError:
        return BackendProtocolError(message, backend=self._backend)


def _arguments(message: AIMessage) -> Iterator[tuple[tuple[Any, Any] | None, str]]:
    """Pieces of tool calls' arguments as JSON; where a call begins, with what tells it from others."""
    if isinstance(message, AIMessageChunk):
        for piece in message.tool_call_chunks:
            key = (piece.get("index"), piece.get("id")) if piece.get("name") else None
            yield key, piece.get("args") or ""
        return
    for call in message.tool_calls:
        yield (None, call.get("id")), json.dumps(call["args"], ensure_ascii=False)
    for broken in message.invalid_tool_calls:
        yield (None, broken.get("id")), broken.get("args") or ""


def _counts(usage: Mapping[str, Any]) -> Iterator[Any]:
    """The numbers of a whole answer; those of a single chunk may be corrections, and negative."""
    for value in usage.values():
        if isinstance(value, Mapping):
            yield from _counts(value)
        else:
            yield value


def _logprobs(metadata: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """OpenAI's form to that of all our chat models."""
    for token in (metadata.get("logprobs") or {}).get("content") or ():
        top = [{"token": other["token"], "logprob": other["logprob"]} for other in token.get("top_logprobs") or ()]
        yield {"token": token["token"], "logprob": token["logprob"], "top_logprobs": top}
