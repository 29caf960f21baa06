"""The plots of differences: an interval between a loss and a gain, with the margin."""

from collections.abc import Sequence
from dataclasses import dataclass

from eval.report import MetricComparison, Report
from eval.reports import figures
from eval.reports.scales import Scale, round_up

__all__ = ["HEIGHT", "WIDTH", "IntervalPlot", "interval_plots"]

WIDTH, HEIGHT = 220, 28
_EDGE = 8


@dataclass(frozen=True, slots=True)
class IntervalPlot:
    """Places on the horizontal axis in pixels, and the words at its ends."""

    lower: float
    upper: float
    middle: float
    zero: float
    margin: float
    low: str
    high: str
    description: str


def interval_plots(report: Report, metrics: Sequence[MetricComparison]) -> list[IntervalPlot]:
    """Of each metric in turn. All shares have one scale; a metric of other numbers has its own."""
    shares = [metric for metric in metrics if report.metric(metric.metric).is_share]
    common = _scale(shares)
    return [_plot(report, metric, common if metric in shares else _scale([metric])) for metric in metrics]


def _scale(metrics: Sequence[MetricComparison]) -> Scale:
    ends = [abs(end) for metric in metrics for end in (metric.lower, metric.upper, metric.margin)]
    end = round_up(max(ends, default=0.0) or 1.0, (1, 1.5, 2, 3, 4, 5, 6, 8, 10))
    return Scale(-end, end, _EDGE, WIDTH - _EDGE, end)


def _plot(report: Report, metric: MetricComparison, scale: Scale) -> IntervalPlot:
    info = report.metric(metric.metric)
    ends = (figures.difference(info, end) for end in (scale.low, scale.high))
    low, high = ends
    told = figures.interval(info, metric.lower, metric.upper)
    return IntervalPlot(
        lower=scale(metric.lower),
        upper=scale(metric.upper),
        middle=scale(metric.difference),
        zero=scale(0),
        margin=scale(-metric.margin),
        low=low,
        high=high,
        description=f"Difference {figures.difference(info, metric.difference)}, interval {told}, on a scale from {low} "
        f"to {high}; the margin is {figures.size(info, metric.margin)}.",
    )
