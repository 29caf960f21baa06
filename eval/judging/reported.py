"""A judge's score in a report, beside the metrics of the suite."""

from collections.abc import Sequence
from dataclasses import replace

from chains.backends.configuration import ModelIdentity
from eval.comparison import Scored
from eval.judging.metric import JudgedScore, paired_wins
from eval.judging.pair import JudgedPair
from eval.metrics.metric import Kind, Metric, Value
from eval.metrics.metric import Scored as Outcome
from eval.report import Report
from eval.suites import MetricRule

__all__ = ["JUDGED", "with_agreement", "with_judged"]

JUDGED = "judged"
"""The metric's name: each pair has one point, of which the better answer has all, and each half at a tie."""


def with_judged(
    scored: Scored,
    sides: tuple[str, str],
    judged: Sequence[JudgedPair],
    score: JudgedScore,
    judge: ModelIdentity,
) -> Scored:
    """The run with one metric more, for the variants `sides`: baseline and candidate. It decides with the suite's gated
    metrics where the judge may, else it is shown. Its title holds the kappa, so that no form of the report has one
    without the other."""
    kappa = "not defined" if score.calibration.kappa is None else f"{score.calibration.kappa:.2f}"
    metric = Metric(
        name=JUDGED,
        title=f"Judged by {judge.model} (kappa {kappa})",
        kind=Kind.CONTINUOUS,
        score=_given,
        description=f"The share of pairs won, a tie is half of one: {score.text()}.",
    )
    paired = paired_wins(JUDGED, judged)
    points: dict[str, dict[str, Value]] = {
        side: {pair.id: value for pair, value in zip(judged, values, strict=True) if not isinstance(value, Sequence)}
        for side, values in zip(sides, (paired.baseline, paired.candidate), strict=True)
    }
    rules = {JUDGED: MetricRule(gate=score.can_gate), **scored.suite.metrics}
    return replace(
        scored,
        suite=scored.suite.model_copy(update={"metrics": rules}),
        metrics={JUDGED: metric, **scored.metrics},
        scores={**scored.scores, **{side: {**scored.scores.get(side, {}), JUDGED: points[side]} for side in sides}},
    )


def with_agreement(report: Report, kappa: float | None) -> Report:
    """The report with how far its judge agrees with people, at each variant."""
    variants = tuple(each.model_copy(update={"judge_agreement": kappa}) for each in report.variants)
    return report.model_copy(update={"variants": variants})


def _given(scored: Outcome) -> Value:
    raise NotImplementedError("a judge compares two answers: none has a value by itself")
