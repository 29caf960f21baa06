"""Records by a caller's schema: asked for as an array of such objects, their texts aligned to the source."""

import asyncio
import copy
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator
from pydantic import JsonValue

from chains.chunking import Chunk
from chains.errors import FieldError, InvalidInput
from chains.schema_gate import gate
from chains.task import Parts
from chains.tasks.extract.contract import ExtractOutput, ExtractRequest, UngroundedEntity
from chains.tasks.extract.reading import Reader
from chains.text import Alignment, SourceIndex, count_words

__all__ = ["HELPER", "find_records"]

HELPER = "records"
"""The name under `uses` of the prompt that asks for records."""

_MOST_RECORDS = 1000
_WORDS_A_RECORD = 2
_LEAST_BOUND = 4

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A text in a record: its place there, and what stands there."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class Aligned:
    """A record, the texts in it that the source lacks, and the stretch of the source that its other texts span."""

    record: dict[str, JsonValue]
    missing: list[Leaf]
    start: int
    end: int


async def find_records(parts: Parts, request: ExtractRequest) -> ExtractOutput:
    """The records that the model finds. Raises SchemaUnsupported for a schema that the gate refuses, InvalidInput where
    the prompt version knows no records, BackendError, OutputError."""
    assert request.record_schema is not None
    schema = gate(request.record_schema, "/record_schema")
    if HELPER not in parts.helpers:
        raise InvalidInput(
            "This version of the prompt finds entities only. Send types, or name another version.",
            [FieldError("/record_schema", "records_unknown", "The prompt version pins no prompt for records")],
        )
    inputs = {"schema": json.dumps(schema, ensure_ascii=False)}
    reader = Reader(parts.helpers[HELPER], inputs, lambda text: _schema(schema, text))
    answers = await reader.read(request.source, request.passes)
    return await asyncio.to_thread(_grounded, request.source, schema, answers)


def _schema(schema: Mapping[str, Any], text: str) -> dict[str, Any]:
    # A record takes some words at least: the bound stops a small model that runs in circles.
    most = min(max(count_words(text) // _WORDS_A_RECORD, _LEAST_BOUND), _MOST_RECORDS)
    return {
        "type": "object",
        "properties": {"records": {"type": "array", "items": dict(schema), "maxItems": most}},
        "required": ["records"],
        "additionalProperties": False,
    }


def _grounded(
    source: str, schema: Mapping[str, Any], answers: Sequence[tuple[Chunk, Mapping[str, Any]]]
) -> ExtractOutput:
    """The records with the source's words in place of the model's, where these are found; the others' places.

    Rows that one answer holds twice are two. One that an earlier answer held too, about the same stretch of the text,
    is there once: chunks overlap, and further passes read what was read.
    """
    records: list[dict[str, JsonValue]] = []
    ungrounded = []
    index, check = SourceIndex(source), Draft202012Validator(dict(schema))
    known: dict[str, list[tuple[Chunk, int]]] = {}
    for chunk, answer in answers:
        fresh: Counter[str] = Counter()
        for record in answer["records"]:
            aligned = _align(index, chunk, check, record)
            row = json.dumps(aligned.record, sort_keys=True)
            fresh[row] += 1
            if fresh[row] > _held(known.get(row, ()), aligned):
                at = f"/records/{len(records)}"
                ungrounded += [
                    UngroundedEntity(text=it.text, pointer=at + _pointer(it.place)) for it in aligned.missing
                ]
                records.append(aligned.record)
        for row, count in fresh.items():
            known.setdefault(row, []).append((chunk, count))
    return ExtractOutput(entities=[], ungrounded=ungrounded, records=records)


def _held(earlier: Sequence[tuple[Chunk, int]], aligned: Aligned) -> int:
    """How often an earlier answer about the stretch that the record stands in held the record."""
    counts = [count for chunk, count in earlier if chunk.start <= aligned.start and aligned.end <= chunk.end]
    return max(counts, default=0)


def _align(index: SourceIndex, chunk: Chunk, check: Draft202012Validator, record: dict[str, JsonValue]) -> Aligned:
    """Put the source's words into a record, unless that breaks its schema, which may want other ones (an `enum`)."""
    leaves = list(_leaves(record, ()))
    # A text may stand in several leaves of a record though the source holds it once.
    texts = list(dict.fromkeys(leaf.text for leaf in leaves))
    places = dict(zip(texts, index.place(texts, chunk.start, chunk.end), strict=True))
    mentions = [mention for mention in places.values() if mention]
    start = min((mention.start for mention in mentions), default=chunk.start)
    end = max((mention.end for mention in mentions), default=chunk.end)
    missing = [leaf for leaf in leaves if places[leaf.text] is None]
    grounded = copy.deepcopy(record)
    for leaf in leaves:
        if mention := places[leaf.text]:
            _put(grounded, leaf.place, index.source[mention.start : mention.end])
    if check.is_valid(grounded):
        return Aligned(grounded, missing, start, end)
    missing += [leaf for leaf in leaves if (at := places[leaf.text]) and at.alignment is Alignment.FUZZY]
    return Aligned(record, missing, start, end)


def _leaves(value: Any, place: Place) -> Iterator[Leaf]:
    if isinstance(value, str):
        if value.strip():
            yield Leaf(place, value)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _leaves(item, (*place, number))
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, (*place, name))


def _put(record: Any, place: Place, text: str) -> None:
    for step in place[:-1]:
        record = record[step]
    record[place[-1]] = text


def _pointer(place: Place) -> str:
    """RFC 6901."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in place)
