"""Metrics that are computed from totals over all cases (F1, precision): what one case gives is a row of counts."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from eval.scorers.extra import library

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from eval.statistics.interval import Floats

__all__ = ["Counted", "Score", "counted", "label_counts", "macro_f1", "micro_f1", "ratio"]

Score = Callable[["Floats"], "Floats"]
"""From totals of the shape (..., counts) to values of the shape (...). It sees many resamples at once."""


def ratio(totals: "Floats") -> "Floats":
    """Of (some, all): a mean where each case gives its value and 1, a precision where it gives (right, named). 0 where
    there is nothing."""
    return _divided(totals[..., 0], totals[..., 1])


def micro_f1(totals: "Floats") -> "Floats":
    """Of (hits, named, expected); 0 where nothing was named and nothing expected."""
    return _divided(2 * totals[..., 0], totals[..., 1] + totals[..., 2])


def macro_f1(totals: "Floats") -> "Floats":
    """Of (hits, named, expected) for each label, as `label_counts` gives them: the mean F1 over the labels that are
    right for some case; 0 where there are none."""
    by_label = totals.reshape(*totals.shape[:-1], -1, 3)
    there = by_label[..., 2] > 0
    return _divided((micro_f1(by_label) * there).sum(-1), there.sum(-1))


def label_counts(expected: Collection[str], given: Collection[str], labels: Sequence[str]) -> tuple[float, ...]:
    """What one case gives to `macro_f1`: three numbers for each of `labels`. Labels outside these don't count."""
    pairs = [(label in expected, label in given) for label in labels]
    return tuple(float(number) for right, named in pairs for number in (right and named, named, right))


@dataclass(frozen=True, slots=True)
class Counted:
    """Both sides' rows, of the shape (cases, counts), in an order of their own, so that the order of the cases doesn't
    matter. `sign` is -1 for a metric that is better the lower it is."""

    baseline: "Floats"
    candidate: "Floats"
    score: Score
    sign: int
    values: "Floats" = field(init=False)
    """What each case contributes to the difference, of the shape (cases,): its influence (jackknife) and the difference
    itself, which is their mean. For a mean these are the cases' own differences."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", self._values())

    @property
    def cases(self) -> int:
        return len(self.baseline)

    @property
    def changed(self) -> "NDArray[np.bool_]":
        """Which cases' two rows differ, of the shape (cases,)."""
        differs: NDArray[np.bool_] = (self.baseline != self.candidate).any(1)
        return differs

    @property
    def difference(self) -> float:
        return float(self.differences(self.baseline.sum(0), self.candidate.sum(0)))

    def differences(self, baseline: "Floats", candidate: "Floats") -> "Floats":
        """From totals of both sides, of the shape (..., counts), above zero is better."""
        return self.sign * (self.score(candidate) - self.score(baseline))

    def _values(self) -> "Floats":
        whole = self.difference
        if self.cases < 2:
            alone: Floats = library("numpy").full(self.cases, whole)
            return alone
        # Each case left out once.
        without = self.differences(self.baseline.sum(0) - self.baseline, self.candidate.sum(0) - self.candidate)
        values: Floats = whole + (self.cases - 1) * (without.mean() - without)
        return values


def counted(
    baseline: Sequence[Sequence[float]], candidate: Sequence[Sequence[float]], score: Score, sign: int = 1
) -> Counted:
    """From at least one row a case, as long for one case as for another. Raises ValueError where the rows are ragged,
    ConfigurationError without the extra."""
    numpy = library("numpy")
    both = [numpy.asarray(rows, dtype=float) for rows in (baseline, candidate)]
    order = numpy.lexsort(numpy.hstack(both).T)
    return Counted(both[0][order], both[1][order], score, sign)


def _divided(some: "Floats", of: "Floats") -> "Floats":
    numpy = library("numpy")
    result: Floats = numpy.divide(some, of, out=numpy.zeros(numpy.shape(of)), where=of != 0)
    return result
