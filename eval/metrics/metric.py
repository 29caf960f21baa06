"""What a metric is: its name, what its values mean, and how one case and many cases are scored."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from eval.datasets import Case

__all__ = ["Kind", "Metric", "Scored", "Scorer", "Value"]

Value = float | tuple[float, ...] | None
"""One case's value: a number, or counts, or None where the metric isn't defined for the case."""


class Kind(str, Enum):
    """How a metric's values are compared: yes or no, a number, or counts that are added up before a ratio is taken, as
    for F1."""

    BINARY = "binary"
    CONTINUOUS = "continuous"
    COUNTS = "counts"


@dataclass(frozen=True, slots=True)
class Scored:
    """What a scorer sees of one case: the task's output as JSON, or None where it failed with the code `error`;
    `examples` are the texts of the prompt's few-shot pairs and other fixed texts."""

    case: Case
    output: Mapping[str, Any] | None
    error: str | None = None
    examples: Sequence[str] = ()


Scorer = Callable[[Scored], Value]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of one or several tasks.

    name              as suites name it: `length_compliance`
    title             as reports show it, with its range: `Length kept`
    kind              what `score` gives: 0 or 1, a number, or counts
    score             one case's value; a failed case (no output) has the worst one, it is never left out
    aggregate         of COUNTS: from the sums of the counts to the metric; of the other kinds the mean is taken
    best, worst       the best and the worst value that it can have
    description       one sentence for reports: what is counted
    tasks             those that it is for; empty: all
    prepare           of COUNTS whose places depend on the suite's cases, as one for each label: from these cases to
                      the scorer whose counts can be added up; `score` is then the same for one case by itself
    """

    name: str
    title: str
    kind: Kind
    score: Scorer
    description: str
    aggregate: Callable[[Sequence[float]], float] | None = None
    best: float = 1.0
    worst: float = 0.0
    tasks: Sequence[str] = field(default=())
    prepare: Callable[[Sequence[Case]], Scorer] | None = None

    @property
    def higher_is_better(self) -> bool:
        return self.best > self.worst

    def scorer(self, cases: Sequence[Case]) -> Scorer:
        """The scorer for the cases of one suite: all counts that it gives have the same length."""
        return self.score if self.prepare is None else self.prepare(cases)

    def over(self, values: Iterable[Value]) -> float | None:
        """The metric over many cases, or of one: the mean, or the ratio of the summed counts. Cases for which it isn't
        defined are left out; None where it is for none. Raises ValueError where counts differ in length."""
        defined = [value for value in values if value is not None]
        if not defined:
            return None
        counts = [value for value in defined if isinstance(value, tuple)]
        if not counts:
            return sum(value for value in defined if not isinstance(value, tuple)) / len(defined)
        if self.aggregate is None or len(counts) != len(defined):
            raise ValueError(f"{self.name}: counts, and nothing to take a ratio of them by")
        return float(self.aggregate([sum(column) for column in zip(*counts, strict=True)]))
