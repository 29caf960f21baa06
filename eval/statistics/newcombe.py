"""The interval of a difference of two proportions that were measured on the same cases."""

from dataclasses import dataclass
from math import sqrt

from eval.statistics.interval import TAIL, Interval
from eval.statistics.wilson import wilson

__all__ = ["Table", "newcombe"]


@dataclass(frozen=True, slots=True)
class Table:
    """Cases by outcome: `both` right, `lost` (right before, wrong now), `gained` (the reverse), `neither`."""

    both: int
    lost: int
    gained: int
    neither: int

    @property
    def cases(self) -> int:
        return self.both + self.lost + self.gained + self.neither

    @property
    def difference(self) -> float:
        """The candidate's rate less the baseline's. Raises ZeroDivisionError without cases."""
        return (self.gained - self.lost) / self.cases


def newcombe(table: Table, tail: float = TAIL) -> Interval:
    """Method 10 of Newcombe (1998, Statistics in Medicine 17:2635): Wilson's intervals of both rates, squared and
    added, with their correlation corrected for continuity. `tail` is the error at each end. Needs a case."""
    now, before = table.both + table.gained, table.both + table.lost
    rate, other = now / table.cases, before / table.cases
    low, high = wilson(now, table.cases, tail)
    other_low, other_high = wilson(before, table.cases, tail)
    phi = _phi(table)
    down = _reach(rate - low, other_high - other, phi)
    up = _reach(high - rate, other - other_low, phi)
    return Interval(max(-1.0, table.difference - down), min(1.0, table.difference + up))


def _phi(table: Table) -> float:
    """The correlation of the outcomes, half a case nearer to none; 0 where one of them is the same in every case."""
    agreement = float(table.both * table.neither - table.lost * table.gained)
    if agreement > 0:
        agreement = max(0.0, agreement - table.cases / 2)
    now, before = table.both + table.gained, table.both + table.lost
    product = now * (table.cases - now) * before * (table.cases - before)
    return agreement / sqrt(product) if product else 0.0


def _reach(one: float, other: float, phi: float) -> float:
    return sqrt(max(0.0, one * one - 2 * phi * one * other + other * other))
