"""From the outcomes of a run to its report: scores, paired comparisons, flipped cases, thresholds, the verdict."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chains.prompts.lifecycle.evidence import Verdict
from eval.datasets import Case
from eval.metrics.metric import Kind, Metric, Value
from eval.metrics.scoring import Scores, score_outcomes
from eval.metrics.table import metrics_of
from eval.outcomes import Outcome
from eval.report import (
    Answer,
    CaseReport,
    Comparison,
    Flip,
    MetricComparison,
    MetricInfo,
    Report,
    ThresholdResult,
)
from eval.run_file import RunHeader
from eval.statistics.paired import Paired
from eval.statistics.verdict import Comparison as Compared
from eval.statistics.verdict import compare, compare_all
from eval.suites import Suite
from eval.variant_report import row_score, variant_report

__all__ = ["Scored", "build_report", "score_run"]

_LEAST_FLIP = 0.1
"""A case counts as flipped where its value differs by this share of the metric's range: every other wording changes an
overlap by a little."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A run with the values of the suite's metrics: of each variant one value a case, averaged over its repeats."""

    suite: Suite
    header: RunHeader
    cases: Sequence[Case]
    outcomes: Sequence[Outcome]
    metrics: Mapping[str, Metric]
    scores: Scores

    def of(self, variant: str) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.variant == variant]

    def values(self, variant: str, metric: str) -> list[Value]:
        """In the order of the cases; None for a case without an outcome."""
        found = self.scores.get(variant, {}).get(metric, {})
        return [found.get(case.id) for case in self.cases]


def score_run(suite: Suite, header: RunHeader, cases: Sequence[Case], outcomes: Sequence[Outcome]) -> Scored:
    """Score outcomes by the suite's metrics; no model is asked. Raises ConfigurationError without the extra."""
    known = metrics_of(suite.task)
    names = dict.fromkeys([*suite.metrics, *suite.thresholds])
    metrics = {name: known[name] for name in names}
    scores = score_outcomes(metrics, cases, outcomes, header.examples)
    return Scored(suite, header, cases, outcomes, metrics, scores)


def build_report(scored: Scored, pairs: Sequence[tuple[str, str]], judged: Sequence[str] | None = None) -> Report:
    """The report of a run. `pairs` are baselines and candidates by the names of their variants; the thresholds of the
    variants in `judged` decide too, without it those of all. Raises ConfigurationError without the extra."""
    names = [variant.name for variant in scored.header.variants]
    firsts = {(outcome.variant, outcome.case): outcome for outcome in scored.outcomes if outcome.repeat == 0}
    by_id = {case.id: case for case in scored.cases}
    comparisons = tuple(_comparison(scored, *pair) for pair in pairs)
    thresholds = tuple(result for name in names for result in _thresholds(scored, name))
    decisive = [result for result in thresholds if judged is None or result.variant in judged]
    return Report(
        suite=scored.suite.name,
        created_at=scored.header.created_at,
        copydesk=scored.header.copydesk,
        datasets=scored.header.datasets,
        repeats=scored.header.repeats,
        variants=tuple(
            variant_report(variant, by_id, scored.of(variant.name), scored.metrics, _by_metric(scored, variant.name))
            for variant in scored.header.variants
        ),
        comparisons=comparisons,
        thresholds=thresholds,
        cases=tuple(_case_report(scored, case, names, firsts) for case in scored.cases),
        metrics=tuple(_info(metric) for metric in scored.metrics.values()),
        verdict=_overall(comparisons, decisive),
    )


def _info(metric: Metric) -> MetricInfo:
    return MetricInfo(
        name=metric.name, title=metric.title, description=metric.description, best=metric.best, worst=metric.worst
    )


def _by_metric(scored: Scored, variant: str) -> dict[str, list[Value]]:
    return {name: scored.values(variant, name) for name in scored.metrics}


def _overall(comparisons: Sequence[Comparison], thresholds: Sequence[ThresholdResult]) -> Verdict | None:
    """A threshold that isn't kept weighs as much as a regression, and one of a metric that no case has settles
    nothing; None where nothing was to be found out."""
    found: set[Verdict] = {comparison.verdict for comparison in comparisons}
    unkept = {True: Verdict.INCONCLUSIVE, False: Verdict.REGRESSED}
    found |= {Verdict.PASS if result.kept else unkept[result.value is None] for result in thresholds}
    order = (Verdict.REGRESSED, Verdict.INCONCLUSIVE, Verdict.PASS)
    return next((verdict for verdict in order if verdict in found), None)


def _comparison(scored: Scored, baseline: str, candidate: str) -> Comparison:
    gated = [name for name in scored.suite.gated if name in scored.metrics]
    shown = [name for name in scored.suite.metrics if name not in gated]
    found = dict(zip(gated, compare_all([_paired(scored, name, baseline, candidate) for name in gated]), strict=True))
    found |= {name: compare(_paired(scored, name, baseline, candidate)) for name in shown}
    metrics = tuple(
        _metric_comparison(scored.metrics[name], found[name], gated=name in gated) for name in scored.suite.metrics
    )
    verdicts = {metric.verdict for metric in metrics if metric.gated}
    flips = [flip for name in gated for flip in _flips(scored, name, baseline, candidate)]
    return Comparison(
        baseline=baseline,
        candidate=candidate,
        metrics=metrics,
        flips=tuple(sorted(flips, key=lambda flip: (not flip.is_worse, -abs(flip.candidate - flip.baseline)))),
        verdict=_worst(verdicts),
    )


def _worst(verdicts: set[Any]) -> Any:
    """INCONCLUSIVE also where no metric is gated: nothing was found out."""
    if Verdict.REGRESSED in verdicts:
        return Verdict.REGRESSED
    return Verdict.PASS if verdicts == {Verdict.PASS} else Verdict.INCONCLUSIVE


def _paired(scored: Scored, name: str, baseline: str, candidate: str) -> Paired:
    metric = scored.metrics[name]
    before, after = (scored.values(variant, name) for variant in (baseline, candidate))
    span = abs(metric.best - metric.worst)
    return Paired(
        name=name,
        kind=metric.kind.value,
        baseline=before,
        candidate=after,
        margin=scored.suite.metrics[name].margin_for(len(scored.cases), span),
        higher_is_better=metric.higher_is_better,
        span=span,
        score=row_score(metric) if metric.kind is Kind.COUNTS else None,
    )


def _metric_comparison(metric: Metric, found: Compared, *, gated: bool) -> MetricComparison:
    span = abs(metric.best - metric.worst)
    is_defined = found.difference is not None
    return MetricComparison(
        metric=metric.name,
        title=metric.title,
        gated=gated,
        cases=found.cases,
        left_out=found.left_out,
        baseline=found.baseline or 0.0,
        candidate=found.candidate or 0.0,
        difference=found.difference or 0.0,
        lower=found.lower or 0.0 if is_defined else -span,
        upper=found.upper or 0.0 if is_defined else span,
        p_value=found.p_value,
        margin=found.margin,
        verdict=found.verdict,
        method=found.method,
        note=found.note,
        detectable=found.detectable,
        cases_needed=found.cases_needed,
    )


def _flips(scored: Scored, name: str, baseline: str, candidate: str) -> Iterator[Flip]:
    metric = scored.metrics[name]
    least = _LEAST_FLIP * abs(metric.best - metric.worst)
    befores, afters = (scored.values(variant, name) for variant in (baseline, candidate))
    texts = {variant: _first_texts(scored.of(variant)) for variant in (baseline, candidate)}
    for case, was, now in zip(scored.cases, befores, afters, strict=True):
        before, after = metric.over([was]), metric.over([now])
        if before is None or after is None or abs(after - before) < least:
            continue
        yield Flip(
            case=case.id,
            metric=name,
            is_worse=(after < before) is metric.higher_is_better,
            baseline=before,
            candidate=after,
            before=texts[baseline].get(case.id, ""),
            after=texts[candidate].get(case.id, ""),
        )


def _first_texts(outcomes: Sequence[Outcome]) -> dict[str, str]:
    return {outcome.case: outcome.text() for outcome in outcomes if outcome.repeat == 0}


def _thresholds(scored: Scored, variant: str) -> Iterator[ThresholdResult]:
    for name, bound in scored.suite.thresholds.items():
        value = scored.metrics[name].over(scored.values(variant, name))
        kept = value is not None
        if value is not None and bound.at_least is not None:
            kept = kept and value >= bound.at_least
        if value is not None and bound.at_most is not None:
            kept = kept and value <= bound.at_most
        yield ThresholdResult(
            variant=variant, metric=name, value=value, at_least=bound.at_least, at_most=bound.at_most, kept=kept
        )


def _case_report(
    scored: Scored, case: Case, variants: Sequence[str], firsts: Mapping[tuple[str, str], Outcome]
) -> CaseReport:
    return CaseReport(
        id=case.id,
        task=case.task,
        language=case.language,
        hard=case.hard,
        input=case.input.text,
        params=case.input.params,
        expected=case.expected,
        answers=tuple(_answer(scored, case, variant, firsts.get((variant, case.id))) for variant in variants),
    )


def _answer(scored: Scored, case: Case, variant: str, first: Outcome | None) -> Answer:
    found = scored.scores.get(variant, {})
    values = {name: metric.over([found.get(name, {}).get(case.id)]) for name, metric in scored.metrics.items()}
    return Answer(
        variant=variant,
        text=first.text() if first else "",
        error=first.error if first else None,
        values=values,
        total_ms=first.total_ms if first else 0,
    )
