"""Scales of plots: round numbers between which the values lie."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Scale", "round_up", "spread"]


@dataclass(frozen=True, slots=True)
class Scale:
    """From `low` to `high`, drawn from `start` to `end` (pixels; the other way round where `end` is the lesser)."""

    low: float
    high: float
    start: float
    end: float
    step: float

    def __call__(self, value: float) -> float:
        """The place of a value, to a tenth of a pixel; of one beyond an end, that end."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self) -> list[float]:
        """The round numbers within."""
        first, last = math.ceil(self.low / self.step - 1e-9), math.floor(self.high / self.step + 1e-9)
        return [number * self.step for number in range(first, last + 1)]


def spread(values: list[float], start: float, end: float, steps: int = 4) -> Scale:
    """A scale on which the values lie, with some room at both ends; it doesn't go below zero unless a value does."""
    low, high = min(values), max(values)
    room = (high - low) * 0.12 or abs(high) * 0.1 or 1.0
    low, high = low - room if low < 0 else max(0.0, low - room), high + room
    return Scale(low, high, start, end, round_up((high - low) / steps))


def round_up(number: float, steps: Sequence[float] = (1, 2, 5, 10)) -> float:
    """The next of 1, 2, 5, 10, 20, 50 and so on, also of small numbers."""
    power = 10.0 ** math.floor(math.log10(number))
    return next(step * power for step in steps if step * power >= number * (1 - 1e-9))
