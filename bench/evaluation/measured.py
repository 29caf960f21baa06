"""What was measured, as JSON for a program that can't measure itself: a large process changes its children's memory."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.evaluation.spending import Spent

__all__ = ["TO_DATABASE", "TO_FILE", "Measured", "read", "write"]

TO_DATABASE, TO_FILE = "promptfoo", "promptfoo, to a file"
"""Ways of promptfoo, by where it keeps its results: as it does by default, and as Copydesk does."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One way of evaluating so many cases of a task, one Spent for each round."""

    task: str
    cases: int
    way: str
    rounds: list[Spent]


def write(path: Path, measured: Sequence[Measured]) -> None:
    path.write_text(json.dumps([asdict(each) for each in measured]), encoding="utf-8")


def read(path: Path) -> list[Measured]:
    """Raises OSError, ValueError, KeyError, TypeError where the file wasn't written by `write`."""
    found = json.loads(path.read_text(encoding="utf-8"))
    return [Measured(**{**each, "rounds": [Spent(**spent) for spent in each["rounds"]]}) for each in found]
