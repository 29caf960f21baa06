"""An interval for few changes: where hardly a case differs, the cases alone make the spread look too small."""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from eval.statistics.interval import TAIL, Interval

__all__ = ["Spread", "adjusted"]


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and standard deviation of the differences and of the two that were added, and how many these are."""

    mean: float
    deviation: float
    count: int

    @classmethod
    def of(cls, total: float, squares: float, cases: int, size: float) -> "Spread":
        """From the sum of the differences and that of their squares; plus and minus `size` are added."""
        count = cases + 2
        mean = total / count
        return cls(mean, sqrt(max(0.0, (squares + 2 * size * size) / count - mean * mean)), count)


def adjusted(spread: Spread, tail: float = TAIL) -> Interval:
    """The adjusted Wald interval of Bonett and Price (2012, Statistical Methods in Medical Research 21:479): one case
    more with a loss, and one more with a gain. They have it for differences of -1, 0 and 1 (`size` 1); here it is for
    any. `tail` is the error at each end."""
    reach = NormalDist().inv_cdf(1 - tail) * spread.deviation / sqrt(spread.count)
    return Interval(spread.mean - reach, spread.mean + reach)
