"""How far a judge can be trusted: its agreement with people, and how often the order of the answers decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from eval.judging.pair import JudgedPair, Preference
from eval.scorers.extra import library

__all__ = ["FEWEST_LABELS", "LEAST_KAPPA", "Calibration", "calibrated", "cohen_kappa", "flip_rate"]

LEAST_KAPPA = 0.6
"""From here on agreement is called substantial (Landis and Koch 1977); below it a judge decides nothing."""

FEWEST_LABELS = 30
"""Fewer pairs that people labelled say too little of a judge."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Of one judge over `labels` pairs that people labelled, of which it could judge `judged`.

    `kappa` is Cohen's over win, tie and loss, None where it isn't defined: no pair was judged, or the judge and the
    people have one answer for all. `flips` is the share of pairs whose order decided, None where none was judged.
    """

    labels: int
    judged: int
    kappa: float | None
    flips: float | None

    @property
    def can_gate(self) -> bool:
        return self.judged >= FEWEST_LABELS and self.kappa is not None and self.kappa >= LEAST_KAPPA

    def text(self) -> str:
        """As it stands beside every score of the judge."""
        kappa = "not defined" if self.kappa is None else f"{self.kappa:.2f}"
        flips = "not known" if self.flips is None else f"{self.flips:.0%}"
        told = f"agreement with people: kappa {kappa} over {self.judged} of {self.labels} labelled pairs; flips {flips}"
        if self.can_gate:
            return told
        if self.judged < FEWEST_LABELS:
            return f"{told}; decides nothing: fewer than {FEWEST_LABELS} labelled pairs"
        return f"{told}; decides nothing: kappa must be {LEAST_KAPPA:g} or more"


def calibrated(judged: Sequence[JudgedPair], labels: Mapping[str, Preference]) -> Calibration:
    """`labels` are people's, by the pair's id. Raises ValueError for a pair without a label, ConfigurationError without
    the extra."""
    unlabelled = [pair.id for pair in judged if pair.id not in labels]
    if unlabelled:
        raise ValueError(f"The pair {unlabelled[0]!r} has no label")
    said = [(labels[pair.id], pair.preference) for pair in judged if pair.preference is not None]
    people, judge = [label for label, _ in said], [preference for _, preference in said]
    return Calibration(len(labels), len(said), cohen_kappa(people, judge), flip_rate(judged))


def cohen_kappa(one: Sequence[Preference], other: Sequence[Preference]) -> float | None:
    """Agreement beyond chance (Cohen 1960), by scikit-learn: 1 where all agree, 0 as chance has it, below 0 for less.
    None where chance alone agrees always, or there is nothing."""
    names = [[preference.value for preference in side] for side in (one, other)]
    if not one or len({*names[0], *names[1]}) < 2:
        return None
    kappa = float(library("sklearn.metrics").cohen_kappa_score(*names))
    return kappa if isfinite(kappa) else None


def flip_rate(judged: Sequence[JudgedPair]) -> float | None:
    """The share of pairs for which the order of the answers decided; None where no pair was judged twice. What the
    judge wasn't asked for doesn't count."""
    flips = [pair.is_flipped for pair in judged if pair.is_asked and pair.is_flipped is not None]
    return sum(flips) / len(flips) if flips else None
