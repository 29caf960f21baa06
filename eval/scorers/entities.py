"""Entities by type and place: strict, exact, partial and type matches, micro-averaged and by type.

The four ways of matching are those of SemEval-2013 task 9 (Segura-Bedmar et al. 2013) as nervaluate counts them:
`strict` wants type and both ends, `exact` both ends, `partial` an overlap (which counts half), `type` an overlap of
the right type.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from eval.scorers.extra import library

__all__ = ["MATCHES", "EntityScores", "Match", "Matches", "Span", "entity_scores", "offset_validity", "share"]

Match = Literal["strict", "exact", "partial", "type"]
MATCHES: Mapping[Match, str] = MappingProxyType(
    {"strict": "strict", "exact": "exact", "partial": "partial", "type": "ent_type"}
)
"""The ways of matching, each with nervaluate's name of it."""


@dataclass(frozen=True, slots=True)
class Span:
    """An entity: its type, and where it begins and ends (exclusive) in its text, in any one unit."""

    type: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Matches:
    """What was found, counted: `spurious` overlaps nothing expected, `missed` was expected and overlaps nothing found.
    Precision, recall and F1 are 0 where they aren't defined."""

    correct: int = 0
    incorrect: int = 0
    partial: int = 0
    missed: int = 0
    spurious: int = 0
    precision: float = 0.0
    recall: float = 0.0
    f1: float = 0.0


@dataclass(frozen=True, slots=True)
class EntityScores:
    """`micro` over all entities of all texts, `by_type` for each type that was expected or found."""

    micro: Mapping[Match, Matches]
    by_type: Mapping[str, Mapping[Match, Matches]]


def entity_scores(expected: Sequence[Sequence[Span]], found: Sequence[Sequence[Span]]) -> EntityScores:
    """Compare the entities of each text; both sequences go by the texts, in one order.

    A type that nobody asked for counts as wrong. Where found entities overlap one another, those that are right are
    matched first, so that no other one takes their place. Entities that the source doesn't hold have no span: give
    each a span outside the text, so that it is spurious. Raises ValueError where the sequences differ in length or a
    span is empty, ConfigurationError without the extra.
    """
    if len(expected) != len(found):
        raise ValueError(f"There are {len(expected)} texts with expected entities and {len(found)} with found ones")
    evaluator = library("nervaluate.evaluator").Evaluator(
        [[_inclusive(span) for span in sorted(spans, key=_place)] for spans in expected],
        [
            [_inclusive(span) for span in sorted(spans, key=lambda span: (span not in right, _place(span)))]
            for spans, right in zip(found, map(frozenset, expected), strict=True)
        ],
        tags=sorted({span.type for spans in (*expected, *found) for span in spans}),
        loader="dict",
    )
    counted = evaluator.evaluate()
    return EntityScores(
        _matches(counted["overall"]),
        {kind: _matches(counted["entities"][kind]) for kind in sorted(counted["entities"])},
    )


def offset_validity(
    source: str, entities: Sequence[tuple[str, int, int]], unit: Literal["utf16", "unicode"] = "utf16"
) -> float | None:
    """The share of entities, given as text, offset and length, whose text is what the source has there; None without
    entities. `unit` is what offsets count: UTF-16 code units or code points."""
    width, encoding = (2, "utf-16-le") if unit == "utf16" else (4, "utf-32-le")
    encoded = source.encode(encoding, "surrogatepass")
    valid = sum(
        0 <= offset <= offset + length <= len(encoded) // width
        and encoded[offset * width : (offset + length) * width] == text.encode(encoding, "surrogatepass")
        for text, offset, length in entities
    )
    return share(valid, len(entities))


def share(some: int, of: int) -> float | None:
    """`some / of`: the rate of ungrounded entities among all that were named, or of unusable answers among all; None
    where there were none."""
    return some / of if of else None


def _place(span: Span) -> tuple[int, int, str]:
    return span.start, span.end, span.type


def _inclusive(span: Span) -> dict[str, Any]:
    if span.end <= span.start:
        raise ValueError(f"The {span.type} from {span.start} to {span.end} is empty; the end is exclusive")
    return {"label": span.type, "start": span.start, "end": span.end - 1}


def _matches(counted: Mapping[str, Any]) -> dict[Match, Matches]:
    return {match: _counts(counted[name]) if name in counted else Matches() for match, name in MATCHES.items()}


def _counts(result: Any) -> Matches:
    return Matches(
        result.correct,
        result.incorrect,
        result.partial,
        result.missed,
        result.spurious,
        float(result.precision),
        float(result.recall),
        float(result.f1),
    )
