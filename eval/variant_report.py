"""One variant of a run in its report: the metrics with their intervals, tokens, cost and time."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import ceil
from statistics import median
from typing import TYPE_CHECKING

from chains.result import Usage
from eval.datasets import Case
from eval.metrics.details import scores_by_type, trade_off
from eval.metrics.metric import Kind, Metric, Scored, Value
from eval.outcomes import Outcome, Source, Variant
from eval.report import Score, TradeOff, TypeScore, VariantReport
from eval.scorers.extra import library
from eval.statistics.bootstrap import bca
from eval.statistics.interval import Interval
from eval.statistics.resampled import counted, ratio
from eval.statistics.wilson import wilson

if TYPE_CHECKING:
    from eval.statistics.interval import Floats

__all__ = ["row_score", "variant_report"]

_TAIL = 0.025


def variant_report(
    variant: Variant,
    cases: Mapping[str, Case],
    outcomes: Sequence[Outcome],
    metrics: Mapping[str, Metric],
    values: Mapping[str, Sequence[Value]],
) -> VariantReport:
    """`cases` are those of the run by their ids, `values` those of each metric, one a case.

    Raises ConfigurationError without the extra.
    """
    answers = [Scored(cases[outcome.case], outcome.output) for outcome in outcomes]
    times = sorted(outcome.total_ms for outcome in outcomes)
    costs = [outcome.cost_nano_usd for outcome in outcomes if outcome.cost_nano_usd is not None]
    recorded = any(outcome.source is Source.RECORDED for outcome in outcomes)
    return VariantReport(
        variant=variant,
        scores=tuple(_score(metric, values[name]) for name, metric in metrics.items()),
        usage=sum((outcome.usage for outcome in outcomes), Usage()),
        cost_nano_usd=sum(costs) if costs else None,
        median_ms=float(median(times)) if times else 0.0,
        p95_ms=float(times[ceil(0.95 * len(times)) - 1]) if times else 0.0,
        source=Source.RECORDED if recorded else Source.MEASURED,
        by_type=_by_type(answers) if variant.task == "extract" else (),
        trade_off=_trade_off(answers) if variant.task == "classify" else (),
        failures=dict(sorted(Counter(outcome.error.code for outcome in outcomes if outcome.error).items())),
    )


def _by_type(answers: Sequence[Scored]) -> tuple[TypeScore, ...]:
    return tuple(
        TypeScore(
            type=name,
            expected=strict.correct + strict.incorrect + strict.missed,
            named=strict.correct + strict.incorrect + strict.spurious,
            precision=strict.precision,
            recall=strict.recall,
            f1=strict.f1,
        )
        for name, matches in scores_by_type(answers).items()
        for strict in [matches["strict"]]
    )


def _trade_off(answers: Sequence[Scored]) -> tuple[TradeOff, ...]:
    return tuple(
        TradeOff(threshold=point.threshold, coverage=point.coverage, risk=point.risk) for point in trade_off(answers)
    )


def _score(metric: Metric, values: Sequence[Value]) -> Score:
    defined = [value for value in values if value is not None]
    interval = _interval(metric, defined) if defined else None
    return Score(
        metric=metric.name,
        value=metric.over(defined),
        lower=interval.lower if interval else None,
        upper=interval.upper if interval else None,
        cases=len(defined),
    )


def _interval(metric: Metric, values: Sequence[Value]) -> Interval | None:
    """At 95 %: Wilson's for what is 0 or 1 in every case, else BCa over the cases; None where it isn't defined."""
    rows = [value if isinstance(value, tuple) else (float(value), 1.0) for value in values if value is not None]
    if metric.kind is Kind.BINARY and all(row[0] in (0.0, 1.0) for row in rows):
        return wilson(int(sum(row[0] for row in rows)), len(rows), _TAIL)
    score = row_score(metric) if metric.kind is Kind.COUNTS else ratio

    def by_itself(totals: "Floats") -> "Floats":
        """Against nothing, which scores 0 whatever the metric makes of it."""
        return library("numpy").where(totals.any(-1), score(totals), 0.0)  # type: ignore[no-any-return]

    nothing = [tuple(0.0 for _ in row) for row in rows]
    return bca(counted(nothing, rows, by_itself), _TAIL)


def row_score(metric: Metric) -> "Callable[[Floats], Floats]":
    """A metric of counts as the statistics want it: from totals of the shape (..., counts) to values of (...)."""
    aggregate = metric.aggregate
    assert aggregate is not None, f"{metric.name} is one of counts"

    def score(totals: "Floats") -> "Floats":
        numpy = library("numpy")
        found: Floats = numpy.apply_along_axis(lambda row: float(aggregate(row)), -1, numpy.asarray(totals))
        return found

    return score
