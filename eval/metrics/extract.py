"""Entities: by type and place, and whether the source holds what was named."""

from collections.abc import Mapping
from functools import lru_cache

from eval.datasets import Case
from eval.metrics.counting import f1, rate, share_or_one
from eval.metrics.entities import expected_spans, found_spans, named, placed, ungrounded, unit_of
from eval.metrics.metric import Kind, Metric, Scored, Scorer, Value
from eval.metrics.reading import guarded, source_of
from eval.scorers.entities import Match, Matches, Span, entity_scores, offset_validity

__all__ = ["EXTRACT"]


@lru_cache(4096)
def _matched(expected: tuple[Span, ...], found: tuple[Span, ...]) -> Mapping[Match, Matches]:
    return entity_scores([expected], [found]).micro


def _counts(match: Match) -> Scorer:
    """Hits, expected ones and given ones. An overlap counts half as a hit of `partial`."""

    def count(scored: Scored) -> Value:
        one = _matched(expected_spans(scored.case), found_spans(scored))[match]
        both = one.correct + one.incorrect + one.partial
        return one.correct + 0.5 * one.partial, float(both + one.missed), float(both + one.spurious)

    return guarded(count, _failed)


def _failed(case: Case) -> Value:
    """A failure misses all that is expected, and counts as naming as many wrong ones, at least one."""
    count = float(len(expected_spans(case)))
    return 0.0, count, max(count, 1.0)


def _precision(scored: Scored) -> Value:
    counts = _STRICT(scored)
    return (counts[0], counts[2]) if isinstance(counts, tuple) else counts


def _recall(scored: Scored) -> Value:
    counts = _STRICT(scored)
    return (counts[0], counts[1]) if isinstance(counts, tuple) else counts


def _offsets(scored: Scored) -> Value:
    return offset_validity(source_of(scored), placed(scored), unit_of(scored.case))


def _ungrounded(scored: Scored) -> Value:
    count = float(len(ungrounded(scored)))
    return count, float(named(scored))


_STRICT = _counts("strict")
_F1S: Mapping[Match, tuple[str, str]] = {
    "strict": ("Strict", "the same type and the same place"),
    "exact": ("Exact", "the same place, of any type"),
    "partial": ("Partial", "the same place, or half for an overlap, of any type"),
    "type": ("Type", "an overlap of the same type"),
}

EXTRACT: tuple[Metric, ...] = (
    *(
        Metric(
            name=f"{match}_f1",
            title=f"{title} F1, 0 to 1",
            kind=Kind.COUNTS,
            score=_counts(match),
            aggregate=f1,
            description=f"F1 over all entities (SemEval-2013 task 9); one is found by {condition}.",
        )
        for match, (title, condition) in _F1S.items()
    ),
    Metric(
        name="precision",
        title="Precision (strict), 0 to 1",
        kind=Kind.COUNTS,
        score=_precision,
        aggregate=share_or_one,
        description="Of the entities that were named, the share that is right in type and place.",
    ),
    Metric(
        name="recall",
        title="Recall (strict), 0 to 1",
        kind=Kind.COUNTS,
        score=_recall,
        aggregate=share_or_one,
        description="Of the entities that are expected, the share that was found in type and place.",
    ),
    Metric(
        name="offset_validity",
        title="Offsets valid, 0 to 1",
        kind=Kind.CONTINUOUS,
        score=guarded(_offsets),
        description="The share of entities whose text is what the source has at their offset and length.",
    ),
    Metric(
        name="ungrounded_rate",
        title="Not in the source, 0 to 1, low",
        kind=Kind.COUNTS,
        score=guarded(_ungrounded, lambda _: (1.0, 1.0)),
        aggregate=rate,
        description="Of all that was named, the share that the source doesn't hold.",
        best=0.0,
        worst=1.0,
    ),
)
