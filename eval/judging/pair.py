"""Two answers to the same request, and which of them is preferred."""

from dataclasses import dataclass
from enum import Enum

__all__ = ["JudgedPair", "Pair", "Preference"]


class Preference(str, Enum):
    """Which of the two answers is better."""

    BASELINE = "baseline"
    CANDIDATE = "candidate"
    TIE = "tie"


@dataclass(frozen=True, slots=True)
class Pair:
    """`request` is what was asked, `text` what it was about, `criterion` by what the answers are to be judged."""

    id: str
    request: str
    text: str
    criterion: str
    baseline: str
    candidate: str


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """What the judge said with the baseline first, and with the candidate first; None where that was of no use.
    Not `is_asked`: what is better was plain without a judge, in any order."""

    id: str
    baseline_first: Preference | None
    candidate_first: Preference | None
    is_asked: bool = True

    @property
    def is_flipped(self) -> bool | None:
        """Whether it changed its mind with the order; None where one of its answers was of no use."""
        if self.baseline_first is None or self.candidate_first is None:
            return None
        return self.baseline_first is not self.candidate_first

    @property
    def preference(self) -> Preference | None:
        """A flip is a tie; None where one of its answers was of no use."""
        return Preference.TIE if self.is_flipped else self.baseline_first if self.is_flipped is False else None

    @property
    def score(self) -> float | None:
        """The candidate's: 1 for a win, 0.5 for a tie, 0 for a loss."""
        scores = {Preference.CANDIDATE: 1.0, Preference.TIE: 0.5, Preference.BASELINE: 0.0}
        return None if self.preference is None else scores[self.preference]
