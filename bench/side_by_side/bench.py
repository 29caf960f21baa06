"""What every section is given: how long to measure, which subjects there are, and where to put files."""

import random
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from bench.side_by_side.results import UNKNOWN, Section
from bench.side_by_side.subjects.subject import MissingSubject, Subject

__all__ = ["Bench", "commit", "now"]

_HEAD, _CHANGED = ("rev-parse", "--short=12", "HEAD"), ("diff", "HEAD", "--name-only")

Named = TypeVar("Named")


@dataclass
class Bench:
    """`rounds` of `seconds` each, where a section has no reason for others; fewer and shorter ones in a `quick` run.

    `folder` is removed after the run. `missing` tells of each subject that isn't in `subjects` why (`lacks`).
    """

    quick: bool
    rounds: int
    seconds: float
    subjects: dict[str, Subject]
    folder: Path
    missing: dict[str, str] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    commit: str = UNKNOWN

    def taking_turns(self, named: Sequence[Named], rounds: int | None = None) -> Iterator[Named]:
        """Each of them once a round, in an order that differs: what slows the machine for a while slows none alone."""
        order = random.Random(8)
        for _ in range(rounds or self.rounds):
            yield from order.sample(named, len(named))

    def new_folder(self, name: str) -> Path:
        """An empty one of that subject."""
        number = 1
        while (folder := self.folder / f"{name}-{number}").exists():
            number += 1
        folder.mkdir(parents=True)
        return folder

    def lacks(self, name: str, reason: str) -> None:
        """That subject isn't measured (any more)."""
        self.missing[name] = reason
        self.tell(f"MISSING {name}: {reason}")

    def command(self, key: str) -> str:
        """What repeats a section alone."""
        return f'make bench ARGS="--only {key}{" --quick" if self.quick else ""}"'

    def tell(self, line: str) -> None:
        """How far it is, with the seconds since its start, on standard error."""
        print(f"{time.monotonic() - self.began:4.0f} s  {line}", file=sys.stderr, flush=True)

    def sections(self, keys: Sequence[str], measure: Callable[[str], Section]) -> tuple[list[Section], list[str]]:
        """Those that were measured, and the keys of those that failed as nobody expected.

        One that raises anything costs no other: a run takes minutes. It is told to be missing, and why.
        """
        found, failed = [], []
        for key in keys:
            self.tell(f"== {key}")
            try:
                found.append(measure(key).model_copy(update={"measured": now(), "commit": self.commit}))
            except MissingSubject as error:
                self.lacks(f"the section {key}", str(error))
            except Exception as error:
                traceback.print_exc()
                failed.append(key)
                self.lacks(f"the section {key}", f"it FAILED with {type(error).__name__}: {error}")
        return found, failed


def now() -> str:
    """In ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def commit(folder: Path) -> str:
    """The one that is checked out there, with `, changed` where tracked files differ from it; `unknown` without Git."""
    try:
        head, changed = (_git(folder, *words) for words in (_HEAD, _CHANGED))
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN
    return f"{head}, changed" if changed else head


def _git(folder: Path, *words: str) -> str:
    """What it prints. Raises OSError where it isn't installed, and CalledProcessError."""
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.strip()
