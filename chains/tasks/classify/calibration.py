"""From evidence for labels to confidences that mean something.

Evidence of a label is how much likelier its name became as the answer by the text, as a logarithm. The constants were
fitted on cases that no reported figure is made of: docs/adr/0013-classify.md says how, and on which.
"""

import math
from collections.abc import Sequence

__all__ = ["APPLIES", "evidence", "of_each", "of_one"]

PRIOR_WEIGHT = 0.75
_TEMPERATURE = 2.0
_SLOPE, _OFFSET = 0.252, -2.45

APPLIES = 0.12
"""The confidence from which one of several labels is given: confidences that are right are seldom large where there
are many labels. It gave the best F1 on the cases of the fit."""


def evidence(likelihoods: Sequence[float], priors: Sequence[float]) -> list[float]:
    """What speaks for each label: its log-likelihood after the text, less a share of that after texts that say nothing.

    Less than the whole, because a label of many tokens has a smaller likelihood everywhere: so its length counts too.
    """
    return [likelihood - PRIOR_WEIGHT * prior for likelihood, prior in zip(likelihoods, priors, strict=True)]


def of_one(found: Sequence[float]) -> list[float]:
    """The confidences of labels of which one is right: softmax(evidence / T).

    The same temperature was the best for 2 labels as for 30: softmax itself knows how many there are.
    """
    best = max(found)
    weights = [math.exp((one - best) / _TEMPERATURE) for one in found]
    whole = math.fsum(weights)
    return [weight / whole for weight in weights]


def of_each(found: Sequence[float]) -> list[float]:
    """The confidences of labels of which each may be right or not: sigmoid(a evidence + b)."""
    return [_sigmoid(_SLOPE * one + _OFFSET) for one in found]


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value >= 0 else math.exp(value) / (1 + math.exp(value))
