"""Scorers that several metrics of one case ask for: each is computed once, as long as it is among the last some
thousands. Texts are the keys, so an unchanged answer of another version costs nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from eval.scorers.compliance import Compliance, compliance
from eval.scorers.preservation import FIGURES, NAMES, Held, held_of_all
from eval.scorers.rouge import Overlap, rouge

__all__ = ["complied", "kept", "overlap"]

_SIZE = 4096


@dataclass(frozen=True, slots=True)
class Kept:
    """`figures` are numbers and dates."""

    figures: Held
    names: Held


@lru_cache(_SIZE)
def overlap(output: str, references: tuple[str, ...]) -> Mapping[str, Overlap]:
    """ROUGE-1, -2 and -Lsum: one call costs milliseconds."""
    return rouge(output, references)


@lru_cache(_SIZE)
def complied(source: str, summary: str) -> Compliance:
    return compliance(source, summary, None)


@lru_cache(_SIZE)
def kept(output: str, references: tuple[str, ...]) -> Kept:
    """What all references state, and how much of it the output does."""
    return Kept(*held_of_all(references, output, FIGURES, NAMES))
