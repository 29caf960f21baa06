"""The difference of two versions in one metric, with its interval and its test."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from eval.scorers.extra import library
from eval.statistics.adjusted import Spread, adjusted
from eval.statistics.bootstrap import bca
from eval.statistics.interval import TAIL, Interval, outermost
from eval.statistics.mcnemar import mcnemar
from eval.statistics.newcombe import Table, newcombe
from eval.statistics.paired import Paired, Row
from eval.statistics.permutation import flip
from eval.statistics.power import detectable_difference, detectable_loss
from eval.statistics.resampled import Counted, counted

__all__ = ["FEWEST", "Estimate", "estimate"]

FEWEST = 30
"""Below so many cases nothing is concluded; and where fewer cases than this changed, the interval counts two more."""

_BOOTSTRAP_FROM = 50


@dataclass(frozen=True, slots=True)
class Estimate:
    """`difference` and `interval` are turned so that above zero is better; `baseline` and `candidate` are as measured.
    `p_value` is one-sided: how likely so low a difference is between equal versions. `deviation` is that of the cases'
    differences, `changing` the share of cases that changed (binary metrics only)."""

    cases: int
    baseline: float
    candidate: float
    difference: float
    interval: Interval
    p_value: float
    deviation: float
    changing: float | None
    method: str

    def detectable(self, level: float) -> float | None:
        """The smallest loss that a test at `level` finds on so many cases with 80 % probability; None where none is."""
        if self.changing is not None:
            return detectable_loss(self.cases, self.changing, level)
        return detectable_difference(self.cases, self.deviation, level)


def estimate(paired: Paired, tail: float = TAIL) -> Estimate | None:
    """None where no pair is defined. `tail` is the error at each end. Raises ConfigurationError without the extra."""
    if not paired.rows:
        return None
    if paired.kind == "binary" and all(row[0] in (0.0, 1.0) for rows in paired.rows for row in rows):
        return _binary(paired.rows, paired.sign, tail)
    # The products are of long and narrow matrices: threads would only wait for one another.
    with library("threadpoolctl").threadpool_limits(1, "blas"):
        return _counted(paired.rows, paired, tail)


def _binary(rows: Sequence[tuple[Row, Row]], sign: int, tail: float) -> Estimate:
    """McNemar's test, and Newcombe's interval; where few cases change, and all one way, that is too short, and the
    adjusted one is not."""
    table = _table([(before[0], now[0]) for before, now in rows], sign)
    changed = table.lost + table.gained
    spread = Spread.of(table.gained - table.lost, changed, table.cases, 1.0)
    interval = outermost([newcombe(table, tail), _within(adjusted(spread, tail), 1.0, table.difference)])
    return Estimate(
        table.cases,
        sum(before[0] for before, _ in rows) / table.cases,
        sum(now[0] for _, now in rows) / table.cases,
        table.difference,
        interval,
        mcnemar(table.lost, table.gained),
        spread.deviation,
        changed / table.cases,
        "McNemar exact; Newcombe 10, Bonett-Price",
    )


def _table(pairs: Sequence[tuple[float, float]], sign: int) -> Table:
    lost, gained = ((1.0, 0.0), (0.0, 1.0))[::sign]
    both, neither = ((1.0, 1.0), (0.0, 0.0))[::sign]
    return Table(*(pairs.count(outcome) for outcome in (both, lost, gained, neither)))


def _counted(rows: Sequence[tuple[Row, Row]], paired: Paired, tail: float) -> Estimate:
    """The test of sign flips and its interval; from 50 cases on the outermost of this and BCa, because either alone is
    too short for some: BCa where few cases change in both directions, sign flips where they change in one."""
    sample = counted([before for before, _ in rows], [now for _, now in rows], paired.scored, paired.sign)
    span = max(paired.span, abs(sample.difference))
    flipped, few = flip(sample), _few_changes(sample, span)
    intervals = {"sign flips": flipped.interval(tail) or Interval(-span, span)}
    if sample.cases >= _BOOTSTRAP_FROM and (bootstrapped := bca(sample, tail)):
        intervals["BCa"] = bootstrapped
    if few:
        intervals["Bonett-Price"] = adjusted(few, tail)
    return Estimate(
        sample.cases,
        float(paired.scored(sample.baseline.sum(0))),
        float(paired.scored(sample.candidate.sum(0))),
        sample.difference,
        _within(outermost(intervals.values()), span, sample.difference),
        flipped.p_value,
        few.deviation if few else float(sample.values.std(ddof=1)),
        None,
        f"permutation; {', '.join(intervals)}",
    )


def _few_changes(sample: Counted, span: float) -> Spread | None:
    """None where enough cases changed, and not all by as much. What is added is as large as what changed, in the root
    of the mean square (so it is 1 for right and wrong), or the whole span where nothing tells."""
    values, changed = sample.values, sample.changed
    alike = float(values.std()) < 1e-9 * span
    if changed.sum() >= FEWEST and not alike:
        return None
    size = span if alike else sqrt(float((values[changed] ** 2).mean()))
    return Spread.of(float(values.sum()), float((values**2).sum()), sample.cases, size)


def _within(interval: Interval, span: float, difference: float) -> Interval:
    """The interval, within what is possible, and with the difference itself in it."""
    return Interval(
        min(difference, max(-span, interval.lower)),
        max(difference, min(span, interval.upper)),
    )
