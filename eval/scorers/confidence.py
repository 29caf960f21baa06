"""What stated confidences are worth: Brier score, expected calibration error, and what abstaining buys."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Literal

__all__ = ["RiskPoint", "area_under_risk", "brier", "calibration_error", "risk_curve"]


def brier(confidences: Sequence[float], right: Sequence[bool]) -> float:
    """The mean squared difference between the confidence in the given answer and its being right (1) or wrong (0):
    from 0, the best, to 1 (Brier 1950). Raises ValueError where the lengths differ, there is no case, or a confidence
    lies outside 0 to 1."""
    _check(confidences, right)
    return sum((sure - hit) ** 2 for sure, hit in zip(confidences, right, strict=True)) / len(right)


def calibration_error(
    confidences: Sequence[float],
    right: Sequence[bool],
    *,
    bins: int = 10,
    binning: Literal["equal_width", "equal_mass"] = "equal_mass",
) -> float:
    """ECE: the mean distance between confidence and accuracy over bins, weighted by their cases (Naeini et al. 2015,
    Guo et al. 2017); from 0, the best, to 1.

    `equal_width` divides 0 to 1 into bins that include their upper ends, as in Guo et al.; `equal_mass` divides the
    sorted cases into bins of as many cases each, give or take one, and is the steadier one for few cases; equal
    confidences are ordered by their outcome there, so that the order of the cases doesn't matter. Raises what `brier`
    raises, and ValueError for fewer than one bin.
    """
    _check(confidences, right)
    if bins < 1:
        raise ValueError(f"bins must be at least 1, not {bins}")
    cases = sorted(zip(confidences, map(bool, right), strict=True))
    count = len(cases)
    if binning == "equal_width":
        binned = [list(group) for _, group in groupby(cases, key=lambda case: _bin_of(case[0], bins))]
    else:
        edges = [count * number // bins for number in range(bins + 1)]
        binned = [cases[start:end] for start, end in pairwise(edges) if end > start]
    return sum(abs(sum(sure for sure, _ in one) - sum(hit for _, hit in one)) for one in binned) / count


@dataclass(frozen=True, slots=True)
class RiskPoint:
    """What answering only from a confidence of `threshold` on gives: `coverage` is the share of cases that are
    answered, `risk` the share of wrong ones among these."""

    threshold: float
    coverage: float
    risk: float


def risk_curve(confidences: Sequence[float], right: Sequence[bool]) -> list[RiskPoint]:
    """A point for each confidence that occurs, from the highest to the lowest, at which all is answered (El-Yaniv and
    Wiener 2010). Raises what `brier` raises."""
    _check(confidences, right)
    cases = sorted(zip(confidences, map(bool, right), strict=True), key=lambda case: -case[0])
    points: list[RiskPoint] = []
    answered = wrong = 0
    for threshold, group in groupby(cases, key=lambda case: case[0]):
        hits = [hit for _, hit in group]
        answered += len(hits)
        wrong += len(hits) - sum(hits)
        points.append(RiskPoint(threshold, answered / len(cases), wrong / answered))
    return points


def area_under_risk(points: Sequence[RiskPoint]) -> float:
    """The mean risk over all coverages, each point's risk standing for the coverage that it adds (AURC, Geifman and
    El-Yaniv 2017): the error rate itself where confidences tell nothing, less where they do. 0 without points."""
    covered = pairwise([0.0, *(point.coverage for point in points)])
    return sum(point.risk * (after - before) for point, (before, after) in zip(points, covered, strict=True))


def _bin_of(confidence: float, bins: int) -> int:
    """The number of the bin, whose upper end belongs to it."""
    number = int(confidence * bins)
    return max(0, number - (confidence * bins == number))


def _check(confidences: Sequence[float], right: Sequence[bool]) -> None:
    if len(confidences) != len(right) or not right:
        raise ValueError(f"Give as many confidences as outcomes, and at least one: {len(confidences)}, {len(right)}")
    if not all(0.0 <= confidence <= 1.0 for confidence in confidences):
        raise ValueError("A confidence lies outside 0 to 1")
