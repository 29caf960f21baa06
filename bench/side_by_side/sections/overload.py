"""Requests that arrive at random and wait for nobody: more of them than a backend can answer."""

import asyncio
import itertools
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

__all__ = ["CAPACITY", "DEADLINE_S", "SERVICE_S", "SLOTS", "Outcome", "backend", "offered", "own_texts", "quantile_ms"]
__all__ += ["shared_texts"]

SLOTS, SERVICE_S, DEADLINE_S = 4, 0.2, 1.5
CAPACITY = SLOTS / SERVICE_S
_WARM_UP_S, _PATIENCE_S = 2.0, 10.0


@dataclass
class Outcome:
    """Requests of the measured seconds: how many arrived, seconds until each answer and each refusal, the others by
    code, and how many answers came within that time and their deadline."""

    begin: float
    seconds: float
    arrived: int = 0
    good: int = 0
    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    others: dict[str, int] = field(default_factory=dict)

    @property
    def goodput(self) -> float:
        """Answers in time, a second."""
        return self.good / self.seconds


def backend() -> dict[str, object]:
    """A scripted one with a fixed time for an answer, and slots."""
    script = {"kind": "scripted", "answers": [{"answer": "done"}], "slots": SLOTS, "service_ms": SERVICE_S * 1000}
    return {**script, "concurrency": SLOTS, "max_queue": 32}


def own_texts() -> Callable[[], str]:
    """No two requests have the same text."""
    numbers = itertools.count()
    return lambda: f"Text {next(numbers)}."


def shared_texts(count: int) -> Callable[[], str]:
    """Each request has one of so many texts."""
    chance = random.Random(1)
    return lambda: f"Text {chance.randrange(count)}."


def offered(port: int, load: float, seconds: float, text: Callable[[], str], warm_up_s: float = _WARM_UP_S) -> Outcome:
    """What becomes of `load` times what the backend can, for so long after a start that isn't measured."""
    return asyncio.run(_offered(f"http://127.0.0.1:{port}", load, seconds, text, warm_up_s))


async def _offered(url: str, load: float, seconds: float, text: Callable[[], str], warm_up_s: float) -> Outcome:
    chance, clock = random.Random(load), time.perf_counter
    at = clock()
    outcome = Outcome(at + warm_up_s, seconds)
    timeout = aiohttp.ClientTimeout(_PATIENCE_S)
    session = aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0), timeout=timeout)
    async with session as http, asyncio.TaskGroup() as tasks:
        while (at := at + chance.expovariate(load * CAPACITY)) < outcome.begin + seconds:
            await asyncio.sleep(max(0.0, at - clock()))
            tasks.create_task(_ask(http, text(), outcome))
    return outcome


async def _ask(http: aiohttp.ClientSession, text: str, outcome: Outcome) -> None:
    start = time.perf_counter()
    body = {"text": text, "deadline_ms": round(DEADLINE_S * 1000)}
    try:
        async with http.post("/v1/summarize", json=body) as response:
            answer = await response.json()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        _note(outcome, start, 0, type(error).__name__)
    else:
        _note(outcome, start, response.status, str(answer.get("code", "")))


def _note(outcome: Outcome, start: float, status: int, code: str) -> None:
    end, last = time.perf_counter(), outcome.begin + outcome.seconds
    if outcome.begin <= end < last and status == 200 and end - start <= DEADLINE_S:
        outcome.good += 1
    if start < outcome.begin:
        return
    outcome.arrived += 1
    if status == 200:
        outcome.answered.append(end - start)
    elif code == "backend_busy":
        outcome.refused.append(end - start)
    else:
        outcome.others[code] = outcome.others.get(code, 0) + 1


def quantile_ms(seconds: list[float], part: float) -> float:
    return sorted(seconds)[math.ceil(part * len(seconds)) - 1] * 1000
