"""Macro F1 and MCC as counts that can be added up over cases: one place for each label that the suite's cases have."""

from collections.abc import Sequence
from math import sqrt

from eval.datasets import Case
from eval.metrics.labels import NONE, classes_of, given_labels, is_several, offered, right_labels
from eval.metrics.metric import Scored, Scorer, Value
from eval.scorers.classification import INVALID

__all__ = ["macro_f1", "macro_f1_counts", "mcc", "mcc_counts"]


def macro_f1_counts(cases: Sequence[Case]) -> Scorer:
    """Counts in four parts: of each label that is right for some case the hits, how often it is right and how often it
    was given, one after the other; at last how many others were given. A failed case hits nothing, and counts as if
    the wrong labels had been given: all that were offered, but for the right ones."""
    labels = sorted(frozenset().union(*map(right_labels, cases))) if cases else []

    def score(scored: Scored) -> Value:
        right = right_labels(scored.case)
        given = (
            frozenset(given_labels(scored)) if scored.output is not None else frozenset(offered(scored.case)) - right
        )
        return (
            *(float(label in right and label in given) for label in labels),
            *(float(label in right) for label in labels),
            *(float(label in given) for label in labels),
            float(len(given - frozenset(labels))),
        )

    return score


def macro_f1(sums: Sequence[float]) -> float:
    """The mean F1 of the labels that are right for some of the cases; where none is for any, 1 if none was given."""
    count = len(sums) // 3
    hits, right, given = sums[:count], sums[count : 2 * count], sums[2 * count : 3 * count]
    f1s = [2 * h / (r + g) for h, r, g in zip(hits, right, given, strict=True) if r]
    return sum(f1s) / len(f1s) if f1s else float(not sum(given) and not sums[-1])


def mcc_counts(cases: Sequence[Case]) -> Scorer:
    """Of cases with one label: whether it is right, then one place for each class that is right, then one for each that
    was given. Where no label was given, or one that wasn't offered, or the case failed, the class is INVALID."""
    single = [case for case in cases if not is_several(case)]
    classes = [*sorted({label for case in single for label in (*offered(case), *right_labels(case))}), NONE, INVALID]
    places = {name: place for place, name in enumerate(classes)}

    def score(scored: Scored) -> Value:
        if is_several(scored.case):
            return None
        right, given = classes_of(scored)
        counts = [0.0] * (1 + 2 * len(classes))
        counts[0] = float(right == given)
        counts[1 + places[right]] = 1.0
        counts[1 + len(classes) + places[given]] = 1.0
        return tuple(counts)

    return score


def mcc(sums: Sequence[float]) -> float:
    """Matthews' correlation for many classes (Gorodkin 2004), from -1 to 1; 0 where one side knows one class only."""
    classes = (len(sums) - 1) // 2
    hits, right, given = sums[0], sums[1 : 1 + classes], sums[1 + classes :]
    count = sum(right)
    above = hits * count - sum(r * g for r, g in zip(right, given, strict=True))
    below = (count**2 - sum(r * r for r in right)) * (count**2 - sum(g * g for g in given))
    return above / sqrt(below) if below > 1e-9 else 0.0
