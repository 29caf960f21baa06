"""What one render may spend."""

__all__ = ["BUDGET", "Budget", "LimitExceeded"]

_MOST_ITERATIONS = 10_000
_MOST_CHARACTERS = 16 << 20

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
            raise LimitExceeded(f"the loops ran more than {_MOST_ITERATIONS} times in all")

    def produce(self, size: int) -> None:
        """Account for a text or a list of this size before it is made."""
        self.characters -= size
        if self.characters < 0:
            raise LimitExceeded(f"more than {_MOST_CHARACTERS} characters were produced")
