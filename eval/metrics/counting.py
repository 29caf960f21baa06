"""Counts of a case whose sums give a ratio, and the ratios."""

from collections.abc import Sequence

__all__ = ["f1", "mean_distance", "rate", "share_or_one"]


def f1(sums: Sequence[float]) -> float:
    """From (hits, expected, given) to 2 hits / (expected + given): 1 where nothing was expected and nothing given."""
    hits, wanted, given = sums
    return 2 * hits / (wanted + given) if wanted + given else 1.0


def rate(sums: Sequence[float]) -> float:
    """From (some, of) to their ratio; 0 where there were none."""
    some, of = sums
    return some / of if of else 0.0


def mean_distance(sums: Sequence[float]) -> float:
    """From how many cases there are, and the sum of differences of each bin, to the mean distance over all bins."""
    count, *differences = sums
    return sum(map(abs, differences)) / count if count else 0.0


def share_or_one(sums: Sequence[float]) -> float:
    """From (hits, of) to their ratio; 1 where there were none: nothing is wrong, nothing is missing."""
    return rate(sums) if sums[1] else 1.0
