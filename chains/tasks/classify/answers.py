"""Labels that the model names in an answer under a schema, and how sure of them it is."""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage

from chains.answers import Ask, SaidObject, ask_for_said_object
from chains.errors import BackendRejected, OutputError
from chains.parallel import in_parallel
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

        found, lengths = await in_chunks(self._parts, _inputs("", request, names, 0), request.source, read)
        return found[0] if len(found) == 1 else combined(found, lengths)

    async def _read(self, text: str, request: ClassifyRequest, names: Sequence[str]) -> Judgement:
        schema = _schema(request, names)
        said = await self._said(Ask(_inputs(text, request, names, 0), schema))
        chosen = _named(said.value)
        told = label_probabilities(said.message.response_metadata.get("logprobs") or (), names)
        if told is not None:
            return _by_logprobs(told, chosen, names, one=not request.multi_label)
        orders = [len(names) * vote // VOTES for vote in range(1, VOTES)]
        if not await self._says_orders(text, request, names, orders[0]):
            return Judgement([float(name in chosen) for name in names], ConfidenceMethod.NONE)

        async def vote(order: int) -> set[str]:
            try:
                return _named((await self._ask(Ask(_inputs(text, request, names, order), schema))).value)
            except OutputError:  # a vote for no label
                return set()

        votes = [chosen, *await in_parallel(vote, orders, self._parts.capabilities.slots())]
        shares = [sum(name in vote for vote in votes) / VOTES for name in names]
        return Judgement(shares, ConfidenceMethod.VOTES)

    async def _said(self, ask: Ask) -> SaidObject:
        """The answer with its log-probabilities, where the backend tells them."""
        if not self._may_tell_logprobs:
            return await self._ask(ask)
        try:
            return await self._ask(Ask(ask.inputs, ask.schema, _LOGPROBS))
        except BackendRejected:
            said = await self._ask(ask)
            self._may_tell_logprobs = False  # for it was these that were refused
            return said

    async def _says_orders(self, text: str, request: ClassifyRequest, names: Sequence[str], order: int) -> bool:
        """Whether the prompt says the labels in the order given; else equal questions would only be asked again."""
        if self._parts.parameters.get("temperature"):
            return True
        first, second = [
            await self._parts.prompt.ainvoke(_inputs(text, request, names, turned)) for turned in (0, order)
        ]
        return _contents(first.to_messages()) != _contents(second.to_messages())


def _contents(messages: Sequence[BaseMessage]) -> list[str]:
    return [str(message.text) for message in messages]


def _inputs(text: str, request: ClassifyRequest, names: Sequence[str], order: int) -> dict[str, Any]:
    """The prompt's inputs; the label at place `order` is said first, and those before it last."""
    labels = [{"name": name, "description": _said_of(label)} for name, label in zip(names, request.labels, strict=True)]
    return {"text": text, "labels": labels[order:] + labels[:order], "multi_label": request.multi_label}


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
