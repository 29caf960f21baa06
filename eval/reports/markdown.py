"""Markdown that fits a comment on a pull request: the verdict first, the metrics, what flipped, and what it cost."""

from collections.abc import Iterable, Iterator, Sequence

from chains.prompts.lifecycle.evidence import Verdict
from eval.outcomes import Source
from eval.report import Comparison, MetricComparison, Report, VariantReport
from eval.reports import figures
from eval.reports.flips import FlippedCase, flipped_cases
from eval.reports.markdown_flips import case_block
from eval.reports.markup import cell_code, code, plain
from eval.reports.summary import findings

__all__ = ["LIMIT", "markdown"]

LIMIT = 65_536
"""Characters that GitHub takes for a comment."""
_ROOM = 64_000
_CASES = 10
_ROWS = (40, 20, 10, 5)
"""Rows of a table: the fewer, the more tables have to fit."""
_MARKS = {
    Verdict.PASS: "✅ PASS",
    Verdict.REGRESSED: "❌ REGRESSED",
    Verdict.INCONCLUSIVE: "❔ INCONCLUSIVE",
    Verdict.UNEVALUATED: "UNEVALUATED",
}


def markdown(report: Report) -> str:
    """The report in less than GitHub's limit. What doesn't fit is counted, never dropped in silence."""
    for rows in _ROWS:
        before = [_title(report), *_bounds(report, rows), *_metric_tables(report, rows)]
        after = [*_costs(report, rows), _origin(report, rows)]
        room = _ROOM - sum(_length(block) + 2 for block in (*before, *after))
        if room > 0:
            break
    return "\n\n".join([*before, *_flips(flipped_cases(report), report, room), *after]) + "\n"


def _length(text: str) -> int:
    """In UTF-16 code units, the strictest count that GitHub could mean."""
    return len(text.encode("utf-16-le")) // 2


def _title(report: Report) -> str:
    mark = f"{_MARKS[report.verdict]} · " if report.verdict else ""
    found = findings(report, code, plain)
    said = found[0] if len(found) == 1 else "\n".join(f"- {one}" for one in found)
    return f"## {mark}{code(report.suite)}\n\n{said}"


def _table(head: str, rows: Iterable[Sequence[str]], limit: int, what: str) -> str:
    """`head` marks columns of numbers with a colon. The first rows; how many more there are stands below."""
    columns = head.split("|")
    lines = [
        "| " + " | ".join(column.strip(":") for column in columns) + " |",
        "|" + "|".join("---:" if column.endswith(":") else "---" for column in columns) + "|",
    ]
    cells = [f"| {' | '.join(row)} |" for row in rows]
    lines += cells[:limit]
    if len(cells) > limit:
        lines += ["", f"{len(cells) - limit} more {what} are left out here; the HTML report shows all of them."]
    return "\n".join(lines)


def _metric_tables(report: Report, limit: int) -> Iterator[str]:
    """One table for all comparisons: one that names its variants where there are several."""
    if not report.comparisons:
        return
    several = len(report.comparisons) > 1
    head = "Metric|Baseline:|Candidate:|Difference:|Interval:|Margin:|Verdict|Note"
    pairs = [(comparison, metric) for comparison in report.comparisons for metric in comparison.metrics]
    rows = [[*_variants(comparison, several), *_metric_row(report, metric)] for comparison, metric in pairs]
    yield _table(f"Candidate and baseline|{head}" if several else head, rows, limit, "rows")
    if not several:
        (comparison,) = report.comparisons
        yield f"Candidate {code(comparison.candidate)}, baseline {code(comparison.baseline)}. {_legend(report)}"
    else:
        yield _legend(report)


def _variants(comparison: Comparison, several: bool) -> list[str]:
    return [f"{cell_code(comparison.candidate)} / {cell_code(comparison.baseline)}"] if several else []


def _metric_row(report: Report, metric: MetricComparison) -> list[str]:
    info = report.metric(metric.metric)
    verdict = _MARKS[metric.verdict] if metric.gated else f"{metric.verdict.value.lower()}, not gated"
    measured = [
        figures.value(info, metric.baseline),
        figures.value(info, metric.candidate),
        f"**{figures.difference(info, metric.difference)}**",
        figures.interval(info, metric.lower, metric.upper),
    ]
    return [
        plain(info.short_title),
        *(measured if metric.cases else [figures.DASH] * 4),
        figures.size(info, metric.margin),
        verdict,
        plain(figures.remark(info, metric)),
    ]


def _legend(report: Report) -> str:
    counts = sorted({metric.cases for comparison in report.comparisons for metric in comparison.metrics})
    ends = [figures.count(number) for number in (counts[0], counts[-1])] if counts else ["0"]
    cases = " to ".join(dict.fromkeys(ends))
    return f"{cases} cases, paired. A positive difference is better; each end of an interval is a bound of 95 %."


def _bounds(report: Report, limit: int) -> Iterator[str]:
    broken = [bound for bound in report.thresholds if not bound.kept]
    if not broken:
        return
    yield "Bounds that are not kept:"
    rows = []
    for bound in broken:
        info = report.metric(bound.metric)
        said = (cell_code(bound.variant), plain(info.short_title), figures.value(info, bound.value))
        rows.append([*said, figures.bound(info, bound)])
    yield _table("Variant|Metric|Value:|Bound", rows, limit, "bounds")


def _flips(cases: Sequence[FlippedCase], report: Report, room: int) -> list[str]:
    """The flipped cases, worst first, as many as fit."""
    if not cases:
        return []
    worse = sum(case.is_worse for case in cases)
    title = f"### Flipped cases: {worse} worse, {len(cases) - worse} better"
    blocks = [title]
    room -= _length(title) + 300
    for case in cases[:_CASES]:
        block = case_block(case, report)
        room -= _length(block) + 2
        if room < 0:
            break
        blocks.append(block)
    rest = cases[len(blocks) - 1 :]
    if rest:
        lost = sum(case.is_worse for case in rest)
        blocks.append(
            f"{len(rest)} more flipped cases are left out here ({lost} worse, {len(rest) - lost} better); "
            "the HTML report shows all of them."
        )
    return blocks


def _costs(report: Report, limit: int) -> Iterator[str]:
    head = "Variant|Input tokens:|Output tokens:|Cost:|Median:|95th percentile:|Failed:|Times and costs are"
    if report.variants:
        yield "### Tokens, cost and latency"
        yield _table(head, map(_cost_row, report.variants), limit, "variants")
    if any(row.source is Source.RECORDED for row in report.variants):
        yield "Recorded: measured when the answers were recorded, not in this run."


def _cost_row(row: VariantReport) -> list[str]:
    failures = ", ".join(f"{count} {code}" for code, count in sorted(row.failures.items()))
    return [
        cell_code(row.variant.name),
        figures.count(row.usage.input_tokens),
        figures.count(row.usage.output_tokens),
        figures.money(row.cost_nano_usd),
        figures.milliseconds(row.median_ms),
        figures.milliseconds(row.p95_ms),
        plain(failures) or "0",
        row.source.value,
    ]


def _origin(report: Report, limit: int) -> str:
    data = [f"{code(data.name)} ({data.cases} cases, {code(data.digest[:19])})" for data in report.datasets[:limit]]
    more = f" and {len(report.datasets) - limit} more" if len(report.datasets) > limit else ""
    repeats = f", {report.repeats} repeats" if report.repeats > 1 else ""
    when = report.created_at.strftime("%Y-%m-%d %H:%M %Z").strip()
    return f"<sub>Copydesk {plain(report.copydesk)}, {when}{repeats}. Data: {', '.join(data) or 'none'}{more}.</sub>"
