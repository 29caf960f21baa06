"""What each subject adds to a backend that costs nothing: rates, latencies, CPU time and memory."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial

from bench.side_by_side.bench import Bench
from bench.side_by_side.canned import AFTER_60_MS, AT_ONCE
from bench.side_by_side.fleet import Fleet
from bench.side_by_side.load import Load, loaded
from bench.side_by_side.results import Row, Section, row
from bench.side_by_side.sections.overhead_aims import DIRECT, US, aims
from bench.side_by_side.subjects.copydesk import Copydesk
from bench.side_by_side.subjects.subject import MissingSubject

__all__ = ["measure"]

KEY = "overhead"

_METHOD = """\
Each request posts a text of 80 words of its own to one process of each subject. `wrk` with one thread is the load,
nginx the backend, both on the same cores as the subject; a load with an answer that isn't good is repeated once, and
whoever fails again is left out. Copydesk checks the body, the key and its five limits, renders
its prompt, counts, accounts (SQLite) and logs each request (to a file); it is told that the backend takes 64 requests
at once and that 1,000 may wait for it, and is as it ships otherwise. LangServe and TensorZero render a template, and
TensorZero checks a schema; the others are sent the finished messages. No peer has a key, a database or a log. Copydesk
asks its backend for a stream, as it always does, and reads its events; the peers and the direct calls get one JSON,
which is less to read: that counts against Copydesk. A quick run leaves the peers out where the backend takes 60 ms.
CPU time is that of all processes of the subject, in user mode and in the kernel. Memory is what they hold after the
load (Pss: a page that several processes share counts for each in part). The program that measures maps the same Python
and libraries as Copydesk, so that up to some 10 MiB of these count for it and not for Copydesk.
"""

_ROUNDS_AFTER_60_MS = {False: 3, True: 1}
_ROUNDS_REPEATED = {False: 3, True: 1}
"""By whether it is quick."""

_NOTES = [
    "The rows of `copydesk` with one text for all show what identical requests are spared: those that run at the same "
    "time share one answer, and a cache (off by default) keeps it. No other figure has a part of that.",
]

Found = dict[tuple[str, str], list[Load]]
"""By subject and case."""


def measure(bench: Bench, fleet: Fleet) -> Section:
    """Raises MissingSubject where there is no backend or no load."""
    found: Found = defaultdict(list)
    _in_turns(bench, fleet, AT_ONCE, bench.rounds, found)
    _repeated(bench, fleet, found)
    _in_turns(bench, fleet, AFTER_60_MS, _ROUNDS_AFTER_60_MS[bench.quick], found)
    rows = [each for (subject, case), loads in found.items() if loads for each in _rows(subject, case, loads)]
    return Section(
        key=KEY, title="Overhead", method=_METHOD, command=bench.command(KEY), rows=rows, aims=aims(rows), notes=_NOTES
    )


def _in_turns(bench: Bench, fleet: Fleet, case: str, rounds: int, found: Found) -> None:
    subjects = fleet.on(case)
    names = [name for name in subjects if not (bench.quick and case == AFTER_60_MS and name not in (DIRECT, US))]
    turns = [(name, connections) for connections in (1, 16) for name in names]
    found.update({(name, f"{case}, {connections}"): [] for name, connections in turns})  # in this order
    for name, connections in bench.taking_turns(turns, rounds):
        if name in bench.missing:
            continue
        try:
            load = loaded(subjects[name], connections, bench.seconds, bench.folder)
        except MissingSubject as error:
            fleet.lost(name, str(error))
        else:
            found[name, f"{case}, {connections}"].append(load)
            bench.tell(f"  {name}, {case}, {connections}: {load.rates.per_second:.0f} requests/s")


def _repeated(bench: Bench, fleet: Fleet, found: Found) -> None:
    """Copydesk alone, asked for the same text by everybody: as it is, and with a cache."""
    if US not in bench.subjects:
        return
    for name, subject in ((f"{US}, one text", Copydesk()), (f"{US}, one text, cache", Copydesk(cached=True))):
        folder = bench.new_folder("repeated")
        try:
            with subject.running(fleet.backend().backend(), folder) as running:
                loaded(running, 16, 1, folder)
                for _ in range(_ROUNDS_REPEATED[bench.quick]):
                    found[name, f"{AT_ONCE}, 16"].append(loaded(running, 16, bench.seconds, folder, same_text=True))
        except MissingSubject as error:
            bench.lacks(name, str(error))


def _rows(subject: str, case: str, loads: Sequence[Load]) -> Iterator[Row]:
    made = partial(row, KEY, subject, case)
    yield made("rate", "requests/s", [load.rates.per_second for load in loads])
    yield made("p50", "ms", [load.rates.p50_ms for load in loads])
    yield made("p95", "ms", [load.rates.p95_ms for load in loads])
    yield made("p99", "ms", [load.rates.p99_ms for load in loads])
    if any(load.resident_mib for load in loads):
        yield made("CPU", "ms/request", [load.cpu_ms for load in loads])
        yield made("memory", "MiB", [load.resident_mib for load in loads])
