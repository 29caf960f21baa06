"""What reports show beside the metrics of one variant: entities by type, and what abstaining buys. All outcomes count,
repeats too."""

from collections.abc import Iterable, Mapping

from eval.metrics.entities import expected_spans, found_spans
from eval.metrics.labels import confidence_of, is_right, is_single
from eval.metrics.metric import Scored
from eval.scorers.confidence import RiskPoint, risk_curve
from eval.scorers.entities import Match, Matches, entity_scores

__all__ = ["scores_by_type", "trade_off"]


def scores_by_type(answers: Iterable[Scored]) -> Mapping[str, Mapping[Match, Matches]]:
    """Of each entity type that is expected or was found the counts, precision, recall and F1. Raises ConfigurationError
    without the extra `eval`."""
    scored = list(answers)
    expected, found = [list(expected_spans(one.case)) for one in scored], [list(found_spans(one)) for one in scored]
    return entity_scores(expected, found).by_type


def trade_off(answers: Iterable[Scored]) -> list[RiskPoint]:
    """Coverage and risk at each confidence that occurs, over cases with one label for which one was given; empty where
    there is none."""
    told = [(confidence_of(one), is_right(one)) for one in answers if is_single(one.case)]
    measured = [(sure, right) for sure, right in told if sure is not None]
    return risk_curve(*map(list, zip(*measured, strict=True))) if measured else []
