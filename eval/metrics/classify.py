"""Labels: whether they are right, over cases and by label, and what the stated confidence is worth."""

from eval.datasets import Case
from eval.metrics.counting import f1, mean_distance, rate
from eval.metrics.label_counts import macro_f1, macro_f1_counts, mcc, mcc_counts
from eval.metrics.labels import abstained, confidence_of, given_labels, is_right, is_several, is_single, right_labels
from eval.metrics.metric import Kind, Metric, Scored, Value
from eval.metrics.reading import guarded

__all__ = ["BINS", "CLASSIFY"]

BINS = 10
"""Of the expected calibration error: bins of equal width, so that their sums can be added up."""


def _label_counts(scored: Scored) -> Value:
    right, given = right_labels(scored.case), frozenset(given_labels(scored))
    return float(len(right & given)), float(len(right)), float(len(given))


def _failed_counts(case: Case) -> Value:
    """A failure misses all that is right, and counts as naming as many wrong ones, at least one."""
    count = float(len(right_labels(case)))
    return 0.0, count, max(count, 1.0)


def _brier(scored: Scored) -> Value:
    confidence = confidence_of(scored)
    return None if confidence is None else (confidence - is_right(scored)) ** 2


def _bin(scored: Scored) -> Value:
    confidence = confidence_of(scored)
    return None if confidence is None else _in_bin(confidence, is_right(scored))


def _in_bin(confidence: float, right: bool) -> Value:
    """One case, then for each bin the confidence less 1 if it was right. The upper end of a bin belongs to it."""
    number = max(0, int(confidence * BINS) - (confidence * BINS == int(confidence * BINS)))
    return 1.0, *(confidence - right if place == number else 0.0 for place in range(BINS))


def _risk(scored: Scored) -> Value:
    answered = not abstained(scored)
    return float(answered and not is_right(scored)), float(answered)


def _may_abstain(case: Case) -> bool:
    return is_single(case) and case.input.params.get("abstain_below") is not None


CLASSIFY: tuple[Metric, ...] = (
    Metric(
        name="accuracy",
        title="Accuracy, 0 or 1",
        kind=Kind.BINARY,
        score=guarded(is_right, applies=is_single),
        description="Of cases with one label, whether it is the right one, or none where none applies.",
    ),
    Metric(
        name="exact_match",
        title="Exact match, 0 or 1",
        kind=Kind.BINARY,
        score=guarded(is_right, applies=is_several),
        description="Of cases with several labels, whether all right ones were given and no other.",
    ),
    Metric(
        name="micro_f1",
        title="Micro F1, 0 to 1",
        kind=Kind.COUNTS,
        score=guarded(_label_counts, _failed_counts, applies=is_several),
        aggregate=f1,
        description="Of cases with several labels, F1 over all pairs of a case and a label.",
    ),
    Metric(
        name="macro_f1",
        title="Macro F1, 0 to 1",
        kind=Kind.COUNTS,
        score=lambda scored: macro_f1_counts([scored.case])(scored),
        prepare=macro_f1_counts,
        aggregate=macro_f1,
        description="The mean over the labels that are right for some case of each one's F1.",
    ),
    Metric(
        name="mcc",
        title="MCC, -1 to 1",
        kind=Kind.COUNTS,
        score=lambda scored: mcc_counts([scored.case])(scored),
        prepare=mcc_counts,
        aggregate=mcc,
        description="Of cases with one label, Matthews' correlation of right and given (Gorodkin 2004); 0 is chance.",
        worst=-1.0,
    ),
    Metric(
        name="brier",
        title="Brier score, 0 to 1, low",
        kind=Kind.CONTINUOUS,
        score=guarded(_brier, 1.0, applies=is_single),
        description="The squared difference between the confidence in the label and its being right.",
        best=0.0,
        worst=1.0,
    ),
    Metric(
        name="calibration_error",
        title="Calibration error (ECE), 0 to 1, low",
        kind=Kind.COUNTS,
        score=guarded(_bin, lambda _: _in_bin(1.0, False), applies=is_single),
        aggregate=mean_distance,
        description="The mean distance between confidence and accuracy over ten bins of equal width.",
        best=0.0,
        worst=1.0,
    ),
    Metric(
        name="coverage",
        title="Answered in spite of abstain_below, 0 or 1",
        kind=Kind.BINARY,
        score=guarded(lambda scored: not abstained(scored), applies=_may_abstain),
        description="Of cases with abstain_below, whether a label was given.",
    ),
    Metric(
        name="risk",
        title="Wrong among the answered, 0 to 1, low",
        kind=Kind.COUNTS,
        score=guarded(_risk, lambda _: (1.0, 1.0), applies=_may_abstain),
        aggregate=rate,
        description="Of the cases with abstain_below that got a label, the share of wrong ones.",
        best=0.0,
        worst=1.0,
    ),
)
