"""What a second worker brings, and what is left of the service at ten times what its backend can."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from bench.side_by_side.bench import Bench
from bench.side_by_side.canned import canned
from bench.side_by_side.load import Load, loaded
from bench.side_by_side.results import Aim, Row, Section, row
from bench.side_by_side.sections.judged import Figures
from bench.side_by_side.sections.overload import (
    CAPACITY,
    DEADLINE_S,
    SERVICE_S,
    SLOTS,
    Outcome,
    backend,
    offered,
    own_texts,
    quantile_ms,
    shared_texts,
)
from bench.side_by_side.sections.parts import as_far_as_possible
from bench.side_by_side.services import serving
from bench.side_by_side.subjects.copydesk import Copydesk
from bench.side_by_side.subjects.subject import MissingSubject

__all__ = ["KEY", "measure"]

KEY = "scaling"
WORKERS = "workers, at once, 16"
QUEUE, CACHE = "copydesk, own texts", "copydesk, 100 texts, cache"
_LOADS = {False: (1, 2, 5, 10), True: (1, 10)}
_TEXTS = 100

_METHOD = f"""\
Workers: `wrk` with 16 connections on the canned backend that answers at once, each request with a text of its own, with
everything on, for one and for two worker processes in turns. Overload: a scripted backend of {SLOTS} slots that takes
{SERVICE_S} s for an answer, which is {CAPACITY:.0f} a second, gets requests at random times, each with a deadline of
{DEADLINE_S} s; who asks waits for nobody. Goodput is answers within the deadline. Once each request has a text of its
own; once it is one of {_TEXTS} texts and the cache is on, so that what was answered once needs no slot.
"""


def measure(bench: Bench) -> Section:
    """Workers are left out where there is no canned backend or no load. Raises MissingSubject where nothing can be
    measured."""
    rows = as_far_as_possible(bench, "scaling by workers", _workers(bench))
    rows += as_far_as_possible(bench, "overload", _overload(bench))
    if not rows:
        raise MissingSubject("no part of it can be measured")
    notes = [
        "On a machine with two cores the load and the backend take a good part of one, so that a second worker can't "
        "bring twice the rate here: what it costs in CPU time for a request is the figure to look at.",
        "A request that can't be in time is refused at once with `backend_busy` and a Retry-After; requests that were "
        "let in and missed their deadline are counted as late.",
    ]
    return Section(
        key=KEY,
        title="Scaling",
        method=_METHOD,
        command=bench.command(KEY),
        rows=rows,
        aims=_aims(rows),
        notes=notes,
    )


def _workers(bench: Bench) -> Iterator[Row]:
    found: dict[int, list[Load]] = defaultdict(list)
    with canned(bench.new_folder("canned")) as server:
        for count in bench.taking_turns((1, 2), 1 if bench.quick else 3):
            folder = bench.new_folder("workers")
            with Copydesk(workers=count).running(server.backend(), folder) as running:
                loaded(running, 16, 1, folder)
                found[count].append(loaded(running, 16, bench.seconds, folder))
            bench.tell(f"  {count} workers: {found[count][-1].rates.per_second:.0f} requests/s")
    for count, loads in sorted(found.items()):
        name = f"copydesk, {count} worker{'s' if count > 1 else ''}"
        yield row(KEY, name, WORKERS, "rate", "1/s", [load.rates.per_second for load in loads])
        yield row(KEY, name, WORKERS, "p50", "ms", [load.rates.p50_ms for load in loads])
        yield row(KEY, name, WORKERS, "p99", "ms", [load.rates.p99_ms for load in loads])
        yield row(KEY, name, WORKERS, "CPU", "ms/request", [load.cpu_ms for load in loads])
        yield row(KEY, name, WORKERS, "memory", "MiB", [load.resident_mib for load in loads])


def _overload(bench: Bench) -> Iterator[Row]:
    seconds = 3.0 if bench.quick else 6.0
    with serving(backend(), bench.new_folder("overload")) as service:
        for load in _LOADS[bench.quick]:
            yield from _rows(bench, QUEUE, load, offered(service.port, load, seconds, own_texts()))
    with serving(backend(), bench.new_folder("cache"), cache={"tasks": ["summarize"]}) as service:
        yield from _rows(bench, CACHE, 10, offered(service.port, 10, seconds, shared_texts(_TEXTS)))


def _rows(bench: Bench, name: str, load: int, outcome: Outcome) -> Iterator[Row]:
    case = f"overload, {load} times"
    bench.tell(f"  {name}, {load} times: {outcome.goodput:.1f} answers/s in time, others: {outcome.others or 'none'}")
    yield row(KEY, name, case, "arrived", "1/s", [outcome.arrived / outcome.seconds])
    yield row(KEY, name, case, "goodput", "1/s", [outcome.goodput])
    if outcome.answered:
        yield row(KEY, name, case, "answered, p99", "ms", [quantile_ms(outcome.answered, 0.99)])
    if outcome.refused:
        yield row(KEY, name, case, "refused, p50", "ms", [quantile_ms(outcome.refused, 0.5)])
        yield row(KEY, name, case, "refused, p99", "ms", [quantile_ms(outcome.refused, 0.99)])
    yield row(KEY, name, case, "late or failed", "requests", [sum(outcome.others.values())])


def _aims(rows: Sequence[Row]) -> list[Aim]:
    figures = Figures(rows)
    case, bound = "overload, 10 times", round(0.9 * CAPACITY)
    return [
        figures.at_least(
            "90 % of what the backend can is answered in time at 10 times that",
            QUEUE,
            case,
            "goodput",
            bound=bound,
            unit="1/s",
        ),
        figures.at_least(
            "with a cache, twice what the backend can or more is answered in time at 10 times that",
            CACHE,
            case,
            "goodput",
            bound=2 * CAPACITY,
            unit="1/s",
        ),
    ]
