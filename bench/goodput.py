"""What a backend still gets done when callers ask for 1, 2, 5 and 10 times what it can: goodput, refusals, shares.

Run it on a machine that does nothing else: `python bench/goodput.py`. It takes about two minutes. Requests arrive at
random and wait for nobody. Two callers send them, one ten times as many as the other; every request has a deadline.
The backend takes a fixed time for an answer, and proportionally longer when it is given more than it has slots for.
Beside the admission stands what one would use instead: nothing, and a semaphore.
"""

import asyncio
import math
import random
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field

from chains.errors import BackendBusy, BackendTimeout
from chains.terms import Terms
from chains.traffic.admission import Admission

SLOTS, SERVICE_S, DEADLINE_S = 8, 0.2, 1.5
MAX_QUEUE, QUEUE_TIMEOUT_S = 64, 30.0
CAPACITY = SLOTS / SERVICE_S
LOADS = (1, 2, 5, 10)
SECONDS, WARM_UP_S = 12.0, 2.0
CALLERS = {"eager": 10 / 11, "modest": 1 / 11}

Gate = Callable[["Request"], AbstractAsyncContextManager[object]]


@dataclass(frozen=True, slots=True)
class Request:
    """A ticket, and what becomes of it."""

    caller: str
    arrived: float
    rank: int = Terms().rank
    kind: str = "summarize"
    begun: bool = False

    def deadline(self) -> float:
        return self.arrived + DEADLINE_S


class Backend:
    """Answers in a fixed time, as long as no more is asked at once than it has slots."""

    def __init__(self) -> None:
        self._asked = 0

    async def answer(self) -> None:
        self._asked += 1
        try:
            await asyncio.sleep(SERVICE_S * max(1.0, self._asked / SLOTS))
        finally:
            self._asked -= 1


@dataclass
class Outcome:
    """The requests of one load. Arrivals and answers within the deadline by caller, both counted from `begin` to `end`;
    seconds until each refusal, and until the end of each request that was let in."""

    begin: float
    end: float
    offered: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CALLERS, 0))
    answered: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CALLERS, 0))
    admitted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def counts(self, at: float) -> bool:
        return self.begin <= at < self.end

    @property
    def goodput(self) -> float:
        return sum(self.answered.values()) / SECONDS

    def share(self, caller: str) -> float:
        """What the caller got, of what max-min fairness entitles it to at this load."""
        half = CAPACITY * SECONDS / 2
        other = sum(offered for name, offered in self.offered.items() if name != caller)
        return self.answered[caller] / min(self.offered[caller], max(half, 2 * half - other))


def main() -> int:
    print(
        f"{SLOTS} slots, {SERVICE_S} s an answer: {CAPACITY:.0f} a second; deadline {DEADLINE_S} s; queue {MAX_QUEUE}"
    )
    print("| gate | offered | goodput, of the peak | refused: p50, p99 ms | admitted: p99 ms | eager, modest share |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in sys.argv[1:] or GATES:
        gate = GATES[name]
        outcomes = {load: asyncio.run(measured(gate(), load)) for load in LOADS}
        peak = max(outcome.goodput for outcome in outcomes.values())
        for load, outcome in outcomes.items():
            report(name, load, outcome, peak)
    return 0


def ungated() -> Gate:
    return lambda _: nullcontext()


def semaphore() -> Gate:
    slots = asyncio.Semaphore(SLOTS)
    return lambda _: slots


def admission() -> Gate:
    return Admission("bench", SLOTS, MAX_QUEUE, QUEUE_TIMEOUT_S).slot


GATES = {"nothing": ungated, "semaphore": semaphore, "admission": admission}


async def measured(gate: Gate, load: int) -> Outcome:
    chance = random.Random(load)
    loop = asyncio.get_running_loop()
    at = loop.time()
    backend, outcome = Backend(), Outcome(at + WARM_UP_S, at + WARM_UP_S + SECONDS)
    async with asyncio.TaskGroup() as tasks:
        while (at := at + chance.expovariate(load * CAPACITY)) < outcome.end:
            await asyncio.sleep(max(0.0, at - loop.time()))
            request = Request(chance.choices(list(CALLERS), list(CALLERS.values()))[0], loop.time())
            tasks.create_task(ask(gate, backend, request, outcome))
    return outcome


async def ask(gate: Gate, backend: Backend, request: Request, outcome: Outcome) -> None:
    counts, ends = outcome.counts(request.arrived), outcome.admitted
    clock = asyncio.get_running_loop().time
    outcome.offered[request.caller] += counts
    try:
        async with asyncio.timeout_at(request.deadline()), gate(request):
            await backend.answer()
        outcome.answered[request.caller] += outcome.counts(clock())
    except (BackendBusy, BackendTimeout):
        ends = outcome.refused
    except TimeoutError:
        pass
    if counts:
        ends.append(clock() - request.arrived)


def report(name: str, load: int, outcome: Outcome, peak: float) -> None:
    refused = f"{quantile(outcome.refused, 0.5):.2f}, {quantile(outcome.refused, 0.99):.2f}" if outcome.refused else "-"
    print(
        f"| {name} | {load}x | {outcome.goodput:.1f}/s, {outcome.goodput / peak:.0%} | {refused} "
        f"| {quantile(outcome.admitted, 0.99):.0f} | {outcome.share('eager'):.0%}, {outcome.share('modest'):.0%} |",
        flush=True,
    )


def quantile(seconds: list[float], part: float) -> float:
    """In milliseconds."""
    return sorted(seconds)[math.ceil(part * len(seconds)) - 1] * 1000


if __name__ == "__main__":
    sys.exit(main())
