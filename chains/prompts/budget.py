"""What one render may spend, and what the text of a value would cost."""

from collections.abc import Iterator
from typing import Any

from jinja2 import Undefined

__all__ = ["BUDGET", "Budget", "LimitExceeded", "bounded_number", "text_size"]

_MOST_ITERATIONS = 10_000
_MOST_CHARACTERS = 16 << 20
_LARGEST_NUMBER = 1 << 63
_NUMBER_SIZE = 24
_PUNCTUATION = 4

BUDGET = "__budget"
"""The name under which the render's budget travels in the context; authors can't write it."""


class LimitExceeded(Exception):
    """A render ran into one of its bounds."""


class Budget:
    """What one render may still spend."""

    __slots__ = ("characters", "iterations")

    def __init__(self) -> None:
        self.iterations = _MOST_ITERATIONS
        self.characters = _MOST_CHARACTERS

    def iterate(self) -> None:
        self.iterations -= 1
        if self.iterations < 0:
            raise LimitExceeded(f"the loops, includes and filters took more than {_MOST_ITERATIONS} steps in all")

    def produce(self, size: int) -> None:
        """Account for a text or a list of this size before it is made."""
        self.characters -= size
        if self.characters < 0:
            raise LimitExceeded(f"more than {_MOST_CHARACTERS} characters were produced")

    def spend_as(self, other: "Budget") -> bool:
        """Spend what another render has spent; False, and nothing is spent, where that is more than there is."""
        iterations = self.iterations + other.iterations - _MOST_ITERATIONS
        characters = self.characters + other.characters - _MOST_CHARACTERS
        if iterations < 0 or characters < 0:
            return False
        self.iterations, self.characters = iterations, characters
        return True

    def read(self, value: Any) -> None:
        """Account for a search or a copy that goes through a value: reading a text is cheap, but not free."""
        if isinstance(value, str):
            self.produce(len(value) >> 4)
        elif isinstance(value, (list, tuple)):
            self.produce(len(value))


def bounded_number(value: Any) -> Any:
    """The value, unless it is a whole number whose arithmetic could take long."""
    if isinstance(value, int) and abs(value) > _LARGEST_NUMBER:
        raise LimitExceeded("a number became too large")
    return value


def text_size(value: Any, indent: int = 0) -> int:
    """The characters that a value takes as text or as JSON, found without writing it; rather too many than too few.

    Raises LimitExceeded for what has no text: a method, or the result of a filter that isn't a list yet.
    """
    if isinstance(value, str):
        return len(value)
    characters, values, depth = _measured(value, {})
    return characters + values * indent * depth


def _measured(value: Any, known: dict[int, tuple[int, int, int]]) -> tuple[int, int, int]:
    """Characters, values and depth. What stands in several places is measured once: it can grow exponentially."""
    if isinstance(value, str):
        return len(value) + _PUNCTUATION, 1, 0
    if not isinstance(value, (list, tuple, dict)):
        return _scalar_size(value), 1, 0
    if id(value) not in known:
        parts = [*value, *value.values()] if isinstance(value, dict) else value
        characters, values, depth = _PUNCTUATION, 1, 0
        for part in parts:
            more, inner, below = _measured(part, known)
            characters, values, depth = characters + more, values + inner, max(depth, below)
        known[id(value)] = characters, values, depth + 1
    return known[id(value)]


def _scalar_size(value: Any) -> int:
    if isinstance(value, int):
        return _NUMBER_SIZE + value.bit_length() // 3
    if isinstance(value, Undefined):
        return len(str(value))  # mostly raises; within a list, Python would write it as a word
    if callable(value) or isinstance(value, Iterator):
        hint = "write | list or | join after a filter, and () after a method"
        raise LimitExceeded(f"a {type(value).__name__} is no text; {hint}")
    return _NUMBER_SIZE
