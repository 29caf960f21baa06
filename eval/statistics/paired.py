"""What a metric gives for two versions, case by case."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Literal, TypeAlias

from eval.statistics.resampled import Score, ratio

__all__ = ["Kind", "Paired", "Row", "Value", "averaged", "default_margin"]

Kind = Literal["binary", "continuous", "counts"]
Row: TypeAlias = tuple[float, ...]
Value: TypeAlias = float | Sequence[float] | None

_SMALL_SUITE = 200


@dataclass(frozen=True, slots=True)
class Paired:
    """A metric's values for the same cases in the same order.

    `kind`: `binary` has 0 and 1 (or booleans), `continuous` any numbers, whose mean is the metric, `counts` a row of
    numbers a case, of whose totals `score` makes the metric. None is a value that isn't defined; a pair with one is
    left out, and counted. Repeats are averaged before (`averaged`); binary values that are no longer 0 or 1 then are
    compared as continuous ones.

    `margin` is the loss that still counts as no worse, in the metric's unit, `default_margin` where None. `span` is the
    distance between the metric's worst and its best value: 1, or 100 for BLEU and chrF.

    Raises ValueError where the numbers of values differ, a value isn't finite or doesn't fit the kind, or a setting
    makes no sense.
    """

    name: str
    kind: Kind
    baseline: Sequence[Value]
    candidate: Sequence[Value]
    margin: float | None = None
    higher_is_better: bool = True
    span: float = 1.0
    score: Score | None = None
    rows: tuple[tuple[Row, Row], ...] = field(init=False, repr=False)
    """Both rows of each case where both are defined: its counts, or its value and 1."""

    def __post_init__(self) -> None:
        if len(self.baseline) != len(self.candidate):
            raise ValueError(f"{self.name}: {len(self.baseline)} values of the baseline, {len(self.candidate)} others")
        if (self.kind == "counts") != (self.score is not None):
            raise ValueError(f"{self.name}: counts need a score, and nothing else has one")
        if not (self.span > 0 and (self.margin is None or self.margin >= 0)):
            raise ValueError(f"{self.name}: the span must be above 0, and the margin at least 0")
        object.__setattr__(self, "rows", tuple(self._rows()))
        widths = {len(row) for rows in self.rows for row in rows}
        if len(widths) > 1 or not all(isfinite(value) for rows in self.rows for row in rows for value in row):
            raise ValueError(f"{self.name}: each value must be finite, and each case have as many as the others")

    @property
    def sign(self) -> int:
        return 1 if self.higher_is_better else -1

    @property
    def allowed_loss(self) -> float:
        """The margin, in the metric's unit."""
        return default_margin(len(self.baseline), self.span) if self.margin is None else self.margin

    @property
    def scored(self) -> Score:
        """What makes the metric from totals of the rows: the mean, where nothing else is given."""
        return self.score or ratio

    def _rows(self) -> Iterator[tuple[Row, Row]]:
        for before, now in zip(self.baseline, self.candidate, strict=True):
            if before is not None and now is not None:
                yield self._row(before), self._row(now)

    def _row(self, value: float | Sequence[float]) -> Row:
        if isinstance(value, Sequence) != (self.kind == "counts"):
            raise ValueError(f"{self.name}: {value!r} is no value of the kind {self.kind}")
        return tuple(map(float, value)) if isinstance(value, Sequence) else (float(value), 1.0)


def default_margin(cases: int, span: float = 1.0) -> float:
    """10 points of a hundred for suites under 200 cases, 5 from there on: with 40 cases an equal version seldom passes
    at 5 (docs/adr/0027-statistics.md)."""
    return span * (0.10 if cases < _SMALL_SUITE else 0.05)


def averaged(repeats: Sequence[Value]) -> Value:
    """One value for a case that was run several times: the mean of those that are defined, None where none is. Rows are
    averaged count by count. Raises ValueError where rows differ in length."""
    defined = [value for value in repeats if value is not None]
    if not defined:
        return None
    rows = [tuple(value) if isinstance(value, Sequence) else (value,) for value in defined]
    means = tuple(sum(column) / len(rows) for column in zip(*rows, strict=True))
    return means if isinstance(defined[0], Sequence) else means[0]
