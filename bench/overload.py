"""The whole service at 1, 2, 5 and 10 times what its backend can: goodput, refusals, deadlines. Over a real socket.

Run it on a machine that does nothing else: `python bench/overload.py`. It takes about a minute. The backend is the
scripted one with a fixed service time and slots; requests arrive at random, wait for nobody, and carry a deadline. What
the queue itself does, and how it shares among callers, is in bench/goodput.py.
"""

import asyncio
import math
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import yaml

from tests.conftest import serving

SLOTS, SERVICE_S, DEADLINE_S = 8, 0.2, 1.5
CAPACITY = SLOTS / SERVICE_S
LOADS = (1, 2, 5, 10)
SECONDS, WARM_UP_S = 10.0, 2.0
PATIENCE_S = 10.0


@dataclass
class Outcome:
    """Requests that arrived in the measured time: how many, seconds until each answer and each refusal, the rest by
    code, and how many answers came within that time and their deadline."""

    begin: float
    offered: int = 0
    good: int = 0
    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    others: dict[str, int] = field(default_factory=dict)


def main() -> int:
    backend = {"kind": "scripted", "answers": [{"answer": "done"}], "slots": SLOTS, "service_ms": SERVICE_S * 1000}
    settings = {"backends": {"gpu": {**backend, "concurrency": SLOTS, "max_queue": 64}}}
    print(f"{SLOTS} slots, {SERVICE_S} s an answer: {CAPACITY:.0f} a second; deadline {DEADLINE_S} s")
    print("| offered | goodput, of the peak | refused: p50, p99 ms | answered: p99 ms | other outcomes |")
    print("| --- | --- | --- | --- | --- |")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "copydesk.yaml"
        path.write_text(yaml.safe_dump(settings))
        with serving("--config", str(path)) as service:
            outcomes = {load: asyncio.run(measured(service.url, load)) for load in LOADS}
    peak = max(outcome.good for outcome in outcomes.values())
    for load, outcome in outcomes.items():
        report(load, outcome, peak)
    return 0


async def measured(url: str, load: int) -> Outcome:
    chance, clock = random.Random(load), time.perf_counter
    at = clock()
    outcome = Outcome(at + WARM_UP_S)
    timeout = aiohttp.ClientTimeout(PATIENCE_S)
    session = aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0), timeout=timeout)
    async with session as http, asyncio.TaskGroup() as tasks:
        number = 0
        while (at := at + chance.expovariate(load * CAPACITY)) < outcome.begin + SECONDS:
            await asyncio.sleep(max(0.0, at - clock()))
            number += 1
            tasks.create_task(ask(http, f"{load} {number}", outcome))
    return outcome


async def ask(http: aiohttp.ClientSession, text: str, outcome: Outcome) -> None:
    start = time.perf_counter()
    body = {"text": text, "deadline_ms": round(DEADLINE_S * 1000)}
    async with http.post("/v1/summarize", json=body) as response:
        answer = await response.json()
    end = time.perf_counter()
    if outcome.begin <= end < outcome.begin + SECONDS and response.status == 200 and end - start <= DEADLINE_S:
        outcome.good += 1
    if start < outcome.begin:
        return
    outcome.offered += 1
    if response.status == 200:
        outcome.answered.append(end - start)
    elif answer["code"] == "backend_busy":
        outcome.refused.append(end - start)
    else:
        outcome.others[answer["code"]] = outcome.others.get(answer["code"], 0) + 1


def report(load: int, outcome: Outcome, peak: int) -> None:
    refused = f"{quantile(outcome.refused, 0.5):.1f}, {quantile(outcome.refused, 0.99):.1f}" if outcome.refused else "-"
    others = ", ".join(f"{count} {code}" for code, count in outcome.others.items()) or "-"
    print(
        f"| {load}x | {outcome.good / SECONDS:.1f}/s, {outcome.good / peak:.0%} | {refused} "
        f"| {quantile(outcome.answered, 0.99):.0f} | {others} |"
    )


def quantile(seconds: list[float], part: float) -> float:
    """In milliseconds."""
    return sorted(seconds)[math.ceil(part * len(seconds)) - 1] * 1000


if __name__ == "__main__":
    sys.exit(main())
