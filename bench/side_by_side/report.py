"""A run as a page: what was run where, who is missing, tables with ratios, aims, and plots beside it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from bench.side_by_side.machine import warning
from bench.side_by_side.plots import bars
from bench.side_by_side.results import NOT_MEASURED, Run, Section
from bench.side_by_side.tables import aims_table, case_tables, subjects_table

__all__ = ["markdown", "plots", "why_missed", "write_page"]

_DIRECT = "direct"
_HEAD = """\
# Side by side

Copydesk beside what its users would take instead, measured in one run on one machine by `make bench`. Subjects take
turns in rounds, in an order that differs; figures are medians of rounds, with the lowest and the highest beside them.
What is compared is ratios: times of this machine say little of another.
"""
_READING = """
## How to read it

A name with more behind it, as in `copydesk, one text`, is Copydesk in another setting. In the columns of ratios,
Copydesk's figure is divided by that of the row. More than 1 is better for a rate. Less than 1 is better for CPU time
and the first token: a CPU ratio of 0.5 is half the CPU time.

An aim is *binding* where Copydesk promises it; the others are hopes. It is *met*, *missed*, or *not measured* where the
run has no figure for it. Figures in parentheses are the lowest and the highest round. CPU time is that of all processes
of a subject, p50 a time that half of the requests stay below.
"""


@dataclass(frozen=True)
class _Plot:
    """Bars of one metric in one case. The backend itself is left out: it would dwarf the others."""

    name: str
    section: str
    case: str
    metric: str
    title: str
    note: str


_PLOTS = (
    _Plot("rate", "overhead", "at once, 16", "rate", "Requests a second at 16 connections", "more is better"),
    _Plot("cpu", "overhead", "at once, 16", "CPU", "CPU time of a request", "less is better; 16 connections"),
    _Plot("latency", "overhead", "at once, 1", "p50", "Time of a request, one connection", "p50; less is better"),
    _Plot(
        "first-token",
        "streams",
        "16 streams",
        "first token",
        "Time to the first token, 16 streams",
        "less is better; the backend says it after 50 ms",
    ),
    _Plot("token-cpu", "streams", "16 streams", "CPU", "CPU time of 1,000 streamed tokens", "less is better"),
)


def markdown(run: Run, reasons: Mapping[str, str], *, pictures: str | None = None) -> str:
    """The page. `reasons` explains aims that are missed, by their text; `pictures` is where the plots are, if shown."""
    lines = [_HEAD, *_verdict(run), "", *_provenance(run), *_reading(run)]
    for section in run.sections:
        lines += ["", f"## {section.title}", "", section.method.strip(), "", _again(section)]
        lines += aims_table(section.aims, reasons) if section.aims else []
        if pictures is not None:
            lines += _shown(run, section, pictures)
        lines += case_tables(section, _order(run))
        lines += [line for note in section.notes for line in ("", note)]
    return "\n".join(lines) + "\n"


def plots(run: Run) -> Iterator[tuple[str, str]]:
    """Names of files, and SVG. A plot that the run has no figures for isn't there."""
    order = _order(run)
    for plot in _PLOTS:
        rows = [
            row for row in run.rows() if (row.section, row.case, row.metric) == (plot.section, plot.case, plot.metric)
        ]
        known = sorted((row for row in rows if row.subject in order[1:]), key=lambda row: order.index(row.subject))
        if known:
            yield f"{plot.name}.svg", bars(plot.title, plot.note, known)


def write_page(run: Run, reasons: Mapping[str, str], page: Path) -> None:
    """With the plots in a folder beside it, of the page's name. Raises OSError."""
    folder = page.with_suffix("")
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    for name, picture in plots(run):
        (folder / name).write_text(picture, encoding="utf-8")
    page.write_text(markdown(run, reasons, pictures=folder.name), encoding="utf-8")


def why_missed(file: Path) -> dict[str, str]:
    """Why aims are missed, by their text, as somebody found out. Raises OSError."""
    loaded = yaml.safe_load(file.read_text(encoding="utf-8"))
    return {str(name): str(reason).strip() for name, reason in (loaded or {}).items()}


def _provenance(run: Run) -> Iterator[str]:
    machine = run.machine
    cores = f"{machine.cores} cores, {machine.memory_gib:g} GiB, Linux {machine.kernel}, Python {machine.python}"
    kind = "A quick run" if run.quick else "A run"
    yield f"{kind} of {run.started}, {run.seconds / 60:.0f} minutes, on {machine.processor}, {cores}; "
    yield f"load before it: {machine.load:g}. Copydesk's commit: {run.commit}."
    told = warning(machine)
    if told:
        yield from ("", f"**Beware:** {told}")
    yield from ("", "Versions: " + ", ".join(f"{name} {version}" for name, version in run.versions.items()) + ".")
    for name, reason in run.missing.items():
        yield from ("", f"**{name} is missing:** {reason}")


def _verdict(run: Run) -> Iterator[str]:
    """How many of the binding aims are met, missed and not measured, and which; and what the run lacks."""
    by_state: dict[str, list[str]] = {"met": [], "missed": [], NOT_MEASURED: []}
    for section in run.sections:
        for aim in section.aims:
            if aim.binding:
                figures = f" ({aim.measured}, bound {aim.bound})" if aim.state == "missed" else ""
                by_state[aim.state].append(f"{section.title}: {aim.text}{figures}")
    counts = ", ".join(f"{len(texts)} {state}" for state, texts in by_state.items())
    yield f"**Binding aims: {counts}.**"
    for state, title in (("missed", "Missed"), (NOT_MEASURED, "Not measured")):
        if by_state[state]:
            yield from ("", f"{title}: {'; '.join(by_state[state])}.")
    if run.missing:
        yield from ("", f"Missing in this run: {'; '.join(run.missing)}. Why is told below.")


def _reading(run: Run) -> Iterator[str]:
    """For a newcomer: what words mean, and who is measured."""
    names = {row.subject for row in run.rows()}
    yield _READING
    yield from subjects_table(names)


def _again(section: Section) -> str:
    again = f"`{section.command}`"
    if not section.measured:
        return f"Again: {again}"
    return f"Measured until {section.measured}, commit {section.commit}; again: {again}"


def _shown(run: Run, section: Section, pictures: str) -> Iterator[str]:
    there = dict(plots(run))
    for plot in _PLOTS:
        if plot.section == section.key and f"{plot.name}.svg" in there:
            yield from ("", f"![{plot.title}]({pictures}/{plot.name}.svg)")


def _order(run: Run) -> Sequence[str]:
    """Of the subjects: the backend, then as the run lists their versions."""
    return [_DIRECT, *run.versions]
