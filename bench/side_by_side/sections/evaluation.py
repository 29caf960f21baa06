"""Evaluating a task's cases with Copydesk and with promptfoo: bench/evaluation, at a size that fits."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.evaluation.measured import TO_DATABASE, TO_FILE, Measured, read
from bench.evaluation.peer import PROMPTFOO, install, installed
from bench.side_by_side.bench import Bench
from bench.side_by_side.processes import output_of
from bench.side_by_side.results import Aim, Row, Section, row
from bench.side_by_side.sections.judged import Figures
from bench.side_by_side.subjects.environments import ROOT

__all__ = ["KEY", "measure"]

KEY = "evaluation"
PEER, US = "promptfoo", "copydesk"
_AIMS = {TO_DATABASE: "ahead of promptfoo", TO_FILE: "ahead of promptfoo that keeps its results in a file"}
_SUBJECTS = {"copydesk, instant backend": US}
"""The way that does what the peer does; the other ones keep their names."""
_CASES = {False: 200, True: 50}
_LIMIT_S = 400

_METHOD = f"""\
`bench/evaluation`: whole commands from start to end on golden cases over and over, each with a text of its own, and
with answers that both sides are given. Copydesk asks its scripted backend, or replays recordings; promptfoo {PROMPTFOO}
asks a provider that answers at once. Copydesk keeps its results in a file; promptfoo in its database, as it does by
default, or in a file as Copydesk does, which is quicker: Copydesk is judged beside both. Both find the same wrong
answers, or the run is void. Ways take turns, in an order that is turned round each time; memory is the largest that the
command held.
"""
_NOTES = [
    "The start is a large part of so few cases; `python -m bench.evaluation` measures 50 and 2,000.",
    "Copydesk's figures are those of its own metrics and statistics; promptfoo's assertions are as near to them as it "
    "has them: ROUGE-1, words and facts of summaries, labels of classify.",
]


def measure(bench: Bench) -> Section:
    """Raises MissingSubject where neither side can be measured."""
    found = _measured(bench, _peer(bench))
    rows = [each for one in found for each in _rows(one)]
    return Section(
        key=KEY,
        title="Evaluation",
        method=_METHOD,
        command=bench.command(KEY),
        rows=rows,
        aims=_aims(rows),
        notes=_NOTES,
    )


def _peer(bench: Bench) -> Path:
    """Where promptfoo is, if it can be had."""
    folder = ROOT / ".bench" / PEER
    if installed(folder) is not None:
        return folder
    if bench.quick:
        bench.lacks(PEER, "it isn't installed; `make bench` without --quick does that, once")
        return folder
    bench.tell(f"installing {PEER}")
    try:
        install(folder)
    except (OSError, subprocess.SubprocessError) as error:
        bench.lacks(PEER, f"it can't be installed: {error}")
    return folder


def _measured(bench: Bench, peer: Path) -> list[Measured]:
    """By a small process: what a process of this size starts seems to need as much memory as itself."""
    kept = bench.new_folder(KEY) / "measured.json"
    sizes = ["--cases", str(_CASES[bench.quick]), "--rounds", "1" if bench.quick else "2"]
    sizes += ["--task", "classify"] if bench.quick else []
    command = [sys.executable, "-m", "bench.evaluation", *sizes, "--peer", str(peer), "--json", str(kept)]
    output_of("bench.evaluation", command, ROOT, _LIMIT_S)
    return read(kept)


def _rows(one: Measured) -> Iterator[Row]:
    case, subject = f"{one.task}, {one.cases} cases", _SUBJECTS.get(one.way, one.way)
    yield row(KEY, subject, case, "rate", "cases/s", [one.cases / spent.seconds for spent in one.rounds])
    yield row(KEY, subject, case, "CPU", "ms/case", [spent.cpu_seconds * 1000 / one.cases for spent in one.rounds])
    yield row(KEY, subject, case, "memory", "MiB", [spent.peak_mib for spent in one.rounds])


def _aims(rows: Sequence[Row]) -> list[Aim]:
    figures = Figures(rows)
    cases = dict.fromkeys(one.case for one in rows)
    return [figures.times(f"{text}: {case}", US, peer, case, bound=1) for case in cases for peer, text in _AIMS.items()]
