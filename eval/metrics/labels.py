"""The labels of a classified case: the right ones, those that were given, and the confidence in them."""

from collections.abc import Sequence

from eval.datasets import Case
from eval.metrics.metric import Scored
from eval.metrics.reading import items, listed, output_of
from eval.scorers.classification import INVALID

__all__ = [
    "abstained",
    "confidence_of",
    "given_class",
    "given_labels",
    "is_right",
    "is_several",
    "is_single",
    "offered",
    "right_class",
    "right_labels",
]


def is_several(case: Case) -> bool:
    """Whether several labels, or none, may apply."""
    return bool(case.input.params.get("multi_label"))


def is_single(case: Case) -> bool:
    return not is_several(case)


def offered(case: Case) -> tuple[str, ...]:
    return tuple(str(label["name"]) for label in case.input.params.get("labels") or ())


def right_labels(case: Case) -> frozenset[str]:
    return frozenset(listed(case, "labels"))


def given_labels(scored: Scored) -> tuple[str, ...]:
    """The labels that were given, best first; none where the case failed."""
    return tuple(str(label["name"]) for label in items(output_of(scored), "labels") if "name" in label)


def right_class(case: Case) -> str | None:
    """Of a case with one label the right one; None where none of those offered applies."""
    labels: Sequence[str] = listed(case, "labels")
    return labels[0] if labels else None


def given_class(scored: Scored) -> str:
    """Of a case with one label the given one; INVALID where there is none, or one that wasn't offered."""
    given = given_labels(scored)
    return given[0] if given and given[0] in offered(scored.case) else INVALID


def is_right(scored: Scored) -> bool:
    return frozenset(given_labels(scored)) == right_labels(scored.case)


def abstained(scored: Scored) -> bool:
    return bool(output_of(scored).get("abstained"))


def confidence_of(scored: Scored) -> float | None:
    """The confidence in the first label; None where none was measured, or no label was given."""
    first = next(items(output_of(scored), "labels"), {})
    confidence = first.get("confidence")
    return float(confidence) if isinstance(confidence, int | float) else None
