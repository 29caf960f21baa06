"""Summaries: overlap with the references, what they keep and invent, length, form."""

from types import MappingProxyType

from chains.tasks.summarize.contract import SummaryStyle
from eval.datasets import Case
from eval.metrics.memory import complied, overlap
from eval.metrics.metric import Kind, Metric, Scored, Scorer, Value
from eval.metrics.reading import expects, guarded, references_of, source_of, written
from eval.metrics.texts import (
    FACTS_STATED,
    FORBIDDEN_ABSENT,
    LANGUAGE_KEPT,
    LENGTH,
    NAMES_KEPT,
    NEGATION_KEPT,
    NUMBERS_KEPT,
)
from eval.scorers.form import is_bullets, is_headline
from eval.scorers.rouge import KINDS

__all__ = ["SUMMARIZE"]

_FORMS = MappingProxyType({SummaryStyle.BULLETS.value: is_bullets, SummaryStyle.HEADLINE.value: is_headline})


def _rouge(kind: str) -> Scorer:
    return guarded(
        lambda scored: overlap(written(scored), references_of(scored))[kind].f1, applies=expects("references")
    )


def _figure_precision(scored: Scored) -> Value:
    return complied(source_of(scored), written(scored)).figure_precision


def _name_precision(scored: Scored) -> Value:
    return complied(source_of(scored), written(scored)).name_precision


def _compression(scored: Scored) -> Value:
    ratio = complied(source_of(scored), written(scored)).compression
    return None if ratio is None else min(ratio, 1.0)


def _style(case: Case) -> str:
    return str(case.input.params.get("style", ""))


def _has_form(scored: Scored) -> bool:
    return _FORMS[_style(scored.case)](written(scored))


SUMMARIZE: tuple[Metric, ...] = (
    *(
        Metric(
            name=kind,
            title=f"{title}, 0 to 1",
            kind=Kind.CONTINUOUS,
            score=_rouge(kind),
            description=f"{title} (F1) against the reference for which it is best.",
        )
        for kind, title in KINDS.items()
    ),
    FACTS_STATED,
    NUMBERS_KEPT,
    NAMES_KEPT,
    NEGATION_KEPT,
    FORBIDDEN_ABSENT,
    Metric(
        name="number_precision",
        title="Numbers from the source, 0 to 1",
        kind=Kind.CONTINUOUS,
        score=guarded(_figure_precision),
        description="Of the numbers and dates of the summary, the share that the source has.",
    ),
    Metric(
        name="name_precision",
        title="Names from the source, 0 to 1",
        kind=Kind.CONTINUOUS,
        score=guarded(_name_precision),
        description="Of the names of the summary, the share that the source has.",
    ),
    LENGTH,
    LANGUAGE_KEPT,
    Metric(
        name="form",
        title="Form as asked, 0 or 1",
        kind=Kind.BINARY,
        score=guarded(_has_form, applies=lambda case: _style(case) in _FORMS),
        description="Where bullets were asked for, whether each line is one; a headline is one sentence on one line.",
    ),
    Metric(
        name="compression",
        title="Length by the source's, 0 to 1, low",
        kind=Kind.CONTINUOUS,
        score=guarded(_compression, 1.0),
        description="The words of the summary by those of the source.",
        best=0.0,
        worst=1.0,
    ),
)
