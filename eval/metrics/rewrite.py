"""Rewritings: closeness to the references, what is kept of the source, whether anything was done at all."""

from eval.datasets import Case
from eval.metrics.metric import Kind, Metric, Scored, Value
from eval.metrics.reading import expects, guarded, listed, references_of, source_of, written
from eval.metrics.texts import FACTS_STATED, FORBIDDEN_ABSENT, LANGUAGE_KEPT, NAMES_KEPT, NEGATION_KEPT, NUMBERS_KEPT
from eval.scorers.bleu import bleu
from eval.scorers.chrf import chrf
from eval.scorers.preservation import is_copy, length_ratio
from eval.scorers.sari import sari

__all__ = ["REWRITE"]


def _chrf(scored: Scored) -> Value:
    return min(1.0, chrf(written(scored), references_of(scored)) / 100)


def _bleu(scored: Scored) -> Value:
    return min(1.0, bleu(written(scored), references_of(scored)) / 100)


def _sari(scored: Scored) -> Value:
    return sari(source_of(scored), written(scored), references_of(scored)).score / 100


def _is_to_change(case: Case) -> bool:
    """Whether no reference is the source itself."""
    return not any(is_copy(case.input.text, reference) for reference in listed(case, "references"))


def _length(scored: Scored) -> Value:
    ratios = [length_ratio(reference, written(scored)) for reference in references_of(scored)]
    return max((min(ratio, 1 / ratio) if ratio else 0.0 for ratio in ratios if ratio is not None), default=None)


REWRITE: tuple[Metric, ...] = (
    Metric(
        name="chrf",
        title="chrF, 0 to 1",
        kind=Kind.CONTINUOUS,
        score=guarded(_chrf, applies=expects("references")),
        description="chrF2: shared character sequences with the reference for which it is best.",
    ),
    Metric(
        name="bleu",
        title="BLEU, 0 to 1",
        kind=Kind.CONTINUOUS,
        score=guarded(_bleu, applies=expects("references")),
        description="BLEU of the one text, smoothed, against all references.",
    ),
    Metric(
        name="sari",
        title="SARI, 0 to 1",
        kind=Kind.CONTINUOUS,
        score=guarded(_sari, applies=expects("references")),
        description="What is kept, deleted and added, against source and references (Xu et al. 2016).",
    ),
    Metric(
        name="copied",
        title="Copies, 0 or 1, low",
        kind=Kind.BINARY,
        score=guarded(lambda scored: is_copy(source_of(scored), written(scored)), 1.0, applies=_is_to_change),
        description="Whether the source came back unchanged, where something was to be changed.",
        best=0.0,
        worst=1.0,
    ),
    FACTS_STATED,
    FORBIDDEN_ABSENT,
    NUMBERS_KEPT,
    NAMES_KEPT,
    NEGATION_KEPT,
    Metric(
        name="length_ratio",
        title="Length like the reference's, 0 to 1",
        kind=Kind.CONTINUOUS,
        score=guarded(_length, applies=expects("references")),
        description="The shorter one's words by the longer one's, of the answer and the reference nearest in length.",
    ),
    LANGUAGE_KEPT,
)
