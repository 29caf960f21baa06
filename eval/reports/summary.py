"""What an evaluation found, in a few sentences."""

from collections.abc import Callable, Iterator

from chains.prompts.lifecycle.evidence import Verdict
from eval.report import Comparison, MetricComparison, Report
from eval.reports import figures

__all__ = ["Write", "findings"]

Write = Callable[[str], str]
"""Puts a text into a form: escapes it."""

_SHOWN = 4


def findings(report: Report, name: Write = str, title: Write = str) -> list[str]:
    """What each comparison found, for the first few, and whether bounds are broken: at least one sentence. `name`
    writes the variants' names and `title` the metrics'."""
    said = [_found(report, comparison, name, title) for comparison in report.comparisons[:_SHOWN]]
    if len(report.comparisons) > _SHOWN:
        said.append(f"{len(report.comparisons) - _SHOWN} more comparisons stand below.")
    said += _broken(report)
    return said or ["Nothing was compared."]


def _broken(report: Report) -> Iterator[str]:
    broken = sum(not bound.kept for bound in report.thresholds)
    if broken:
        yield f"{broken} of {len(report.thresholds)} bounds {'is' if broken == 1 else 'are'} not kept."


def _found(report: Report, comparison: Comparison, name: Write, title: Write) -> str:
    candidate, baseline = name(comparison.candidate), name(comparison.baseline)
    if comparison.verdict is Verdict.REGRESSED:
        return f"{candidate} is worse than {baseline} in {_listed(_losses(report, comparison, title))}."
    found = [report.metric(metric.metric) for metric in _gated(comparison, comparison.verdict)]
    named = _listed([title(info.short_title) for info in found])
    if comparison.verdict is Verdict.INCONCLUSIVE:
        return f"Whether {candidate} is as good as {baseline} is not known yet: {named}."
    return f"{candidate} is no worse than {baseline} in {named}."


def _gated(comparison: Comparison, verdict: Verdict) -> list[MetricComparison]:
    return [metric for metric in comparison.metrics if metric.gated and metric.verdict is verdict]


def _losses(report: Report, comparison: Comparison, title: Write) -> list[str]:
    lost = [(report.metric(metric.metric), metric.difference) for metric in _gated(comparison, Verdict.REGRESSED)]
    return [f"{title(info.short_title)} ({figures.difference(info, loss)})" for info, loss in lost]


def _listed(titles: list[str]) -> str:
    if not titles:
        return "no gated metric"
    return titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"
