"""Whether a summary keeps its length and states only what its source does."""

from dataclasses import dataclass

from chains.text import count_words
from eval.scorers.preservation import FIGURES, NAMES, held_each, length_ratio

__all__ = ["Compliance", "compliance"]


@dataclass(frozen=True, slots=True)
class Compliance:
    """`within_length` is whether the summary has at most as many words as allowed, None where any number is.
    `figure_precision` and `name_precision` are the shares of its distinct numbers and dates, and of its names, that
    the source has: from 0 to 1, None where it states none. `compression` is its words by the source's."""

    within_length: bool | None
    figure_precision: float | None
    name_precision: float | None
    compression: float | None


def compliance(source: str, summary: str, max_words: int | None) -> Compliance:
    """Words are counted as in UAX #29. An empty summary is within any length, and states nothing."""
    figures, names = held_each(summary, source, FIGURES, NAMES)
    return Compliance(
        within_length=None if max_words is None else count_words(summary) <= max_words,
        figure_precision=figures.share,
        name_precision=names.share,
        compression=length_ratio(source, summary),
    )
