"""What every section is given: how long to measure, which subjects there are, and where to put files."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bench.side_by_side.results import Section
from bench.side_by_side.subjects.subject import Subject

__all__ = ["Bench", "Measure"]

Named = TypeVar("Named")


@dataclass(frozen=True)
class Bench:
    """`rounds` of `seconds` each; `seconds` are half a load's in a quick run.

    A subject in `missing` (name to reason) is in `subjects` no more. `folder` is for files of the run, and is removed
    after it. A section that loses a subject on the way writes the reason into `missing` itself.
    """

    quick: bool
    rounds: int
    seconds: float
    subjects: Mapping[str, Subject]
    folder: Path
    missing: dict[str, str] = field(default_factory=dict)

    def taking_turns(self, named: Sequence[Named]) -> Iterator[tuple[int, Named]]:
        """Each of them once a round, in an order that differs: what slows the machine for a while slows none alone."""
        order = random.Random(8)
        for number in range(self.rounds):
            for each in order.sample(named, len(named)):
                yield number, each


Measure = Callable[[Bench], Section]
"""A section: measured when called."""
