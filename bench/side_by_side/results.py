"""What a run measured: rows, aims, and where they come from. Kept as JSON; the page and the guard read it."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["NOT_MEASURED", "UNKNOWN", "Aim", "Machine", "Row", "Run", "Section", "row"]

NOT_MEASURED = "not measured"
"""What an aim says in place of a figure where there is none."""
UNKNOWN = "unknown"
"""A commit where there is none: outside of a repository."""
_MOST_MINUTES = {False: 20, True: 4}
"""By whether a run is quick: what `make bench` promises."""


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Machine(_Stored):
    """Where a run was made. `load` is the mean number of runnable processes in the minute before it."""

    processor: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    load: float


class Row(_Stored):
    """One metric of one subject in one case. `median`, `low` and `high` are those of `rounds`, one figure a round."""

    section: str
    subject: str
    case: str
    metric: str
    unit: str
    median: float
    low: float
    high: float
    rounds: list[float]


def row(section: str, subject: str, case: str, metric: str, unit: str, rounds: Sequence[float]) -> Row:
    """A row of what the rounds measured. Raises ValueError where there is none."""
    if not rounds:
        raise ValueError(f"{subject}, {case}: no round measured {metric}")
    return Row(
        section=section,
        subject=subject,
        case=case,
        metric=metric,
        unit=unit,
        median=statistics.median(rounds),
        low=min(rounds),
        high=max(rounds),
        rounds=list(rounds),
    )


class Aim(_Stored):
    """A promise and what came of it. `bound` and `measured` say it with units.

    `metric` says which figures it is about. `binding` is false for an aim that is hoped for.
    """

    text: str
    metric: str
    bound: str
    measured: str
    met: bool
    binding: bool = True

    @property
    def state(self) -> str:
        """`met`, `missed`, or `not measured` where the run has no figure to judge it by."""
        return "met" if self.met else NOT_MEASURED if self.measured == NOT_MEASURED else "missed"


class Section(_Stored):
    """One part of the page. `method` and `notes` are Markdown; `command` repeats the section alone.

    `measured` is when it ended, in ISO 8601, UTC, and `commit` what was measured: a section may be newer than the run
    that it is stored in.
    """

    key: str
    title: str
    method: str
    command: str
    rows: list[Row]
    aims: list[Aim] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    measured: str = ""
    commit: str = UNKNOWN


class Run(_Stored):
    """A whole run. `missing` tells of each peer that wasn't measured why; `started` is in ISO 8601, UTC.

    `commit` is the project's, in Git; `unknown` where there is none.
    """

    machine: Machine
    versions: dict[str, str]
    missing: dict[str, str]
    started: str
    seconds: float
    quick: bool
    sections: list[Section]
    commit: str = UNKNOWN

    def overtime(self) -> str | None:
        """A warning where the run took longer than it is meant to, with the installing of peers."""
        most = _MOST_MINUTES[self.quick]
        if self.seconds <= most * 60:
            return None
        return f"the run took {self.seconds / 60:.1f} minutes, and is meant to take {most} at most"

    def rows(self) -> Iterable[Row]:
        return (each for section in self.sections for each in section.rows)

    def unexplained(self, reasons: Mapping[str, str]) -> list[str]:
        """The texts of aims that are missed, and that no reason is given for."""
        aims = (aim for section in self.sections for aim in section.aims)
        return [aim.text for aim in aims if aim.state == "missed" and aim.text not in reasons]

    def renewed(self, other: "Run") -> "Run":
        """This run with the other's sections in place of its own, or after them."""
        newer = {section.key: section for section in other.sections}
        kept = [newer.pop(section.key, section) for section in self.sections]
        versions = {**self.versions, **other.versions}
        there = {*other.versions, *(f"the section {section.key}" for section in other.sections)}
        missing = {name: why for name, why in self.missing.items() if name not in there} | other.missing
        return self.model_copy(update={"versions": versions, "missing": missing, "sections": [*kept, *newer.values()]})

    def lacking(self, keys: Iterable[str]) -> "Run":
        """This run, with those of the sections among what is missing that it neither has nor tells of."""
        there = {section.key for section in self.sections}
        absent = {f"the section {key}": "it wasn't measured" for key in keys if key not in there}
        return self.model_copy(update={"missing": absent | self.missing})

    def write(self, path: Path) -> None:
        """Raises OSError."""
        path.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Run":
        """Raises OSError, or ValidationError (a ValueError) where the file is none of a run."""
        return cls.model_validate_json(path.read_text(encoding="utf-8"))
