"""What so many cases can tell, and how many would tell it: with a probability of 80 % where nothing else is said."""

from math import ceil, sqrt
from statistics import NormalDist

from eval.scorers.extra import library
from eval.statistics.interval import TAIL

__all__ = ["POWER", "cases_for", "detectable_difference", "detectable_loss", "mcnemar_power"]

POWER = 0.8
_STEPS = 30


def mcnemar_power(cases: int, lost: float, gained: float, level: float = TAIL) -> float:
    """How often the exact one-sided McNemar test finds a loss at `level`, where the shares `lost` and `gained` of all
    cases change. Raises ValueError where they aren't shares, ConfigurationError without the extra."""
    if not (lost >= 0 and gained >= 0 and lost + gained <= 1):
        raise ValueError(f"lost and gained must be shares of all cases, not {lost:g} and {gained:g}")
    if not lost + gained:
        return 0.0
    numpy, binom = library("numpy"), library("scipy.stats").binom
    expected = cases * (lost + gained)
    reach = 10 + 8 * sqrt(expected)
    changed = numpy.arange(max(1, int(expected - reach)), min(cases, int(expected + reach)) + 1)
    enough = binom.isf(level, changed, 0.5) + 1  # the fewest lost ones with a p-value of at most the level
    found = binom.sf(enough - 1, changed, lost / (lost + gained))
    return float((binom.pmf(changed, cases, lost + gained) * found).sum())


def detectable_loss(cases: int, changing: float, level: float = TAIL, power: float = POWER) -> float | None:
    """The smallest net loss, as a share of all cases, that McNemar's test finds with `power` where the share `changing`
    of the cases changes (more where the loss itself is more than that). None where no loss is found so often."""
    if mcnemar_power(cases, 1.0, 0.0, level) < power:
        return None
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        loss = (low + high) / 2
        share = max(changing, loss)
        found = mcnemar_power(cases, (share + loss) / 2, (share - loss) / 2, level)
        low, high = (low, loss) if found >= power else (loss, high)
    return high


def detectable_difference(cases: int, deviation: float, level: float = TAIL, power: float = POWER) -> float:
    """The smallest loss in the mean that is found with `power` where differences have this standard deviation, by the
    normal approximation. Raises ZeroDivisionError without cases."""
    return _reach(level, power) * deviation / sqrt(cases)


def cases_for(
    difference: float,
    margin: float,
    deviation: float,
    level: float = TAIL,
    power: float = POWER,
    *,
    loss_level: float | None = None,
) -> int | None:
    """How many cases would settle it with `power`, were the true difference as measured: tell that it is above
    `-margin`, or that it is below 0, whichever needs fewer. A loss is told at `loss_level` where one is given: that of
    a correction for several tests. None where no number would: no difference, no margin."""
    wanted = [(difference + margin, level), (-difference, level if loss_level is None else loss_level)]
    needed = [ceil((_reach(at, power) * deviation / distance) ** 2) for distance, at in wanted if distance > 0]
    return max(1, min(needed)) if needed else None


def _reach(level: float, power: float) -> float:
    return NormalDist().inv_cdf(1 - level) + NormalDist().inv_cdf(power)
