"""`python -m bench.evaluation [--install] [--cases N,N] [--rounds R] [--peer FOLDER] [--memory N]`

Prints Markdown: cases per second of whole commands from start to end, processor time a case, the largest memory. All
ways take turns, in an order that is turned round each time, so that a busy machine slows them alike; medians. The
processor time is what other programs on the machine change least. Copydesk keeps its results in its run file;
promptfoo in its database, as it does by default, or in a JSON file alone, which is quicker. It is installed from npm
into a folder outside the repository, and runs offline: without telemetry, update checks and cache.
"""

import argparse
import os
import shlex
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from bench.evaluation.measured import TO_DATABASE, TO_FILE, Measured, write
from bench.evaluation.ours import Ours
from bench.evaluation.peer import NODE, Peer, install, installed, versions
from bench.evaluation.spending import Spent
from bench.evaluation.workload import TASKS, workload
from bench.quality.table import machine

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "copydesk-bench" / "promptfoo"
_PEERS = (TO_DATABASE, TO_FILE)
Ways = Mapping[str, Callable[[], Spent]]


def main(arguments: Sequence[str]) -> int:
    given = _parser().parse_args(arguments)
    print(f"`python -m bench.evaluation {shlex.join(arguments)}`, {machine()}, load {os.getloadavg()[0]:.1f}, ", end="")
    print(f"Copydesk {version('copydesk')} on Python {sys.version.split()[0]}", flush=True)
    if given.memory:
        _memory(given.memory)
        return 0
    if given.install:
        install(given.peer)
    programs = installed(given.peer)
    if programs is not None:
        print(f"{versions(programs)}\n", flush=True)
    else:
        print(f"promptfoo isn't in {given.peer}: --install gets it (and Node.js {NODE}) from npm", file=sys.stderr)
    kept = []
    for task in given.task or TASKS:
        for count in given.cases:
            with tempfile.TemporaryDirectory() as folder:
                found = _compare(_ways(task, count, Path(folder), programs), task, count, given.rounds)
            kept += [Measured(task, count, way, spent) for way, spent in found.items()]
    if given.json:
        write(given.json, kept)
    return 0


def _ways(task: str, count: int, folder: Path, programs: tuple[Path, Path] | None) -> Ways:
    work = workload(task, count)
    ours = Ours(folder / "ours", work)
    ours.record()
    ways = {"copydesk, replay": ours.replay, "copydesk, instant backend": ours.live}
    if programs is not None:
        ways[TO_DATABASE] = Peer(programs, folder / "peer", work).run
        to_file = ["--no-write", "--output", "out.json"]
        ways[TO_FILE] = Peer(programs, folder / "peer-to-file", work, to_file).run
    return ways


def _compare(ways: Ways, task: str, count: int, rounds: int) -> Mapping[str, list[Spent]]:
    found = in_turns(ways, rounds)
    print(f"### {task}, {count} cases, {rounds} rounds\n")
    titles = ["way", "cases/s", "slowest, fastest", "CPU ms a case", "peak MiB"]
    titles += [title for peer in _PEERS for title in (f"times {peer}", "by CPU")]
    print(f"| {' | '.join(titles)} |\n{'| --- ' * len(titles)}|")
    for name, spent in found.items():
        rates = [count / each.seconds for each in spent]
        cpu = statistics.median(each.cpu_seconds for each in spent) * 1000 / count
        cells = [name, f"{statistics.median(rates):.1f}", f"{min(rates):.1f}, {max(rates):.1f}", f"{cpu:.2f}"]
        cells += [f"{max(each.peak_mib for each in spent):.0f}"]
        for peers in (found.get(peer, []) for peer in _PEERS):
            cells += [_ratio([each.seconds for each in peers], [each.seconds for each in spent])]
            cells += [_ratio([each.cpu_seconds for each in peers], [each.cpu_seconds for each in spent])]
        print(f"| {' | '.join(cells)} |")
    print(flush=True)
    return found


def in_turns(ways: Ways, rounds: int) -> dict[str, list[Spent]]:
    """What each took in each round. The order is turned round from round to round, so that none always comes first."""
    found: dict[str, list[Spent]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in list(ways)[:: -1 if number % 2 else 1]:
            found[name].append(ways[name]())
    return found


def _ratio(theirs: Sequence[float], ours: Sequence[float]) -> str:
    """The median of the rounds' own ratios."""
    if not theirs:
        return "-"
    return f"{statistics.median(peer / own for peer, own in zip(theirs, ours, strict=True)):.2f}"


def _memory(count: int) -> None:
    print("| what | seconds | CPU seconds | peak MiB |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        ours = Ours(Path(folder, "ours"), workload("summarize", count))
        for name, run in (("recording", ours.record), ("replaying", ours.replay)):
            spent = run()
            cells = f"{spent.seconds:.0f} | {spent.cpu_seconds:.0f} | {spent.peak_mib:.0f}"
            print(f"| {name} {count} cases | {cells} |", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.evaluation", description=__doc__)
    parser.add_argument("--install", action="store_true", help="install promptfoo first, with npm")
    parser.add_argument("--peer", type=Path, default=_CACHE, help="where promptfoo is or comes (default: %(default)s)")
    parser.add_argument("--task", action="append", choices=TASKS, help="repeat it; default: all of them")
    parser.add_argument("--cases", type=_counts, default=(50, 2000), help="numbers of cases (default: 50,2000)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured to a file, too")
    parser.add_argument("--memory", type=int, metavar="N", help="instead: record N cases and replay them")
    return parser


def _counts(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
