"""Lines that look as if they were to open a role, but don't."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["NearMiss", "near_misses"]

_NEARLY = re.compile(r"[ \t]*(?P<role>system|user|assistant)[ \t]*:[ \t]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NearMiss:
    """Such a line, counted from 1, with the column at which its word begins, and the role that was probably meant."""

    line: int
    column: int
    text: str
    role: str


def near_misses(text: str) -> Iterator[NearMiss]:
    """`Assistant:`, `user: ` and the like, each alone on its line."""
    for number, line in enumerate(text.split("\n"), 1):
        found = _NEARLY.fullmatch(line)
        if found is not None and line != f"{(role := found['role'].lower())}:":
            yield NearMiss(number, found.start("role") + 1, line, role)
