"""The fault run: the real service over two upstreams that break at random, many callers, and what is left afterwards.

`run` is what bench/faults.py and test_faults.py have in common.
"""

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.conftest import Service, serving
from tests.e2e.fault_calls import Ask, Outcome, ask, asks
from tests.e2e.fault_leaks import Holdings, holdings, samples
from tests.e2e.faulty_upstreams import HOLD, HOLD_S, QUEUE, SLOTS, FaultyOllama, configuration

__all__ = ["Report", "run"]

RATE = 60.0
BURST, BURST_CHANCE = 16, 0.006
RSS_AFTER = 2000
TICK_S = 0.01
ENDED_S, RECOVERED_S, POOL_S = 10.0, 60.0, 20.0
"""aiohttp closes a connection that wasn't used for 15 seconds."""

_ACCESS = re.compile(r"copydesk\.access: POST /v1/\S+ (\d+|-) (\d+) ms id=fault-(\d+)")
_UNFORESEEN = ("Traceback", "never retrieved", "was destroyed", "Unclosed", "never awaited")


@dataclass
class Report:
    """`excesses_s` are the ends of requests after their deadlines, as their callers saw them; `own_excesses_s` the same
    by the service's own clock; `stall_s` the longest time that the callers' own process stood still. `faults` were met,
    by backend; `leaks`, `unforeseen` (lines of the log) and `wrong` should be none."""

    outcomes: list[Outcome] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    faults_by_name: Counter[str] = field(default_factory=Counter)
    own_excesses_s: list[float] = field(default_factory=list)
    stall_s: float = 0.0
    leaks: list[str] = field(default_factory=list)
    rss_mib: dict[int, float] = field(default_factory=dict)
    unforeseen: list[str] = field(default_factory=list)

    @property
    def codes(self) -> Counter[str]:
        return Counter(outcome.code for outcome in self.outcomes)

    @property
    def wrong(self) -> list[str]:
        return [f"{outcome.ask}: {outcome.wrong}" for outcome in self.outcomes if outcome.code == "wrong"]

    @property
    def excesses_s(self) -> list[float]:
        return [outcome.excess_s for outcome in self.outcomes if outcome.code != "left"]

    def served(self, fits: Callable[[Any], bool]) -> int:
        """How many of the answers have such a `meta`."""
        return sum(outcome.code == "ok" and bool(fits(outcome.meta)) for outcome in self.outcomes)


def run(folder: Path, requests: int, seed: int, *, until_pools_close: bool) -> Report:
    """One run in a service of its own, whose configuration is written into the folder. With `until_pools_close` it
    also waits until the service has given up its idle connections to the server."""
    report = Report()
    with FaultyOllama(seed) as server:
        path = folder / "copydesk.yaml"
        path.write_text(json.dumps(configuration(server, seed), ensure_ascii=False))
        with serving("--config", str(path)) as service:
            asyncio.run(_run(service, server, report, list(asks(requests, seed)), until_pools_close))
    report.own_excesses_s = _own_excesses(service, report)
    told = [line for line in service.log if "copydesk.access" not in line]
    report.unforeseen = [line for line in told if any(mark in line for mark in _UNFORESEEN)]
    return report


async def _run(
    service: Service, server: FaultyOllama, report: Report, requests: list[Ask], until_pools_close: bool
) -> None:
    pid, url = service.process.pid, service.url
    before = await asyncio.to_thread(holdings, pid, url)
    server.break_down()
    watching = asyncio.create_task(_watch(report))
    for part in (requests[:RSS_AFTER], requests[RSS_AFTER:]):
        report.outcomes += await _sent(url, part, random.Random(len(part)))
        if part:
            report.rss_mib[len(report.outcomes)] = (await asyncio.to_thread(holdings, pid, url)).rss_mib
    watching.cancel()
    server.heal()
    report.faults = {"a": await asyncio.to_thread(_failed_calls, url), "b": server.injected.total()}
    report.faults_by_name = server.injected
    report.leaks += await _ends(service, server)
    await _recovered(url)
    server.canned.first_s = HOLD_S
    for backend in ("a", "b"):
        report.leaks += await _room(url, backend)
    report.leaks += await _ends(service, server)
    if until_pools_close:
        report.leaks += await _files(service, before)


async def _watch(report: Report) -> None:
    clock = asyncio.get_running_loop().time
    while True:
        before = clock()
        await asyncio.sleep(TICK_S)
        report.stall_s = max(report.stall_s, clock() - before - TICK_S)


async def _sent(url: str, requests: Iterable[Ask], dice: random.Random) -> list[Outcome]:
    """Requests come at random and wait for nobody; now and then many come at once."""
    clock, at_once = asyncio.get_running_loop().time, 0
    due = clock()
    async with _session(url) as http, asyncio.TaskGroup() as group:
        sending = []
        for request in requests:
            at_once = at_once - 1 if at_once else BURST * (dice.random() < BURST_CHANCE)
            due += 0.0 if at_once else dice.expovariate(RATE)
            await asyncio.sleep(max(0.0, due - clock()))
            sending.append(group.create_task(ask(http, request)))
    return [one.result() for one in sending]


def _session(url: str) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout())


def _failed_calls(url: str) -> int:
    """Calls of the script that failed, each try of a request for itself, or that a deadline ended."""
    return round(
        sum(
            value
            for (name, labels), value in samples(url).items()
            if name == "copydesk_backend_calls_total"
            and dict(labels)["backend"] == "a"
            and dict(labels)["code"] not in ("ok", "cancelled")
        )
    )


async def _ends(service: Service, server: FaultyOllama) -> list[str]:
    """What doesn't return to zero although nothing runs any more."""
    ends = asyncio.get_running_loop().time() + ENDED_S
    while True:
        held = await asyncio.to_thread(holdings, service.process.pid, service.url)
        counts = {"connections from callers": float(held.to_callers), **held.gauges}
        counts |= {"active upstream": server.counts.active, "waiting upstream": server.counts.waiting}
        left = [f"{name}: {value:g}, not 0" for name, value in counts.items() if value]
        if not left or asyncio.get_running_loop().time() > ends:
            return left
        await asyncio.sleep(0.1)


async def _recovered(url: str) -> None:
    """Wait until both breakers are closed again. Raises TimeoutError."""
    async with asyncio.timeout(RECOVERED_S), _session(url) as http:
        for backend in ("a", "b"):
            status = 0
            while status != 200:
                await asyncio.sleep(0.2)
                status, _ = await _held(http, backend)


async def _room(url: str, backend: str) -> list[str]:
    """Fill the backend's slots and its queue, and send one request more: exactly that one has no place."""
    async with _session(url) as http:
        found = await asyncio.gather(*(_held(http, backend) for _ in range(SLOTS + QUEUE + 1)))
    statuses = Counter(status for status, _ in found)
    at_once = sum(status == 200 and queued_ms < HOLD_S * 500 for status, queued_ms in found)
    leaks = []
    if at_once != SLOTS:
        leaks.append(f"{backend}: {at_once} requests ran at once, not {SLOTS}")
    if statuses != {200: SLOTS + QUEUE, 503: 1}:
        leaks.append(f"{backend}: of {len(found)} requests, for {SLOTS + QUEUE} places, came {dict(statuses)}")
    return leaks


async def _held(http: aiohttp.ClientSession, backend: str) -> tuple[int, int]:
    """A request that holds its slot for HOLD_S: its status, and how many milliseconds it queued."""
    body = {"text": f"{HOLD} it.", "backend": backend, "bypass_cache": True}
    async with http.post("/v1/summarize", json=body) as response:
        answer = await response.json()
    return response.status, answer["meta"]["timing"]["queue_ms"] if response.status == 200 else 0


async def _files(service: Service, before: Holdings) -> list[str]:
    ends = asyncio.get_running_loop().time() + POOL_S
    while True:
        now = await asyncio.to_thread(holdings, service.process.pid, service.url)
        # The background probe keeps one connection of its own, which may not have been there before.
        if now.files <= before.files + 1:
            return []
        if asyncio.get_running_loop().time() > ends:
            return [f"open files: {now.files}, before the run {before.files}"]
        await asyncio.sleep(0.5)


def _own_excesses(service: Service, report: Report) -> list[float]:
    deadlines = {outcome.ask.number: outcome.ask.deadline_s for outcome in report.outcomes if outcome.code != "left"}
    found = (_ACCESS.search(line) for line in service.log)
    return [int(one[2]) / 1000 - deadlines[int(one[3])] for one in found if one and int(one[3]) in deadlines]
