"""Two renders of one golden case: in two columns where the terminal is wide enough, one above the other else."""

import re
import sys
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from chains.prompts.comparison.changes import CaseComparison

__all__ = ["columns_fit", "print_case", "print_columns"]

_NARROWEST = 100
_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
_ALIKE = 0.4
_REMOVED, _ADDED = "red", "green"

Row = tuple[Text | None, Text | None]


def columns_fit() -> bool:
    """Whether standard output is a terminal on which two texts can stand beside each other."""
    return sys.stdout.isatty() and Console().width >= _NARROWEST


def print_case(case: "CaseComparison", before: str, after: str) -> None:
    """Show a case of which both versions have messages: all of them, and what differs in colour or by a sign."""
    rows = list(_rows(case.before or (), case.after or ()))
    print(f"\ncase {case.name!r}")
    if columns_fit():
        print_columns([before, after], rows)
        return
    console = Console(highlight=False)
    for side, version, sign in ((0, before, "-"), (1, after, "+")):
        console.print(Text(version, style="bold"))
        for row in rows:
            line = row[side]
            if line is not None:
                mark = " " if str(row[0]) == str(row[1]) else sign
                console.print(Text.assemble(mark, " ", line), soft_wrap=True)


def print_columns(titles: list[str], rows: list[Row]) -> None:
    """Rows of two texts under two titles, over the whole width of the terminal."""
    shown = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False, header_style="bold")
    for title in titles:
        shown.add_column(Text(title), ratio=1, overflow="fold")
    for left, right in rows:
        shown.add_row(left or Text(), right or Text())
    Console(highlight=False).print(shown)


def _rows(before: tuple[tuple[str, str], ...], after: tuple[tuple[str, str], ...]) -> Iterator[Row]:
    for old, new in zip_longest(before, after):
        yield tuple(None if m is None else Text(f"{m[0]}:", style="dim") for m in (old, new))  # type: ignore[misc]
        yield from _lines(old[1].split("\n") if old else [], new[1].split("\n") if new else [])


def _lines(old: list[str], new: list[str]) -> Iterator[Row]:
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            yield from ((Text(line), Text(line)) for line in old[a:b])
            continue
        for left, right in zip_longest(old[a:b], new[c:d]):
            yield _pair(left, right)


def _pair(left: str | None, right: str | None) -> Row:
    """Two lines of which one replaced the other; where they are alike, only the words that differ stand out."""
    if left is None or right is None:
        return (
            None if left is None else Text(left, style=_REMOVED),
            None if right is None else Text(right, style=_ADDED),
        )
    old, new = _WORDS.findall(left), _WORDS.findall(right)
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return Text(left, style=_REMOVED), Text(right, style=_ADDED)
    texts = Text(), Text()
    for kind, a, b, c, d in matcher.get_opcodes():
        texts[0].append("".join(old[a:b]), "" if kind == "equal" else f"bold {_REMOVED}")
        texts[1].append("".join(new[c:d]), "" if kind == "equal" else f"bold {_ADDED}")
    return texts
