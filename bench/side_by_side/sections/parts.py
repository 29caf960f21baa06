"""Sections of several parts: what one of them needs and doesn't have is no reason to leave out the others."""

from collections.abc import Iterable

from bench.side_by_side.bench import Bench
from bench.side_by_side.results import Row
from bench.side_by_side.subjects.subject import MissingSubject

__all__ = ["as_far_as_possible"]


def as_far_as_possible(bench: Bench, part: str, rows: Iterable[Row]) -> list[Row]:
    """Up to where it can't be measured any further, if that happens; the part is then told to be missing."""
    found: list[Row] = []
    try:
        found.extend(rows)
    except MissingSubject as error:
        bench.lacks(part, str(error))
    return found
