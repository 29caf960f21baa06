"""What a metric is: its name, what its values mean, and how one case and many cases are scored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from eval.datasets import Case

__all__ = ["Kind", "Metric", "Scored", "Value"]

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


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of one or several tasks.

    name              as suites name it: `length_compliance`
    title             as reports show it, with its range: `Length kept`
    kind              what `score` gives: 0 or 1, a number, or counts
    score             one case's value; a failed case (no output) has the worst one, it is never left out
    aggregate         of COUNTS: from the sums of the counts to the metric; of the other kinds the mean is taken
    best              the best and the worst value that it can have
    description       one sentence for reports: what is counted
    """

    name: str
    title: str
    kind: Kind
    score: Callable[[Scored], Value]
    description: str
    aggregate: Callable[[Sequence[float]], float] | None = None
    best: float = 1.0
    worst: float = 0.0
    tasks: Sequence[str] = field(default=())

    @property
    def higher_is_better(self) -> bool:
        return self.best > self.worst
