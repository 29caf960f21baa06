"""What a judge found, as a metric beside others, with how far it can be trusted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from eval.judging.calibration import Calibration, flip_rate
from eval.judging.pair import JudgedPair, Preference
from eval.statistics.paired import Paired

__all__ = ["JudgedScore", "judged_score", "paired_wins"]


@dataclass(frozen=True, slots=True)
class JudgedScore:
    """How many pairs the candidate won, tied and lost, how many had no usable answer, how often the order decided here,
    and what the judge's calibration was. `unasked` wins, ties and losses were plain without the judge."""

    wins: int
    ties: int
    losses: int
    unjudged: int
    flips: float | None
    calibration: Calibration
    unasked: int = 0

    @property
    def can_gate(self) -> bool:
        """Whether the judge may decide: otherwise its score is shown only."""
        return self.calibration.can_gate

    def text(self) -> str:
        """One line for reports: the score is never without the agreement."""
        return f"{self.counts()}; {self.calibration.text()}"

    def counts(self) -> str:
        """What was found, without the agreement that stands beside it."""
        flips = "not known" if self.flips is None else f"{self.flips:.0%}"
        told = f"{self.wins} wins, {self.ties} ties, {self.losses} losses"
        unjudged = f", {self.unjudged} without a usable answer" if self.unjudged else ""
        unasked = f", {self.unasked} of them plain without the judge" if self.unasked else ""
        asked = "of the pairs that it was asked for" if self.unasked else "of them"
        return f"{told}{unjudged}{unasked}; {flips} {asked} flipped with the order"


def judged_score(judged: Sequence[JudgedPair], calibration: Calibration) -> JudgedScore:
    found = Counter(pair.preference for pair in judged)
    return JudgedScore(
        found[Preference.CANDIDATE],
        found[Preference.TIE],
        found[Preference.BASELINE],
        found[None],
        flip_rate(judged),
        calibration,
        sum(not pair.is_asked for pair in judged),
    )


def paired_wins(name: str, judged: Sequence[JudgedPair], margin: float | None = None) -> Paired:
    """For the statistics: each pair has one point, a tie is half a point for each side. So the difference is wins less
    losses, over all pairs; and equal versions can be exchanged, as the test of sign flips wants it. Pairs without a
    usable answer are left out. Gate it only where `can_gate`."""
    scores = [pair.score for pair in judged]
    return Paired(
        name=name,
        kind="continuous",
        baseline=[None if score is None else 1 - score for score in scores],
        candidate=scores,
        margin=margin,
    )
