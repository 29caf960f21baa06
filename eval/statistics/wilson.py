"""The interval of a single rate (Wilson 1927)."""

from math import sqrt
from statistics import NormalDist

from eval.statistics.interval import TAIL, Interval

__all__ = ["wilson"]


def wilson(hits: int, cases: int, tail: float = TAIL) -> Interval:
    """Wilson's score interval, without continuity correction, of `hits` among `cases`; 0 to 1 without cases.

    `tail` is the error at each end. Raises ValueError where there are more hits than cases or fewer than 0.
    """
    if not 0 <= hits <= cases:
        raise ValueError(f"There can't be {hits} hits among {cases} cases")
    if not cases:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf(1 - tail)
    rate, spread = hits / cases, z * z / cases
    middle = (rate + spread / 2) / (1 + spread)
    reach = sqrt(rate * (1 - rate) * spread + spread * spread / 4) / (1 + spread)
    return Interval(0.0 if hits == 0 else middle - reach, 1.0 if hits == cases else middle + reach)
