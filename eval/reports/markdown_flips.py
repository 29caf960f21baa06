"""A flipped case in Markdown: what it was about, before and after, side by side."""

from eval.report import Flip, Report
from eval.reports import figures
from eval.reports.differences import word_pieces
from eval.reports.flips import FlippedCase
from eval.reports.markup import html_code, html_pieces
from eval.reports.texts import shortened

__all__ = ["case_block"]

_TEXT = 600
_SHORT = 200
_METRICS = 4


def case_block(case: FlippedCase, report: Report) -> str:
    """One block of HTML without a blank line: open where the texts are short, else to be opened."""
    before, after = (shortened(text, _TEXT) for text in (case.flips[0].before, case.flips[0].after))
    old, new = word_pieces(before, after)
    name = html_code(case.case)
    several = f", {html_code(case.comparison.candidate)}" if len(report.comparisons) > 1 else ""
    title = f"{'▼' if case.is_worse else '▲'} {name}{several}: {_changes(case, report)}"
    is_short = max(len(before), len(after)) <= _SHORT and "\n" not in before + after
    table = (
        f'<table><tr><th width="50%">Before</th><th width="50%">After</th></tr><tr>'
        f'<td dir="auto">{html_pieces(old, "del")}</td><td dir="auto">{html_pieces(new, "ins")}</td></tr></table>'
    )
    return f"<details{' open' if is_short else ''}><summary>{title}</summary>\n{table}\n</details>"


def _changes(case: FlippedCase, report: Report) -> str:
    shown = [_change(flip, report) for flip in case.flips[:_METRICS]]
    more = len(case.flips) - _METRICS
    return "; ".join([*shown, f"{more} more metrics"] if more > 0 else shown)


def _change(flip: Flip, report: Report) -> str:
    info = report.metric(flip.metric)
    return f"{html_code(info.short_title)} {figures.value(info, flip.baseline)} → {figures.value(info, flip.candidate)}"
