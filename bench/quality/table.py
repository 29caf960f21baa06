"""Results as a Markdown table for people and as JSON for programs, with what is needed to repeat the run."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["Figure", "Record", "Row", "as_markdown", "machine", "write_json"]

Figure = float | int | str | None
"""A measured value; None where it isn't defined."""


@dataclass(frozen=True, slots=True)
class Row:
    """One way of doing one set of cases. All rows of a set stand in one table; `figures` are its columns."""

    dataset: str
    way: str
    cases: int
    figures: Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class Record:
    """What was run where. `command` repeats the run; `seconds` is its whole wall time."""

    task: str
    model: str
    machine: str
    seed: int
    command: str
    seconds: float
    rows: Sequence[Row]
    when: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


def machine() -> str:
    """The processor's name where the system tells it, and how many cores there are."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        name = names[0] if names else name
    return f"{name}, {os.cpu_count()} cores"


def as_markdown(record: Record) -> str:
    """A heading, what was run where, and one table for each set of cases, with a column for each figure."""
    lines = [
        f"## {record.task}",
        "",
        f"`{record.command}` on {record.model}, {record.machine}, {record.seconds:.0f} s",
    ]
    for dataset in dict.fromkeys(row.dataset for row in record.rows):
        rows = [row for row in record.rows if row.dataset == dataset]
        columns = list(dict.fromkeys(name for row in rows for name in row.figures))
        lines += ["", f"### {dataset}, {rows[0].cases} cases", "", _line(["way", *columns])]
        lines.append(_line(["---"] * (len(columns) + 1)))
        lines += [_line([row.way, *(_shown(row.figures.get(name)) for name in columns)]) for row in rows]
    return "\n".join(lines) + "\n"


def write_json(records: Sequence[Record], path: Path) -> None:
    """Raises OSError."""
    found = [asdict(record) for record in records]
    path.write_text(json.dumps(found, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _shown(figure: Figure) -> str:
    if figure is None:
        return "-"
    return f"{figure:.3f}".rstrip("0").rstrip(".") if isinstance(figure, float) else str(figure)
