"""What makes two requests the same: a hash over all that can change the answer, and over nothing else.

The canonical request is JSON with sorted keys, in UTF-8. Texts stand in it as they are, without any normalisation.
What is absent and what is None are the same, and so are 0 and 0.0 where a number is a fraction. Who asks, how urgently
and how patiently changes no answer, and has no place in it.

Scores and counts of tokens follow from the messages alone: no chance, so that repeats share them. Scores are found by
the messages, and within their recording by the continuation: which others were asked with it changes nothing, and
chains that keep what they know ask for it in another order every time.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage

from chains.backends.replay.shapes import Subject
from chains.backends.streamed import CallOptions, role_of

__all__ = ["RequestKeys"]

_FRACTIONS = ("temperature", "top_p", "frequency_penalty")
# Decoding by a schema writes its properties in their order, and the values of an enum as they stand.
_IN_ORDER = ("properties", "patternProperties")
_AS_THEY_STAND = ("enum", "const", "default", "examples")
_NAMED_SCHEMAS = ("$defs", "definitions", "dependentSchemas")


class RequestKeys:
    """The keys of one subject's requests: 64 hex digits each. Raises ValueError for messages that hold more than text,
    and for numbers that are none."""

    def __init__(self, subject: Subject) -> None:
        told = {"kind": subject.kind, "model": subject.model, "digest": subject.digest, "settings": subject.settings}
        self._subject = hashlib.sha256(_canonical(told))

    def chat(self, messages: Sequence[BaseMessage], options: CallOptions, *, repeat: int = 0, turn: int = 0) -> str:
        """Of an answer. `repeat` tells apart the times that an evaluation asks for the same, `turn` the times that one
        request does."""
        return self._key("chat", messages, parameters=_parameters(options), repeat=repeat, turn=turn)

    def refusal(self, messages: Sequence[BaseMessage], max_tokens: int | None) -> str:
        """Of the refusal of what is too long: it depends on nothing else."""
        return self._key("refusal", messages, max_tokens=max_tokens)

    def refused_scores(self, messages: Sequence[BaseMessage]) -> str:
        """Of the refusal to score what is too long."""
        return self._key("refused_scores", messages)

    def count(self, messages: Sequence[BaseMessage]) -> str:
        return self._key("count_tokens", messages)

    def scores(self, messages: Sequence[BaseMessage]) -> str:
        return self._key("scores", messages)

    def _key(self, operation: str, messages: Sequence[BaseMessage], **parts: Any) -> str:
        said = [[role_of(message), str(message.text)] for message in messages]
        hashed = self._subject.copy()
        hashed.update(_canonical({"operation": operation, "messages": said, **_given(parts)}))
        return hashed.hexdigest()


def _given(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parts.items() if value is not None}


def _parameters(options: CallOptions) -> dict[str, Any]:
    told: dict[str, Any] = {"max_tokens": options.max_tokens, "seed": options.seed}
    for name in _FRACTIONS:
        value = getattr(options, name)
        told[name] = None if value is None else float(value) + 0.0  # of -0.0 too
    told["stop"] = sorted(set(options.stop)) or None  # an answer ends at the first of them, whichever it is
    told["schema"] = None if options.schema is None else _schema(options.schema)
    told["alternatives"] = options.top_logprobs if options.logprobs else None
    return _given(told)


def _schema(value: Any) -> Any:
    """A JSON Schema in which only the order that counts is left: lists of pairs keep it."""
    if not isinstance(value, Mapping):
        return [_schema(item) for item in value] if isinstance(value, list | tuple) else value
    return {keyword: _under(keyword, inner) for keyword, inner in value.items()}


def _under(keyword: str, value: Any) -> Any:
    if keyword in _AS_THEY_STAND:
        return _in_order(value)
    if isinstance(value, Mapping) and keyword in _IN_ORDER:
        return [[name, _schema(inner)] for name, inner in value.items()]
    if isinstance(value, Mapping) and keyword in _NAMED_SCHEMAS:
        return {name: _schema(inner) for name, inner in value.items()}
    return _schema(value)


def _in_order(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {"object": [[name, _in_order(inner)] for name, inner in value.items()]}
    return [_in_order(item) for item in value] if isinstance(value, list | tuple) else value


def _canonical(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "surrogatepass")
