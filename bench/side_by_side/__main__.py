"""Measures Copydesk and its peers on this machine, and prints what came out as Markdown.

Peers are installed into `.bench` in the checkout, once; a quick run installs nothing, and tells those that aren't there
as missing. In the end ratios and aims are compared with the stored run, and what has become worse or is gone is told.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.side_by_side.bench import Bench, commit, now
from bench.side_by_side.canned import canned
from bench.side_by_side.fleet import Fleet
from bench.side_by_side.guard import gone, notes, worse
from bench.side_by_side.installing import chosen, versions
from bench.side_by_side.load import load_program
from bench.side_by_side.machine import machine, warning
from bench.side_by_side.report import markdown, why_missed, write_page
from bench.side_by_side.results import Run, Section
from bench.side_by_side.sections import evaluation, real_model
from bench.side_by_side.sections.every import KEYS, measured
from bench.side_by_side.subjects.environments import ROOT
from bench.side_by_side.subjects.every import every_subject
from bench.side_by_side.subjects.subject import MissingSubject

_HERE = Path(__file__).parent
STORED, REASONS, PAGE = _HERE / "stored.json", _HERE / "missed_aims.yaml", ROOT / "docs" / "benchmarks.md"
_ROUNDS, _SECONDS = {False: 5, True: 2}, {False: 2.0, True: 1.0}
"""By whether the run is quick."""
_WITHOUT_PROGRAMS = {real_model.KEY, evaluation.KEY}
"""The sections that need neither nginx nor wrk."""


def main(arguments: Sequence[str]) -> int:
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.write_docs and (given.quick or given.subject):
        parser.error("--write-docs needs whole runs of all subjects: leave out --quick and --subject (--only is fine)")
    if not Path("/proc/self/stat").is_file():
        print("What processes take is read from /proc: this needs Linux.", file=sys.stderr)
        return 2
    try:
        stored = _stored(given.stored, may_be_absent=given.write_docs)
    except ValueError as error:
        parser.error(str(error))
    reasons = why_missed(REASONS)
    with tempfile.TemporaryDirectory(prefix="copydesk-bench-") as folder:
        try:
            _check_programs(given, Path(folder, "check"))
        except MissingSubject as error:
            print(f"{error}. Nothing was installed or measured.", file=sys.stderr)
            return 2
        run, failed = _run(given, Path(folder))
    _keep(run, given.out, reasons)
    print(markdown(run, reasons))
    lines = _compared(run, stored, given)
    if given.write_docs:
        _document(run if stored is None or not given.only else stored.renewed(run), given.stored or STORED, reasons)
    for key in failed:
        print(f"FAILED: the section {key}: {run.missing[f'the section {key}']}", file=sys.stderr)
    return 1 if failed or (lines and given.strict) else 0


def _check_programs(given: argparse.Namespace, folder: Path) -> None:
    """Before peers of 1.4 GB are installed. Raises MissingSubject where a program isn't there that most sections need.

    A quick run installs nothing, and measures what it can.
    """
    if not given.quick and not _WITHOUT_PROGRAMS.issuperset(given.only or KEYS):
        load_program()
        folder.mkdir()
        with canned(folder):
            pass


def _run(given: argparse.Namespace, folder: Path) -> tuple[Run, list[str]]:
    """And the keys of sections that failed."""
    began, found = time.monotonic(), machine()
    bench = Bench(
        quick=given.quick,
        rounds=_ROUNDS[given.quick],
        seconds=_SECONDS[given.quick],
        subjects={each.name: each for each in every_subject() if not given.subject or each.name in given.subject},
        folder=folder,
        commit=commit(ROOT),
    )
    told = warning(found)
    if told:
        bench.tell(f"WARNING: {told}")
    started = now()
    chosen(bench, install=not given.quick)
    known = versions(bench)
    sections, failed = _sections(bench, given.only or KEYS)
    run = Run(
        machine=found,
        versions=known,
        missing=bench.missing,
        started=started,
        seconds=round(time.monotonic() - began, 1),
        quick=given.quick,
        sections=sections,
        commit=bench.commit,
    )
    return run, failed


def _stored(named: Path | None, *, may_be_absent: bool) -> Run | None:
    """The run to compare with. Raises ValueError where the one that somebody named can't be read, or is no run."""
    place = named or STORED
    if not place.is_file():
        if named is None or may_be_absent:
            return None
        raise ValueError(f"--stored {named}: there is no such file; name a run.json, or add --write-docs to store one")
    try:
        return Run.read(place)
    except (OSError, ValueError) as error:
        raise ValueError(f"{place} is no run that can be read; name another, or remove it: {error}") from error


def _compared(run: Run, stored: Run | None, given: argparse.Namespace) -> list[str]:
    """What has become worse, which is told on standard error, as is what is gone or can't be compared."""
    if stored is None:
        print("NOTE: there is no stored run to compare with (--write-docs stores one)", file=sys.stderr)
        return []
    for note in notes(run, stored):
        print(f"NOTE: {note}", file=sys.stderr)
    for line in gone(run, stored, keys=given.only or KEYS, subjects=given.subject or ()):
        print(f"GONE: {line}", file=sys.stderr)
    lines = worse(run, stored)
    for line in lines:
        print(f"WORSE: {line}", file=sys.stderr)
    return lines


def _sections(bench: Bench, keys: Sequence[str]) -> tuple[list[Section], list[str]]:
    """Those that were measured, and the keys of those that failed."""
    fleet = Fleet(bench)
    try:
        return bench.sections(keys, lambda key: measured(key, bench, fleet))
    finally:
        try:
            fleet.stop()
        except Exception as error:
            bench.tell(f"WARNING: what was started couldn't be stopped: {type(error).__name__}: {error}")


def _document(run: Run, stored: Path, reasons: Mapping[str, str]) -> None:
    """Stores the run, and writes the page from it: that also names sections which it lacks."""
    whole = run.lacking(KEYS)
    whole.write(stored)
    write_page(whole, reasons, PAGE)
    for text in whole.unexplained(reasons):
        print(f"WARNING: {text!r} is missed, and {REASONS.name} doesn't say why", file=sys.stderr)


def _keep(run: Run, folder: Path, reasons: Mapping[str, str]) -> None:
    """For whoever wants to compare runs."""
    folder.mkdir(parents=True, exist_ok=True)
    run.write(folder / "run.json")
    (folder / "run.md").write_text(markdown(run, reasons), encoding="utf-8")
    print(f"Kept in {folder}: run.json, run.md", file=sys.stderr)
    if told := run.overtime():
        print(f"WARNING: {told}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    names = [subject.name for subject in every_subject()]
    parser = argparse.ArgumentParser(prog="python -m bench.side_by_side", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds, and no peer is installed")
    parser.add_argument("--only", action="append", choices=KEYS, metavar="SECTION", help=f"one of {', '.join(KEYS)}")
    parser.add_argument("--subject", action="append", choices=names, metavar="NAME", help=f"one of {', '.join(names)}")
    parser.add_argument("--out", type=Path, default=ROOT / ".bench" / "results", help="where the run is kept")
    parser.add_argument("--stored", type=Path, metavar="FILE", help=f"the run to compare with (default: {STORED.name})")
    parser.add_argument(
        "--write-docs",
        action="store_true",
        help="store the run, and write docs/benchmarks.md from it; not of a part: no --quick, no --subject",
    )
    parser.add_argument("--strict", action="store_true", help="end with 1 where something has become worse")
    return parser


def _ended(number: int, _: object) -> None:
    """What was started is stopped, also where somebody's patience ends or a terminal is closed."""
    sys.exit(128 + number)


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _ended)
    sys.exit(main(sys.argv[1:]))
