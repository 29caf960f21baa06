"""The entities of a case: the expected ones and those that were found, as spans in code points."""

from itertools import accumulate
from typing import Literal

from chains.text import StringIndexType
from eval.datasets import Case
from eval.metrics.metric import Scored
from eval.metrics.reading import items, output_of, source_of
from eval.scorers.entities import Span

__all__ = ["expected_spans", "found_spans", "named", "placed", "ungrounded", "unit_of"]

_OUTSIDE = 1 << 40
"""Places that no text has: what stands there matches nothing."""


def expected_spans(case: Case) -> tuple[Span, ...]:
    return tuple(Span(one["label"], one["start"], one["end"]) for one in case.expected.get("entities") or ())


def found_spans(scored: Scored) -> tuple[Span, ...]:
    """What was named, in code points: entities of the source, and outside of it those that it doesn't hold, or whose
    offsets are none of its own."""
    source = source_of(scored)
    places = _places(source) if unit_of(scored.case) == "utf16" else dict(enumerate(range(len(source) + 1)))
    kinds = [str(one.get("type")) for one in items(output_of(scored), "entities")]
    spans = []
    for number, (kind, (_, offset, length)) in enumerate(zip(kinds, placed(scored), strict=True)):
        start, end = places.get(offset), places.get(offset + length)
        if start is None or end is None or start >= end:
            spans.append(_outside(number, kind))
        else:
            spans.append(Span(kind, start, end))
    return (*spans, *(_outside(number, kind) for number, kind in enumerate(ungrounded(scored), len(spans))))


def ungrounded(scored: Scored) -> list[str]:
    """The types of what was named as an entity although the source doesn't hold it; of a record's field it is empty."""
    return [str(one.get("type") or "") for one in items(output_of(scored), "ungrounded")]


def named(scored: Scored) -> int:
    return len(list(items(output_of(scored), "entities"))) + len(ungrounded(scored))


def placed(scored: Scored) -> list[tuple[str, int, int]]:
    """Each entity's text, offset and length, as they were given; what isn't told is no place of the source."""
    return [
        (str(one.get("text")), _number(one.get("offset")), _number(one.get("length")))
        for one in items(output_of(scored), "entities")
    ]


def _number(value: object) -> int:
    return value if isinstance(value, int) else -1


def unit_of(case: Case) -> Literal["utf16", "unicode"]:
    """What the case's offsets count: UTF-16 code units, unless the caller asked for code points."""
    asked = case.input.params.get("string_index_type")
    return "unicode" if asked == StringIndexType.UNICODE.value else "utf16"


def _places(text: str) -> dict[int, int]:
    """From UTF-16 offsets to code points; what lies within a pair of surrogates is absent."""
    widths = (2 if char > "\uffff" else 1 for char in text)
    return {offset: place for place, offset in enumerate(accumulate(widths, initial=0))}


def _outside(number: int, kind: str) -> Span:
    start = _OUTSIDE + 2 * number
    return Span(kind, start, start + 1)
