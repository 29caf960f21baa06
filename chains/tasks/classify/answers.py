"""Labels that the model names in an answer under a schema, and how sure of them it is."""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage

from chains.answers import Ask, SaidObject, ask_for_said_object
from chains.errors import BackendRejected, OutputError
from chains.parallel import in_parallel
from chains.recordings import are_noted
from chains.task import Parts
from chains.tasks.classify.answer_logprobs import label_probabilities
from chains.tasks.classify.contract import ClassifyRequest, ConfidenceMethod, Label
from chains.tasks.classify.judgement import Judgement, combined
from chains.tasks.classify.long_texts import in_chunks
from chains.tasks.classify.names import spoken_names

__all__ = ["VOTES", "ByAnswers"]

VOTES = 5
"""Answers, where their shares are all that tells how sure the model is."""

_LOGPROBS: Mapping[str, Any] = {"logprobs": True, "top_logprobs": 20}


Labels = list[dict[str, str]]


class ByAnswers:
    """Judges by what the model answers. Learns whether its backend tells log-probabilities."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._ask = ask_for_said_object(parts)
        self._may_tell_logprobs = True

    async def judge(self, request: ClassifyRequest) -> Judgement:
        """Raises ContextExceeded, InvalidInput, OutputError, and what the model raises."""
        names = spoken_names([label.name for label in request.labels])

        async def read(text: str) -> Judgement:
            return await self._read(text, request, names)

        found, lengths = await in_chunks(self._parts, _inputs("", request, names), request.source, read)
        return found[0] if len(found) == 1 else combined(found, lengths)

    async def _read(self, text: str, request: ClassifyRequest, names: Sequence[str]) -> Judgement:
        schema, inputs = _schema(request, names), _inputs(text, request, names)
        said = await self._said(Ask(inputs, schema))
        chosen = _named(said.value)
        told = label_probabilities(said.message.response_metadata.get("logprobs") or (), names)
        if told is not None:
            return _by_logprobs(told, chosen, names, one=not request.multi_label)
        others = [{**inputs, "labels": labels} for labels in _orders(inputs["labels"])]
        if not await self._says_orders(inputs, others[0]):
            return Judgement([float(name in chosen) for name in names], ConfidenceMethod.NONE)

        async def vote(turned: Mapping[str, Any]) -> set[str]:
            try:
                return _named((await self._ask(Ask(turned, schema))).value)
            except OutputError:  # a vote for no label
                return set()

        votes = [chosen, *await in_parallel(vote, others, self._parts.capabilities.slots())]
        shares = [sum(name in vote for vote in votes) / len(votes) for name in names]
        return Judgement(shares, ConfidenceMethod.VOTES)

    async def _said(self, ask: Ask) -> SaidObject:
        """The answer with its log-probabilities, where the backend tells them."""
        if not self._may_tell_logprobs:
            return await self._ask(ask)
        try:
            return await self._ask(Ask(ask.inputs, ask.schema, _LOGPROBS))
        except BackendRejected:
            said = await self._ask(ask)
            self._may_tell_logprobs = are_noted()  # for it was these that were refused
            return said

    async def _says_orders(self, inputs: Mapping[str, Any], turned: Mapping[str, Any]) -> bool:
        """Whether the prompt says the labels in the order given; else equal questions would only be asked again."""
        if self._parts.parameters.get("temperature"):
            return True
        first, second = [await self._parts.prompt.ainvoke(dict(asked)) for asked in (inputs, turned)]
        return _contents(first.to_messages()) != _contents(second.to_messages())


def _contents(messages: Sequence[BaseMessage]) -> list[str]:
    return [str(message.text) for message in messages]


def _orders(labels: Labels) -> list[Labels]:
    """Up to VOTES - 1 other orders of the labels: each begins elsewhere, and then backwards too where there are few."""
    starts = sorted({len(labels) * turn // VOTES for turn in range(VOTES)})
    turned = [labels[start:] + labels[:start] for start in starts]
    found = turned + [order[::-1] for order in turned if order[::-1] not in turned]
    return found[1:VOTES]


def _inputs(text: str, request: ClassifyRequest, names: Sequence[str]) -> dict[str, Any]:
    labels = [{"name": name, "description": _said_of(label)} for name, label in zip(names, request.labels, strict=True)]
    return {"text": text, "labels": labels, "multi_label": request.multi_label}


def _said_of(label: Label) -> str:
    """The label's description, with its examples."""
    examples = "; ".join(label.examples)
    if not examples:
        return label.description or ""
    return f"{label.description}; for example: {examples}" if label.description else f"for example: {examples}"


def _schema(request: ClassifyRequest, names: Sequence[str]) -> dict[str, Any]:
    one_of = {"enum": list(names)}
    key = "labels" if request.multi_label else "label"
    many = {"type": "array", "items": one_of, "maxItems": len(names)}
    return {
        "type": "object",
        "properties": {key: many if request.multi_label else one_of},
        "required": [key],
        "additionalProperties": False,
    }


def _named(value: Mapping[str, Any]) -> set[str]:
    return set(value["labels"]) if "labels" in value else {value["label"]}


def _by_logprobs(told: Mapping[str, float], chosen: set[str], names: Sequence[str], *, one: bool) -> Judgement:
    """Of one label, the others share what it leaves. Of several, those that aren't named have no confidence at all."""
    if one:
        (sure,) = (told[name] for name in chosen)
        rest = (1 - sure) / (len(names) - 1)
        return Judgement([sure if name in chosen else rest for name in names], ConfidenceMethod.LOGPROBS)
    return Judgement([told.get(name, 0.0) for name in names], ConfidenceMethod.LOGPROBS)
