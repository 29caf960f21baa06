"""Entities of given types: asked for, placed in the source, and of those that overlap one."""

from collections.abc import Mapping, Sequence
from typing import Any

from chains.chunking import Chunk
from chains.parallel import aside
from chains.task import Parts
from chains.tasks.extract.contract import Entity, ExtractOutput, ExtractRequest, UngroundedEntity
from chains.tasks.extract.naming import Naming
from chains.tasks.extract.overlaps import Placed, without_overlaps
from chains.tasks.extract.reading import Reader
from chains.tasks.extract.spoken import described, spoken_names
from chains.text import SourceIndex, count_words

__all__ = ["find_entities"]

_LEAST_BOUND = 8

Answers = Sequence[tuple[Chunk, Mapping[str, Any]]]


async def find_entities(parts: Parts, request: ExtractRequest) -> ExtractOutput:
    """What the model names in the text. Raises BackendError, OutputError, InvalidInput."""
    assert request.types is not None
    names = spoken_names(request.types)
    inputs = {"types": [described(spoken, kind) for spoken, kind in zip(names, request.types, strict=True)]}
    reader = Reader(parts, inputs, lambda text: _schema(list(names), text))
    answers = await reader.read(request.source, request.passes)
    said = "\n".join(item["text"] for _, answer in answers for item in answer["entities"])
    texts = request.source, said
    index = await aside([request.source], SourceIndex, request.source, request.string_index_type)
    found, ungrounded = await aside(texts, _placed, index, answers)
    if naming := Naming.by(parts, list(names)):
        found = await naming.named(request.source, found)
    return await aside(texts, _output, index, found, ungrounded, names)


def _schema(names: Sequence[str], text: str) -> dict[str, Any]:
    entity = {
        "type": "object",
        "properties": {
            "type": {"enum": list(names)},
            "text": {"type": "string", "minLength": 1, "maxLength": 200},
        },
        "required": ["type", "text"],
        "additionalProperties": False,
    }
    # A mention takes a word at least. Without the bound, a small model that runs in circles fills its whole cap;
    # the least bound leaves room for emoji, for words of several types and for what the text turns out not to hold.
    most = max(count_words(text), _LEAST_BOUND)
    return {
        "type": "object",
        "properties": {"entities": {"type": "array", "items": entity, "maxItems": most}},
        "required": ["entities"],
        "additionalProperties": False,
    }


def _placed(index: SourceIndex, answers: Answers) -> tuple[list[Placed], list[tuple[str, str]]]:
    """The entities with a place in what the model read when it named them, and the texts and types of the others.

    A string that is named more often than the chunk holds it is one of the model's repetitions: it stays out. So does
    one that the source holds only elsewhere, since it isn't what the model read.
    """
    found: list[Placed] = []
    placed: set[str] = set()
    missing: dict[tuple[str, str], None] = {}
    for chunk, answer in answers:
        named = [(item["text"].strip(), item["type"]) for item in answer["entities"]]
        places = index.place([text for text, _ in named], chunk.start, chunk.end)
        for (text, kind), mention in zip(named, places, strict=True):
            if mention:
                found.append(Placed(mention, kind))
                placed.add(text)
            elif text:
                missing.setdefault((text, kind))
    return found, [(text, kind) for text, kind in missing if text not in placed]


def _output(
    index: SourceIndex, found: Sequence[Placed], ungrounded: Sequence[tuple[str, str]], names: Mapping[str, str]
) -> ExtractOutput:
    entities = []
    for placed in without_overlaps(found):
        mention, span = placed.mention, index.span(placed.mention)
        entities.append(
            Entity(
                text=index.source[mention.start : mention.end],
                type=names[placed.type],
                offset=span.offset,
                length=span.length,
                alignment=mention.alignment,
            )
        )
    missing = [UngroundedEntity(text=text, type=names[kind]) for text, kind in ungrounded]
    return ExtractOutput(entities=entities, ungrounded=missing)
