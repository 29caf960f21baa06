"""Whether Copydesk stands worse beside the others than it did in the stored run. Ratios are compared, never times."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.side_by_side.results import Row, Run

__all__ = ["gone", "notes", "worse"]

_US = "copydesk"
_MORE_IS_BETTER, _LESS_IS_BETTER = ("rate", "goodput"), ("p50", "CPU", "first token", "memory")
_LEAST = 1.25
"""A smaller change of a ratio is never told: two runs on one idle machine differ by as much."""
_FEWEST = 2
"""Rounds of a figure that is compared: one alone doesn't tell how much it varies."""


def worse(run: Run, stored: Run) -> list[str]:
    """A line for each ratio that has become worse by more than the rounds of both runs vary, and for each aim that was
    met and is missed now."""
    ratios = (pair.change() for pair in _pairs(run, stored) if pair.comparable()) if run.quick == stored.quick else ()
    return [*(line for line in ratios if line), *_missed_now(run, stored)]


def gone(run: Run, stored: Run, *, keys: Sequence[str], subjects: Sequence[str] = ()) -> list[str]:
    """What the stored run has and this one lacks, of the sections that were asked for, and of the subjects where these
    were named: sections, subjects of a section, and single figures."""
    ours = {section.key: {(row.subject, row.case, row.metric) for row in section.rows} for section in run.sections}
    lines = []
    for section in stored.sections:
        if section.key not in keys:
            continue
        if section.key not in ours:
            lines.append(f"the section {section.key} is in the stored run, and not in this one")
        elif run.quick == stored.quick:
            rows = [row for row in section.rows if not subjects or row.subject in subjects]
            lines += _rows_gone(section.key, rows, ours[section.key])
    return lines


def notes(run: Run, stored: Run) -> Iterator[str]:
    """Why the two runs can't be compared, or not in everything."""
    ours, theirs = run.machine, stored.machine
    if (ours.processor, ours.cores) != (theirs.processor, theirs.cores):
        yield (
            f"the stored run is of another machine ({theirs.processor}, {theirs.cores} cores; here {ours.processor}, "
            f"{ours.cores} cores): ratios may differ for that alone"
        )
    if run.quick != stored.quick:
        now, then = ("quick" if each.quick else "whole" for each in (run, stored))
        yield f"ratios aren't compared: this run is a {now} one, and the stored a {then} one"
        return
    few = Counter(pair.ours.section for pair in _pairs(run, stored) if not pair.comparable())
    for key, count in few.items():
        yield f"{key}: ratios that aren't compared, because a figure has fewer than {_FEWEST} rounds: {count}"


@dataclass(frozen=True)
class _Pair:
    """A figure of ours and a peer's, now and in the stored run."""

    ours: Row
    theirs: Row
    ours_then: Row
    theirs_then: Row

    def comparable(self) -> bool:
        return all(len(row.rounds) >= _FEWEST for row in self._rows())

    def change(self) -> str | None:
        """A line, where it is for the worse."""
        now, then = _ratio(self.ours, self.theirs), _ratio(self.ours_then, self.theirs_then)
        if now is None or then is None:
            return None
        metric = self.ours.metric
        change = then / now if metric in _MORE_IS_BETTER else now / then
        if change <= max(_LEAST, math.exp(math.sqrt(sum(_spread(row) ** 2 for row in self._rows())))):
            return None
        return (
            f"{self.ours.section}, {self.ours.case}: copydesk's {metric} is {now:.3g} times that of "
            f"{self.theirs.subject}; it was {then:.3g} times in the stored run"
        )

    def _rows(self) -> tuple[Row, ...]:
        return self.ours, self.theirs, self.ours_then, self.theirs_then


def _pairs(run: Run, stored: Run) -> Iterator[_Pair]:
    """Of each metric that is judged, beside each peer. Copydesk in another setting is none."""
    now, then = ({(*_place(row), row.subject): row for row in each.rows()} for each in (run, stored))
    for theirs in now.values():
        subject = theirs.subject
        if subject.startswith(_US) or theirs.metric not in _MORE_IS_BETTER + _LESS_IS_BETTER:
            continue
        ours, ours_then = (each.get((*_place(theirs), _US)) for each in (now, then))
        theirs_then = then.get((*_place(theirs), subject))
        if ours and ours_then and theirs_then:
            yield _Pair(ours, theirs, ours_then, theirs_then)


def _missed_now(run: Run, stored: Run) -> Iterator[str]:
    met = {(section.key, aim.text) for section in stored.sections for aim in section.aims if aim.met}
    for section in run.sections:
        for aim in section.aims:
            if aim.state == "missed" and (section.key, aim.text) in met:
                yield (
                    f"{section.key}: the aim '{aim.text}' was met in the stored run, and is missed now: "
                    f"{aim.measured}, bound {aim.bound}"
                )


def _rows_gone(key: str, stored: Sequence[Row], ours: set[tuple[str, str, str]]) -> Iterator[str]:
    there = {subject for subject, _, _ in ours}
    for subject in dict.fromkeys(row.subject for row in stored):
        if subject not in there:
            yield f"{key}: {subject} is in the stored run, and not in this one"
    for row in stored:
        if row.subject in there and (row.subject, row.case, row.metric) not in ours:
            yield f"{key}, {row.case}: {row.subject} has no {row.metric}, which the stored run has"


def _place(row: Row) -> tuple[str, str, str]:
    return row.section, row.case, row.metric


def _ratio(ours: Row, theirs: Row) -> float | None:
    return ours.median / theirs.median if ours.median > 0 and theirs.median > 0 else None


def _spread(row: Row) -> float:
    """Half of what the rounds are apart, as a logarithm: of independent factors these add up in squares."""
    return math.log(row.high / row.low) / 2 if row.low > 0 else 0.0
