"""The bootstrap interval BCa (Efron 1987): cases are drawn with replacement, the metric is computed again.

Repeats of a case are averaged before, so that what is drawn is the case with all its repeats: its cluster.
"""

from collections.abc import Iterator
from statistics import NormalDist
from typing import TYPE_CHECKING

from eval.scorers.extra import library
from eval.statistics.interval import TAIL, Interval

if TYPE_CHECKING:
    from eval.statistics.interval import Floats
    from eval.statistics.resampled import Counted

__all__ = ["bca"]

_RESAMPLES = 5_000
_AT_ONCE = 2_000_000
_SEED = 1987


def bca(sample: "Counted", tail: float = TAIL, resamples: int = _RESAMPLES) -> Interval | None:
    """Bias-corrected and accelerated; None where it isn't defined: no case differs from another, or so few do that no
    resample lies on one side of the estimate. `tail` is the error at each end. The same cases give the same interval,
    in whatever order they come. Raises ConfigurationError without the extra."""
    numpy = library("numpy")
    influence = sample.values - sample.values.mean()
    squares = float((influence**2).sum())
    if squares < 1e-18 * max(1.0, float((sample.values**2).sum())):
        return None
    drawn = numpy.sort(numpy.concatenate(list(_drawn(sample, resamples))))
    bias = _bias(drawn, sample.difference)
    acceleration = float((influence**3).sum()) / (6 * squares**1.5)
    if bias is None:
        return None
    levels = [_level(z, bias, acceleration) for z in (-_z(tail), _z(tail))]
    if None in levels:
        return None
    lower, upper = (float(numpy.quantile(drawn, level)) for level in levels)
    return Interval(lower, upper)


def _drawn(sample: "Counted", resamples: int) -> "Iterator[Floats]":
    """The difference in each resample, in blocks that fit into memory. A resample is a weight for each case, so that
    totals are a product of matrices; whole weights and counts below 2^24 are exact in single precision."""
    numpy = library("numpy")
    chance = numpy.random.default_rng(_SEED)
    cases, counts = sample.baseline.shape
    rows = numpy.hstack([sample.baseline, sample.candidate]).astype(numpy.float32)
    block = max(1, _AT_ONCE // cases)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        places = chance.integers(0, cases, (size, cases)) + numpy.arange(size)[:, None] * cases
        weights = numpy.bincount(places.ravel(), minlength=size * cases).reshape(size, cases)
        totals = (weights.astype(numpy.float32) @ rows).astype(float)
        yield sample.differences(totals[:, :counts], totals[:, counts:])


def _bias(drawn: "Floats", estimate: float) -> float | None:
    """The normal quantile of the share of resamples below the estimate, equal ones counting half."""
    slack = 1e-6 * max(1.0, abs(estimate))
    below = float((drawn < estimate - slack).mean())
    share = below + float((abs(drawn - estimate) <= slack).mean()) / 2
    return NormalDist().inv_cdf(share) if 0 < share < 1 else None


def _level(z: float, bias: float, acceleration: float) -> float | None:
    scale = 1 - acceleration * (bias + z)
    return NormalDist().cdf(bias + (bias + z) / scale) if scale > 0 else None


def _z(tail: float) -> float:
    return NormalDist().inv_cdf(1 - tail)
