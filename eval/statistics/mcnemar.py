"""Whether more cases were lost than chance explains (McNemar 1947, exact)."""

from eval.scorers.extra import library

__all__ = ["mcnemar"]


def mcnemar(lost: int, gained: int) -> float:
    """The one-sided p-value: the probability of `lost` cases or more among those that changed, if losing and gaining
    were equally likely; 1 where none changed. Raises ConfigurationError without the extra."""
    if not lost + gained:
        return 1.0
    return float(library("scipy.stats").binomtest(lost, lost + gained, 0.5, alternative="greater").pvalue)
