"""The labels of a classified case: the right ones, those that were given, and the confidence in them."""

from eval.datasets import Case
from eval.metrics.metric import Scored
from eval.metrics.reading import items, listed, output_of
from eval.scorers.classification import INVALID

__all__ = [
    "NONE",
    "abstained",
    "classes_of",
    "confidence_of",
    "given_labels",
    "is_right",
    "is_several",
    "is_single",
    "offered",
    "right_labels",
]

NONE = "NONE"
"""The class of a case to which none of its labels applies."""


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


def classes_of(scored: Scored) -> tuple[str, str]:
    """Of a case with one label the right class and the given one. NONE is that of no label where none applies; INVALID
    that of a failure, of a label that wasn't offered, and of no label where one applies."""
    right = next(iter(listed(scored.case, "labels")), NONE)
    given = next(iter(given_labels(scored)), None)
    if given is None:
        return right, NONE if right == NONE and scored.output is not None else INVALID
    return right, given if given in offered(scored.case) else INVALID


def is_right(scored: Scored) -> bool:
    return frozenset(given_labels(scored)) == right_labels(scored.case)


def abstained(scored: Scored) -> bool:
    return bool(output_of(scored).get("abstained"))


def confidence_of(scored: Scored) -> float | None:
    """The confidence in the first label; None where none was measured, or no label was given."""
    first = next(items(output_of(scored), "labels"), {})
    confidence = first.get("confidence")
    return float(confidence) if isinstance(confidence, int | float) else None
