"""Labels against the right ones: accuracy, macro F1, MCC, the confusion matrix, and the same for several labels.

No label, or one that wasn't offered, is the class INVALID: always wrong, and visible.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from eval.scorers.extra import library

__all__ = ["INVALID", "LabelScores", "LabelSetScores", "label_scores", "label_set_scores"]

INVALID = "INVALID"


@dataclass(frozen=True, slots=True)
class LabelScores:
    """Accuracy and macro F1 from 0 to 1, MCC from -1 to 1; `confusion` counts pairs of the right and the given label.

    Macro F1 is the mean over the labels that are right for some case, 0 for one that was never given.
    MCC is Gorodkin's (2004) for many classes; 0 where one side knows a single class only.
    """

    accuracy: float
    macro_f1: float
    mcc: float
    invalid: int
    confusion: Mapping[tuple[str, str], int]


def label_scores(expected: Sequence[str], given: Sequence[str | None]) -> LabelScores:
    """Compare case by case; None is an answer that names none of the labels offered.

    Raises ValueError where the lengths differ or there is no case, ConfigurationError without the extra.
    """
    _check(expected, given)
    metrics = library("sklearn.metrics")
    right, named = list(expected), [INVALID if label is None else label for label in given]
    return LabelScores(
        accuracy=float(metrics.accuracy_score(right, named)),
        macro_f1=float(metrics.f1_score(right, named, labels=sorted(set(right)), average="macro", zero_division=0.0)),
        mcc=_mcc(right, named),
        invalid=sum(label is None for label in given),
        confusion=dict(sorted(Counter(zip(right, named, strict=True)).items())),
    )


@dataclass(frozen=True, slots=True)
class LabelSetScores:
    """Each from 0 to 1. `micro_f1` counts every pair of a case and a label, `macro_f1` is the mean over the labels that
    are right for some case, `exact_match` the share of cases whose labels are all right and complete."""

    micro_f1: float
    macro_f1: float
    exact_match: float


def label_set_scores(expected: Sequence[Collection[str]], given: Sequence[Collection[str]]) -> LabelSetScores:
    """Compare the labels of each case. A case without right labels is matched by one without given labels.

    Raises ValueError where the lengths differ or there is no case.
    """
    _check(expected, given)
    hits = Counter(label for right, named in _pairs(expected, given) for label in right & named)
    wanted, named = (Counter(label for labels in sets for label in set(labels)) for sets in (expected, given))
    f1s = [_f1(hits[label], wanted[label] + named[label]) for label in wanted]
    return LabelSetScores(
        micro_f1=_f1(hits.total(), wanted.total() + named.total()),
        macro_f1=sum(f1s) / len(f1s) if f1s else 0.0,
        exact_match=sum(right == named for right, named in _pairs(expected, given)) / len(expected),
    )


def _pairs(
    expected: Sequence[Collection[str]], given: Sequence[Collection[str]]
) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    return zip(map(frozenset, expected), map(frozenset, given), strict=True)


def _f1(hits: int, both: int) -> float:
    """From the labels that are right and given, and the number of right ones and given ones together; 0 where there
    are none."""
    return 2 * hits / both if both else 0.0


def _mcc(right: Sequence[str], named: Sequence[str]) -> float:
    if len(set(right)) < 2 or len(set(named)) < 2:
        return 0.0
    return float(library("sklearn.metrics").matthews_corrcoef(right, named))


def _check(expected: Sequence[object], given: Sequence[object]) -> None:
    if len(expected) != len(given) or not expected:
        raise ValueError(
            f"Give as many labels as cases, and at least one: {len(expected)} expected, {len(given)} given"
        )
