"""The sums in the database are what the backends reported, to the token: under load, failures, deadlines and hang-ups.

The scripted models count by themselves: what they `reported` at the end of an answer, and the tokens of answers that
broke off which were read (`unreported_tokens`). Every token of both is in one account, and none is in two.
"""

import asyncio
import gc
import random
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest

from app.composition import build_runner
from app.settings import Settings
from app.store import Database
from app.usage import UsageBooks
from chains.account import Account, together
from chains.backends.scripted.chat_model import ScriptedChatModel
from chains.errors import CopydeskError
from chains.runner import Runner
from tests.app.usage.accounts import at, settings_of, sums_of

LONG = " ".join(f"Sentence {number} says something of its own." for number in range(500))
WORDS = " ".join(f"word{number}" for number in range(25))
SCRIPT: list[dict[str, Any]] = [
    {"when": "flaky", "chance": 0.3, "answer": WORDS, "fail": "unavailable", "fail_after": 3, "token_ms": 0.5},
    {"when": "flaky", "chance": 0.3, "fail": "busy"},
    {"when": "flaky", "chance": 0.3, "answer": WORDS, "end_early": 5},
    {"when": "flaky", "chance": 0.2, "fail": "unavailable", "fail_after": 0},
    {"when": "hopeless", "answer": WORDS, "fail": "protocol", "fail_after": 9},
    {"when": "stuck", "answer": WORDS, "stall_after": 4},
    {"when": "refused", "fail": "rejected"},
    {"when": "What is", "chance": 0.2, "fail": "unavailable", "fail_after": 0},
    {"when": "What is", "answer": "name", "scores": {"name": -0.1, "nothing": -9.0}, "delay_ms": 2},
    {"when": "Which labels", "answer": {"labels": ["name"]}},
    {"when": "Which label", "answer": {"label": "name"}},
    {"when": "Types:", "chance": 0.3, "answer": "no object at all", "token_ms": 0.5},
    {"when": "Types:", "answer": {"entities": [{"type": "name", "text": "Ada"}]}, "token_ms": 0.5},
    {"chance": 0.3, "answer": WORDS},
    {"answer": WORDS, "token_ms": 0.8},
]
LABELS = [{"name": "name"}, {"name": "nothing"}]


class Told:
    """Books that count what they are told of."""

    def __init__(self) -> None:
        self.codes: Counter[str] = Counter()
        self.late = 0

    def settled(self, account: Account) -> None:
        if account.is_late:
            self.late += 1
        else:
            self.codes[account.code] += 1


class Load:
    """A seeded mixture of requests: their tasks, and how their callers behave."""

    def __init__(self, runner: Runner, seed: int) -> None:
        self._runner = runner
        self._dice = random.Random(seed)

    async def run(self, requests: int, at_once: int) -> None:
        free = asyncio.Semaphore(at_once)

        async def one(task: str, body: dict[str, Any], manner: str, caller: str, moment: float) -> None:
            async with free:
                await self._behave(task, body, manner, caller, moment)

        async with asyncio.TaskGroup() as group:
            for number in range(requests):
                group.create_task(one(*self._drawn(number)))

    def _drawn(self, number: int) -> tuple[str, dict[str, Any], str, str, float]:
        dice = self._dice
        word = dice.choices(["well", "flaky", "hopeless", "stuck", "refused"], [8, 3, 1, 1, 1])[0]
        # A small number of texts, so that some are the same at the same time.
        text = f"{word} {dice.randrange(6) if dice.random() < 0.5 else number} Ada"
        task = dice.choices(["summarize", "rewrite", "generate", "classify", "extract"], [4, 2, 1, 2, 2])[0]
        if task == "summarize" and dice.random() < 0.15:
            text = f"{text} {LONG}"
        bodies: dict[str, dict[str, Any]] = {
            "summarize": {"text": text, "max_words": 200},
            "rewrite": {"text": text, "style": "plain_language"},
            "generate": {"instruction": text},
            "classify": {"text": text, "labels": LABELS, "multi_label": dice.random() < 0.2},
            "extract": {"text": text, "types": LABELS},
        }
        body = bodies[task]
        if word == "stuck" or dice.random() < 0.2:
            body["deadline_ms"] = dice.randrange(5, 80)
        if dice.random() < 0.2:
            body["bypass_cache"] = True
        manners = ["waits", "waits", "leaves"]
        if task in ("summarize", "rewrite", "generate"):
            manners += ["reads", "reads", "breaks off", "forgets"]
        return task, body, dice.choice(manners), f"k{dice.randrange(3)}", dice.random()

    async def _behave(self, task: str, body: dict[str, Any], manner: str, caller: str, moment: float) -> None:
        request = self._runner.task(task).input.model_validate(body)
        if manner in ("waits", "leaves"):
            await _waited(self._runner.run(task, request, caller=caller), moment * 0.05 if manner == "leaves" else 30)
            return
        items = self._runner.stream(task, request, caller=caller)
        if manner == "forgets":
            await _forgotten(items)
            return
        with suppress(CopydeskError):
            async with aclosing(items):
                most = 10_000 if manner == "reads" else round(moment * 12)
                async for _ in items:
                    most -= 1
                    if most < 0:
                        break


async def _waited(work: Awaitable[Any], seconds: float) -> None:
    with suppress(CopydeskError, TimeoutError):
        async with asyncio.timeout(seconds):
            await work


async def _forgotten(items: AsyncGenerator[Any, None]) -> None:
    """A stream of which nobody takes care any more: the garbage collector finds it."""
    with suppress(CopydeskError):
        async for _ in items:
            break
    del items
    await asyncio.sleep(0)


async def loaded(settings: Settings, database: Database, requests: int, seed: int) -> tuple[Runner, Told]:
    """Put the runner under load, and write its books."""
    books, told = UsageBooks(database, settings), Told()
    runner = build_runner(settings, books=together(books, told))
    try:
        async with books.running():
            await Load(runner, seed).run(requests, at_once=48)
            gc.collect()
            await asyncio.sleep(0.1)
            await runner.aclose()
            gc.collect()
            await asyncio.sleep(0.1)
    finally:
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert left == []
    return runner, told


def check(database: Path, requests: int, seed: int) -> Told:
    """Raises AssertionError where a sum differs."""
    common = {"kind": "scripted", "answers": SCRIPT, "seed": seed, "slots": 12, "concurrency": 12, "max_queue": 400}
    backends = {
        "a": {**common, "context_tokens": 2600},
        "b": {**common, "answers": [line for line in SCRIPT if line.get("when") != "hopeless"], "context_tokens": 2600},
    }
    settings = settings_of(
        f"sqlite:///{database}", backends=backends, routes={"default": ["a", "b"]}, cache={"tasks": ["classify"]}
    )
    with at(database) as opened:
        runner, told = asyncio.run(loaded(settings, opened, requests, seed))
        sums = sums_of(opened, by="backend")
        for name, lane in runner.backends.items():
            model, found = lane.model, sums[name]
            assert isinstance(model, ScriptedChatModel)
            reported = model.reported
            assert found["input_tokens"] == reported.input_tokens
            assert found["output_tokens"] == reported.output_tokens + model.unreported_tokens
            assert found["model_calls"] - found["unreported_calls"] == reported.model_calls
            assert model.unreported_tokens > 0 < reported.output_tokens, "the load has some of everything"
        assert sum(row["requests"] for row in sums.values()) == told.codes.total()
    return told


def test_a_mixed_load_is_counted_to_the_token(tmp_path: Path) -> None:
    told = check(tmp_path / "usage.db", requests=500, seed=7)
    assert {"ok", "cancelled", "deadline_exceeded", "backend_rejected", "backend_protocol_error"} <= set(told.codes)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
def test_so_are_thousands(tmp_path: Path, seed: int) -> None:
    check(tmp_path / "usage.db", requests=2500, seed=seed)
