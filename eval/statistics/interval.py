"""Intervals: two ends, each with its own rate of error."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]

__all__ = ["TAIL", "Interval", "outermost"]

TAIL = 0.05
"""How often each end may lie on the wrong side of the truth: each is a one-sided bound of 95 %, and both together are
an interval of 90 %. A verdict looks at one end only. `tail=0.025` gives the usual interval of 95 %."""


class Interval(NamedTuple):
    """Both ends, in the unit of the metric."""

    lower: float
    upper: float


def outermost(intervals: Iterable[Interval]) -> Interval:
    """The lowest lower and the highest upper end: it covers whatever one of them covers. Raises ValueError for none."""
    found = list(intervals)
    return Interval(min(one.lower for one in found), max(one.upper for one in found))
