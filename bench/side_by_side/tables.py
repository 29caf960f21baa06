"""Rows of a run as Markdown: a table for each case, a column for each metric, and ratios to each peer."""

from collections.abc import Iterator, Mapping, Sequence

from bench.side_by_side.results import Aim, Row, Section

__all__ = ["US", "aims_table", "case_tables", "figure", "ratio"]

US = "copydesk"
_RATIOS = ("rate", "CPU", "first token")
"""Metrics whose ratios a table shows, where it has them."""


def case_tables(section: Section, order: Sequence[str]) -> Iterator[str]:
    """Lines. Subjects stand in that order, and others after them."""
    for case in dict.fromkeys(row.case for row in section.rows):
        yield from ("", f"### {section.title}: {case}", "")
        yield from _table([row for row in section.rows if row.case == case], order)


def aims_table(aims: Sequence[Aim], reasons: Mapping[str, str]) -> Iterator[str]:
    """Lines; what an aim that is missed owes is said below. `reasons` has it by an aim's text."""
    yield from ("", "| aim | bound | measured | |", "| --- | --- | --- | --- |")
    for aim in aims:
        verdict = aim.state if aim.state != "missed" else "**missed**" if aim.binding else "missed (a hope)"
        yield f"| {aim.text} | {aim.bound} | {aim.measured} | {verdict} |"
    for aim in aims:
        if aim.state == "missed":
            yield from ("", f"*{aim.text}* is missed: {reasons.get(aim.text, 'not explained yet.')}")


def figure(value: float) -> str:
    """With three digits or so."""
    for bound, digits in ((100, 0), (10, 1), (1, 2)):
        if abs(value) >= bound:
            return f"{value:,.{digits}f}"
    return f"{value:.3f}"


def ratio(ours: Row, theirs: Row) -> float | None:
    return ours.median / theirs.median if theirs.median else None


def _table(rows: Sequence[Row], order: Sequence[str]) -> Iterator[str]:
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        found.setdefault(row.subject, {})[row.metric] = row
    metrics = {row.metric: row.unit for row in rows}
    ranks = {name: number for number, name in enumerate(order)}
    compared = [name for name in _RATIOS if name in metrics and name in found.get(US, {}) and len(found) > 1]
    heads = [f"{name}, {unit}" if unit else name for name, unit in metrics.items()]
    yield _line(["", *heads, *(f"copydesk's {name} / its" for name in compared)])
    yield _line(["---"] * (1 + len(heads) + len(compared)))
    for subject in sorted(found, key=lambda name: ranks.get(name, len(ranks))):
        cells = [_shown(found[subject].get(name)) for name in metrics]
        cells += [_times(found[US][name], found[subject].get(name)) for name in compared]
        yield _line([subject, *cells])


def _shown(row: Row | None) -> str:
    """The median, and what the rounds were between."""
    if row is None:
        return "-"
    return figure(row.median) + (f" ({figure(row.low)} to {figure(row.high)})" if len(row.rounds) > 1 else "")


def _times(ours: Row, theirs: Row | None) -> str:
    found = None if theirs is None or theirs.subject == ours.subject else ratio(ours, theirs)
    return "-" if found is None else figure(found)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
