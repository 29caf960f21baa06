"""What each subject adds to the first token of a stream, and what the tokens cost it."""

import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial

from bench.side_by_side.bench import Bench
from bench.side_by_side.canned import FIRST_S, TOKEN_COUNT, TOKEN_MS, TOKENS
from bench.side_by_side.fleet import Fleet
from bench.side_by_side.results import Aim, Row, Section, row
from bench.side_by_side.sections.judged import Figures
from bench.side_by_side.streams import Streamed, streamed
from bench.side_by_side.subjects.subject import MissingSubject

__all__ = ["KEY", "measure"]

KEY = "streams"

_METHOD = f"""\
The backend says its first token after {FIRST_S * 1000:.0f} ms, then one each {TOKEN_MS} ms, {TOKEN_COUNT} in all. A
process of its own reads: so many streams start at the same moment, and the next ones when all of them have ended. Each
has a text of its own. The time is from the request to the first token, CPU time that of all processes of the subject.
"""

_WAVES = {False: {1: 4, 16: 3}, True: {1: 3, 16: 2}}
"""By whether it is quick: how many times so many streams are started, in a round."""
_ROUNDS = {False: 3, True: 1}

US, DIRECT = "copydesk", "direct"
_PEERS = {"mlflow": "MLflow's gateway", "portkey": "Portkey's gateway", "langserve": "LangServe", "litellm": "LiteLLM"}
_ADDED_MS = {1: 2, 16: 10}

Found = dict[tuple[str, int], list[Streamed]]
"""By subject, and how many streams there are at once."""


def measure(bench: Bench, fleet: Fleet) -> Section:
    """Raises MissingSubject where there is no backend."""
    found: Found = defaultdict(list)
    failed = _in_turns(bench, fleet, found)
    rows = [each for (subject, count), streams in found.items() if streams for each in _rows(subject, count, streams)]
    return Section(
        key=KEY,
        title="Streams",
        method=_METHOD,
        command=bench.command(KEY),
        rows=rows,
        aims=list(_aims(rows)),
        notes=[f"{name} is missing here: {reason}" for name, reason in failed.items()],
    )


def _in_turns(bench: Bench, fleet: Fleet, found: Found) -> dict[str, str]:
    """Tells of those whose streams fail why."""
    subjects, failed, waves = fleet.on(TOKENS), {}, _WAVES[bench.quick]
    for name, subject in subjects.items():
        try:
            streamed(subject, 16, 1, "first")  # connected, and all is loaded
        except MissingSubject as error:
            failed[name] = str(error)
    turns = [(name, count) for count in waves for name in subjects]
    found.update({turn: [] for turn in turns})  # in this order
    for number, (name, count) in enumerate(bench.taking_turns(turns, _ROUNDS[bench.quick])):
        if name in failed:
            continue
        try:
            streams = streamed(subjects[name], count, waves[count], str(number))
        except MissingSubject as error:
            failed[name] = str(error)
            continue
        found[name, count].append(streams)
        first = statistics.median(streams.found.firsts)
        bench.tell(f"  {name}, {_case(count)}: the first token after {first * 1000:.1f} ms")
    return failed


def _case(count: int) -> str:
    return f"{count} stream{'s' if count > 1 else ''}"


def _rows(subject: str, count: int, rounds: Sequence[Streamed]) -> Iterator[Row]:
    made = partial(row, KEY, subject, _case(count))
    yield made("first token", "ms", [statistics.median(each.found.firsts) * 1000 for each in rounds])
    yield made("slowest first token", "ms", [max(each.found.firsts) * 1000 for each in rounds])
    yield made("end", "ms", [statistics.median(each.found.ends) * 1000 for each in rounds])
    tokens = len(rounds[0].found.firsts) * TOKEN_COUNT
    if count > 1 and any(each.cpu_s for each in rounds):  # of one stream it is too little to be told
        yield made("CPU", "ms/1,000 tokens", [each.cpu_s * 1e6 / tokens for each in rounds])


def _aims(rows: Sequence[Row]) -> Iterator[Aim]:
    figures = Figures(rows)
    for count, bound in _ADDED_MS.items():
        text = f"added to the first token, {_case(count)}"
        yield figures.above(text, US, DIRECT, _case(count), bound=bound, metric="first token", unit="ms")
    for peer, name in _PEERS.items():
        text = f"{name} takes more CPU time for a token, 16 streams"
        yield figures.times(text, peer, US, _case(16), bound=1, metric="CPU")
