"""Runs a suite's cases on its variants and writes what came out into the run file."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from chains.account import Account
from chains.errors import BackendBusy, BackendUnavailable, ConfigurationError, CopydeskError
from chains.ledger import Ledger
from chains.recordings import Recordings, noting_recordings
from chains.result import Bill, Usage
from chains.runner import Runner
from chains.task import Task
from eval.datasets import Case
from eval.outcomes import Failure, Outcome, Source
from eval.run_file import RunFile
from eval.variants import PlannedVariant

__all__ = ["PATIENCE_S", "Accounts", "Asking", "Plan", "Progress", "run_plan", "waits"]

_log = logging.getLogger("copydesk.eval")

PATIENCE_S = 60.0
"""How long a case waits for a backend that is away or full: that says nothing of the prompt."""


def waits(seconds: float) -> tuple[float, ...]:
    """The waits before further tries, each twice the one before, which take so many seconds together."""
    found: list[float] = []
    while sum(found) < seconds:
        found.append(min(2.0 ** len(found), seconds - sum(found)))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run: each case on each variant, so many times."""

    task: Task[Any, Any]
    cases: Sequence[Case]
    variants: Sequence[PlannedVariant]
    repeats: int

    def places(self) -> list[tuple[str, str, int]]:
        """All outcomes of the run, in the order of its file: by variant, case and repeat."""
        return [
            (each.variant.name, case.id, repeat)
            for each in self.variants
            for case in self.cases
            for repeat in range(self.repeats)
        ]


@dataclass(slots=True)
class Progress:
    """How far a run is. `resumed` outcomes were there before, `failed` ones are errors, and `missing` ones lack a
    recording. Costs are billionths of a US dollar, None as long as no backend with a price answered."""

    total: int
    resumed: int = 0
    done: int = 0
    failed: int = 0
    missing: int = 0
    cost_nano_usd: int | None = None
    output_tokens: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    @property
    def seconds_to_go(self) -> float | None:
        """By what the cases took until now; None before the first one is through."""
        through = self.done + self.missing
        if not through:
            return None
        return self.seconds / through * (self.total - self.resumed - through)

    def count(self, outcome: Outcome | None) -> None:
        if outcome is None:
            self.missing += 1
            return
        self.done += 1
        self.failed += outcome.error is not None
        self.output_tokens += outcome.usage.output_tokens
        if outcome.cost_nano_usd is not None:
            self.cost_nano_usd = (self.cost_nano_usd or 0) + outcome.cost_nano_usd


_Job = tuple[PlannedVariant, Case, int]
_Prices = Callable[[str, Usage], int | None]


class Accounts:
    """Books (chains/account.py) that keep what each request came to until it is asked for: also of failed ones."""

    def __init__(self) -> None:
        self._kept: dict[str, Account] = {}

    def settled(self, account: Account) -> None:
        if not account.is_late:
            self._kept[account.request_id] = account

    def bill(self, ledger: Ledger, backend: str) -> Bill | None:
        return None

    def take(self, request_id: str) -> Account | None:
        return self._kept.pop(request_id, None)


@dataclass(frozen=True, slots=True)
class Asking:
    """Whom a run asks: a runner over the `variant_set`, whose books are `accounts`. `price` gives the cost of a
    backend's tokens in billionths of a US dollar, None where it has no price. Of the `recorded` backends the times are
    those of the recordings."""

    runner: Runner
    accounts: Accounts
    price: _Prices = lambda backend, usage: None
    recorded: Collection[str] = ()
    waits_s: Sequence[float] = waits(PATIENCE_S)

    def slots(self, backend: str) -> int:
        """How many calls it takes at once."""
        return self.runner.backends[backend].admission.slots


async def run_plan(
    plan: Plan, asking: Asking, file: RunFile, tell: Callable[[Progress], object] = lambda progress: None
) -> Progress:
    """Run what the file has no outcome of yet, then put the file in order.

    The variants take turns case by case, so that whatever changes with time hits all of them; each backend gets as
    many calls at once as it has slots. A case that fails has its error as its outcome, but where the backend is away
    or full it is tried again, and at last the run stops: what is there stays in the file. One that lacks a recording
    has no outcome; with such cases the run isn't finished.

    Raises BackendUnavailable and BackendBusy, and ConfigurationError where recordings can't be read or written.
    """
    places = plan.places()
    progress = Progress(total=len(places), resumed=sum(place in file.outcomes for place in places))
    tell(progress)

    async def work(jobs: Iterator[_Job]) -> None:
        for job in jobs:
            outcome = await _outcome(plan.task, job, asking)
            if outcome is not None:
                file.add(outcome)
            progress.count(outcome)
            tell(progress)

    queues = {backend: _jobs(plan, backend, file) for backend in {each.variant.backend for each in plan.variants}}
    await _all_or_none([work(jobs) for backend, jobs in queues.items() for _ in range(max(1, asking.slots(backend)))])
    if not progress.missing:
        file.finish(places)
    return progress


def _jobs(plan: Plan, backend: str, file: RunFile) -> Iterator[_Job]:
    """What is left to do on a backend, case by case and there variant by variant; each of them goes first as often as
    the others, as what comes later may find a server's caches warm."""
    for repeat in range(plan.repeats):
        for place, case in enumerate(plan.cases, repeat):
            first = place % len(plan.variants)
            for each in (*plan.variants[first:], *plan.variants[:first]):
                if each.variant.backend == backend and (each.variant.name, case.id, repeat) not in file.outcomes:
                    yield each, case, repeat


async def _all_or_none(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run all at once; where one fails the others are cancelled, and its error is raised."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _outcome(task: Task[Any, Any], job: _Job, asking: Asking) -> Outcome | None:
    """What becomes of one case; None where it lacks a recording. Raises BackendUnavailable and BackendBusy where
    waiting didn't help."""
    for wait_s in asking.waits_s:
        try:
            return await _asked(task, job, asking)
        except (BackendUnavailable, BackendBusy) as error:
            await asyncio.sleep(max(wait_s, error.retry_after_s or 0) if wait_s else 0)
    return await _asked(task, job, asking)


async def _asked(task: Task[Any, Any], job: _Job, asking: Asking) -> Outcome | None:
    each, case, repeat = job
    request_id = f"case {case.id} of {each.variant.name}, repeat {repeat}"
    request = case.request(task).model_copy(
        update={"prompt": each.asked, "backend": each.variant.backend, "bypass_cache": True}
    )
    output: dict[str, Any] | None = None
    failure: Failure | None = None
    with noting_recordings(f"case {case.id} of {each.variant.name}") as noted:
        try:
            result = await asking.runner.run(task.name, request, request_id=request_id, repeat=repeat)
            output = result.output.model_dump(mode="json", exclude_none=True)
        except (BackendUnavailable, BackendBusy, ConfigurationError):  # which say nothing of the case
            asking.accounts.take(request_id)
            raise
        except CopydeskError as error:
            failure = Failure(code=error.code, message=str(error))
        except Exception as error:  # as the service answers it: its words may quote the text
            failure = Failure(code=CopydeskError.code, message=type(error).__name__)
            _log.exception("%s", request_id)
    account = asking.accounts.take(request_id)
    if noted.missing:
        return None
    return Outcome(
        variant=each.variant.name,
        case=case.id,
        repeat=repeat,
        output=output,
        error=failure,
        **{**_costs(account, asking.price), **(_as_recorded(noted) if each.variant.backend in asking.recorded else {})},
        recordings=noted.used,
    )


def _costs(account: Account | None, price: _Prices) -> dict[str, Any]:
    if account is None:  # it failed before anything was asked
        return {}
    costs = [price(backend, usage) for (backend, _), usage in account.shares.items()]
    known = [cost for cost in costs if cost is not None]
    return {
        "usage": account.usage,
        "model_ms": account.timing.model_ms,
        "total_ms": account.timing.total_ms,
        "cost_nano_usd": sum(known) if known else None,
    }


def _as_recorded(noted: Recordings) -> dict[str, Any]:
    """The times of the recordings take the place of what it took to read them."""
    recorded_ms = round(noted.recorded_ms)
    return {"model_ms": recorded_ms, "total_ms": recorded_ms, "source": Source.RECORDED}
