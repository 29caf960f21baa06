"""Rows of a run as Markdown: a table for each case, a column for each metric, and ratios to each peer."""

import re
from collections.abc import Container, Iterator, Mapping, Sequence

from bench.side_by_side.results import Aim, Row, Section

__all__ = ["SUBJECTS", "US", "aims_table", "case_tables", "figure", "ratio", "subjects_table"]

US = "copydesk"
SUBJECTS = {
    "direct": "nothing: the load asks the backend itself, which is the least that anything before it can take",
    "copydesk": "this service, in one Python process, with all that it does for each request",
    "tensorzero": "TensorZero's gateway, written in Rust: it renders templates and checks schemas",
    "mlflow": "MLflow's AI gateway, in Python: it hands on finished messages",
    "portkey": "Portkey's gateway, on Node.js: it hands on finished messages",
    "langserve": "LangServe, in Python: a LangChain prompt and model behind HTTP",
    "litellm": "LiteLLM's proxy, in Python: it hands on finished messages",
    "promptfoo": "a command on Node.js that evaluates prompts (in the section on evaluation alone)",
}
"""Who is measured, for somebody who never heard of it."""
_RATIOS = ("rate", "CPU", "first token")
"""Metrics whose ratios a table shows, where it has them."""


def case_tables(section: Section, order: Sequence[str]) -> Iterator[str]:
    """Lines. Subjects stand in that order, and others after them."""
    for case in dict.fromkeys(row.case for row in section.rows):
        yield from ("", f"### {section.title}: {_spelled(case)}", "")
        yield from _table([row for row in section.rows if row.case == case], order)


def subjects_table(names: Container[str]) -> Iterator[str]:
    """Lines: what each of those subjects is."""
    yield from ("| subject | what it is |", "| --- | --- |")
    yield from (f"| `{name}` | {told} |" for name, told in SUBJECTS.items() if name in names)


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


def _spelled(case: str) -> str:
    """The cases of one backend and so many connections have short names, which say little to a newcomer."""
    found = re.fullmatch(r"(at once|after \d+ ms), (\d+)", case)
    if found is None:
        return case
    return f"the backend answers {found[1]}, {found[2]} connection{'' if found[2] == '1' else 's'}"


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
