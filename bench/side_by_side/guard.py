"""Whether Copydesk stands worse beside the others than it did in the stored run. Ratios are compared, never times."""

import math
from collections.abc import Iterator

from bench.side_by_side.results import Row, Run

__all__ = ["other_machine", "worse"]

_US = "copydesk"
_MORE_IS_BETTER, _LESS_IS_BETTER = ("rate", "goodput"), ("p50", "CPU", "first token", "memory")
_LEAST = 1.25
"""A smaller change of a ratio is never told: two runs on one idle machine differ by as much."""


def worse(run: Run, stored: Run) -> list[str]:
    """A line for each ratio that has become worse by more than the rounds of both runs vary."""
    return [line for row in run.rows() if row.subject == _US for line in _worse(row, run, stored)]


def other_machine(run: Run, stored: Run) -> str | None:
    """None where both runs are of one machine, as far as it can be told: ratios of another one may differ for that."""
    ours, theirs = run.machine, stored.machine
    if (ours.processor, ours.cores) == (theirs.processor, theirs.cores):
        return None
    return (
        f"the stored run is of another machine ({theirs.processor}, {theirs.cores} cores; here {ours.processor}, "
        f"{ours.cores} cores): ratios may differ for that alone"
    )


def _worse(ours: Row, run: Run, stored: Run) -> Iterator[str]:
    if ours.metric not in _MORE_IS_BETTER + _LESS_IS_BETTER:
        return
    for theirs in run.rows():
        if theirs.subject == _US or _place(theirs) != _place(ours):
            continue
        before = _pair(stored, ours, theirs.subject)
        if before is None:
            continue
        now, then = _ratio(ours, theirs), _ratio(*before)
        if now is None or then is None:
            continue
        change = then / now if ours.metric in _MORE_IS_BETTER else now / then
        noise = math.exp(math.sqrt(sum(_spread(row) ** 2 for row in (ours, theirs, *before))))
        if change > max(_LEAST, noise):
            yield (
                f"{ours.section}, {ours.case}: copydesk's {ours.metric} is {now:.3g} times that of {theirs.subject}; "
                f"it was {then:.3g} times in the stored run"
            )


def _place(row: Row) -> tuple[str, str, str]:
    return row.section, row.case, row.metric


def _pair(run: Run, ours: Row, peer: str) -> tuple[Row, Row] | None:
    """The same two rows of another run."""
    there = {row.subject: row for row in run.rows() if _place(row) == _place(ours)}
    return (there[_US], there[peer]) if _US in there and peer in there else None


def _ratio(ours: Row, theirs: Row) -> float | None:
    return ours.median / theirs.median if ours.median > 0 and theirs.median > 0 else None


def _spread(row: Row) -> float:
    """Half of what the rounds are apart, as a logarithm: of independent factors these add up in squares."""
    return math.log(row.high / row.low) / 2 if row.low > 0 else 0.0
