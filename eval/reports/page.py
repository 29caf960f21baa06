"""One HTML file that holds all of a report: it asks for nothing else, and runs no script but its own.

Texts of cases are untrusted. Jinja escapes them, the script puts them into the page as text only, and a policy in the
page (https://www.w3.org/TR/CSP3/) lets run what has the hash of our own scripts, and nothing be loaded from anywhere.
"""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from eval.report import CaseReport, MetricInfo, Report, VariantReport
from eval.reports import figures, intervals
from eval.reports.breakdown import Confusion, Group, confusions, groups, steps
from eval.reports.page_data import page_data
from eval.reports.pareto import ParetoPlot, Point, pareto_plot
from eval.reports.summary import findings
from eval.reports.texts import one_line

__all__ = ["html_page"]

_TEMPLATES = Path(__file__).with_name("templates")
_SCRIPTS = ("words.js", "dom.js", "detail.js", "cases.js", "page.js")


def html_page(report: Report) -> str:
    """The page. Texts that are so long that it would pass 10 MB are cut, and the page says so."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = one_line
    environment.filters["steps"] = steps
    style, early = _source("page.css"), _source("theme.js")
    script = "".join(['"use strict";\n(() => {\n', *(_source(name) for name in _SCRIPTS), "})();\n"])
    return environment.get_template("page.html.j2").render(
        report=report,
        figures=figures,
        intervals=intervals,
        findings=findings(report, one_line, one_line),
        tasks=list(_tasks(report)),
        data=page_data(report),
        methods=_methods(report),
        policy=_policy(style, early, script),
        style=Markup(style),  # noqa: S704  # our own files, not texts of a report
        early=Markup(early),  # noqa: S704
        script=Markup(script),  # noqa: S704
    )


def _methods(report: Report) -> dict[str, list[str]]:
    """By which tests and intervals each metric was compared."""
    found: dict[str, dict[str, None]] = {}
    for comparison in report.comparisons:
        for metric in comparison.metrics:
            if metric.cases:
                found.setdefault(metric.metric, {})[metric.method] = None
    return {name: list(methods) for name, methods in found.items()}


def _source(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _policy(style: str, *scripts: str) -> str:
    hashes = " ".join(_hash(script) for script in scripts)
    loaded = f"img-src data:; style-src {_hash(style)}; script-src {hashes}"
    return f"default-src 'none'; {loaded}; base-uri 'none'; form-action 'none'"


def _hash(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


@dataclass(frozen=True, slots=True)
class _Panel:
    """What the page shows of one metric: the plots, wide and narrow, and the groups by language and by hard kind."""

    info: MetricInfo
    plots: Sequence[ParetoPlot]
    languages: Sequence[Group]
    kinds: Sequence[Group]


@dataclass(frozen=True, slots=True)
class _Task:
    """The variants of one task, which can be compared with one another."""

    name: str
    rows: Sequence[tuple[int, VariantReport]]
    metrics: Sequence[MetricInfo]
    axis: str
    panels: Sequence[_Panel]
    confusions: Sequence[Confusion]
    best: dict[str, float]

    def score(self, row: VariantReport, metric: str) -> Any:
        return next((score for score in row.scores if score.metric == metric), None)


def _tasks(report: Report) -> Iterator[_Task]:
    numbered = list(enumerate(report.variants, 1))
    for name in dict.fromkeys(row.variant.task for row in report.variants):
        rows = [(number, row) for number, row in numbered if row.variant.task == name]
        cases = [case for case in report.cases if case.task == name]
        scored = dict.fromkeys(score.metric for _, row in rows for score in row.scores)
        metrics = [report.metric(metric) for metric in scored]
        axis = "cost" if all(row.cost_nano_usd is not None for _, row in rows) else "tokens"
        panels = [_panel(info, rows, cases, axis) for info in metrics]
        found = confusions(cases, [row.variant.name for _, row in rows]) if name == "classify" else []
        best = {info.name: value for info in metrics if (value := _best(info, rows)) is not None}
        yield _Task(name, rows, metrics, axis, panels, found, best)


def _values(metric: str, rows: Sequence[tuple[int, VariantReport]]) -> list[tuple[int, VariantReport, float]]:
    return [
        (number, row, score.value)
        for number, row in rows
        for score in row.scores
        if score.metric == metric and score.value is not None
    ]


def _best(info: MetricInfo, rows: Sequence[tuple[int, VariantReport]]) -> float | None:
    values = [value for _, _, value in _values(info.name, rows)]
    if len(values) < 2 or len(set(values)) < 2:
        return None
    return max(values) if info.higher_is_better else min(values)


def _panel(
    info: MetricInfo, rows: Sequence[tuple[int, VariantReport]], cases: Sequence[CaseReport], axis: str
) -> _Panel:
    points = [
        Point(number, row.variant.name, _spent(row, axis), value) for number, row, value in _values(info.name, rows)
    ]
    plots = [
        pareto_plot(points, width, height, higher_is_better=info.higher_is_better, named=named)
        for width, height, named in ((720.0, 340.0, True), (340.0, 280.0, False))
        if points
    ]
    languages = groups(cases, info.name, lambda case: case.language)
    return _Panel(info, plots, languages, groups(cases, info.name, lambda case: case.hard))


def _spent(row: VariantReport, axis: str) -> float:
    if axis == "cost" and row.cost_nano_usd is not None:
        return float(row.cost_nano_usd)
    return float(row.usage.input_tokens + row.usage.output_tokens)
