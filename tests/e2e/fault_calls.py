"""What callers ask of a service that fails at random, and what they may get: the right answer, or a typed problem."""

import asyncio
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import httpx

from app.problem_codes import CODES
from app.problems import MEDIA_TYPE
from tests.app.events import Event, read
from tests.e2e.faulty_upstreams import TOPICS, answers, text_of

__all__ = ["Ask", "Outcome", "ask", "asks"]

TASKS = {"summarize": "summary", "rewrite": "text", "generate": "text", "classify": "labels"}
STREAMED = ("summarize", "rewrite", "generate")
DEADLINES_MS = {80: 2, 300: 10, 1000: 30, 2500: 38, 6000: 20}
IDENTICAL, LEAVING = 0.15, 0.02
HUNG_S = 20.0


@dataclass(frozen=True)
class Ask:
    """One request. `leaves_s` is when its caller hangs up; None for one who stays."""

    number: int
    task: str
    streamed: bool
    body: Mapping[str, Any]
    answers: Mapping[str, str]
    leaves_s: float | None = None

    @property
    def path(self) -> str:
        return f"/v1/{self.task}" + ("/stream" if self.streamed else "")

    @property
    def deadline_s(self) -> float:
        seconds: float = self.body["deadline_ms"] / 1000
        return seconds


@dataclass(frozen=True)
class Outcome:
    """`code` is `ok`, a code of the closed list, `left` where the caller hung up, or `wrong`: then `wrong` says why.
    `excess_s` is how long after the deadline the caller had the end of it."""

    ask: Ask
    code: str
    excess_s: float = 0.0
    wrong: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)


def asks(count: int, seed: int) -> Iterator[Ask]:
    """So many requests; some are the same as the one before, which is probably still in flight."""
    dice = random.Random(seed)
    last = _new(0, dice)
    for number in range(count):
        last = replace(last, number=number) if dice.random() < IDENTICAL else _new(number, dice)
        yield replace(last, leaves_s=dice.uniform(0, 0.4)) if dice.random() < LEAVING else last


def _new(number: int, dice: random.Random) -> Ask:
    task = dice.choice(list(TASKS))
    topic = dice.randrange(TOPICS)
    text = text_of(task, topic, number)
    body: dict[str, Any] = {
        "deadline_ms": dice.choices(list(DEADLINES_MS), list(DEADLINES_MS.values()))[0],
        "priority": dice.choice(["high", "normal", "normal", "low"]),
        "session": f"caller-{dice.randrange(8)}",
        "bypass_cache": dice.random() < 0.2,
    }
    body["instruction" if task == "generate" else "text"] = text
    if task == "rewrite":
        body["style"] = "formal"
    elif task == "classify":
        body["labels"] = [{"name": f"topic {one}"} for one in range(TOPICS)]
        body["prompt"] = "1.0.0"  # which answers by what the model says; another might go by likelihoods
    streamed = task in STREAMED and dice.random() < 0.5
    return Ask(number, task, streamed, body, answers(task, topic, number))


async def ask(http: aiohttp.ClientSession, what: Ask) -> Outcome:
    """Send a request and judge what comes back."""
    clock = asyncio.get_running_loop().time
    start, limit = clock(), what.deadline_s + HUNG_S
    stays = what.leaves_s is None
    try:
        async with (
            asyncio.timeout(limit if what.leaves_s is None else what.leaves_s),
            http.post(what.path, json=what.body, headers={"x-request-id": f"fault-{what.number}"}) as response,
        ):
            raw = await response.read()
    except TimeoutError:
        return Outcome(what, "wrong", limit, f"no end within {limit:g} s") if stays else Outcome(what, "left")
    except aiohttp.ClientError as error:
        return Outcome(what, "wrong", wrong=f"no proper HTTP: {error!r}")
    excess = clock() - start - what.deadline_s
    try:
        code, meta = _judged(what, response, raw)
    except (AssertionError, KeyError, ValueError) as error:
        return Outcome(what, "wrong", excess, f"{error!r} in {response.status} {raw.decode(errors='replace')[:1000]}")
    return Outcome(what, code, excess, meta=meta)


def _judged(what: Ask, response: aiohttp.ClientResponse, raw: bytes) -> tuple[str, Mapping[str, Any]]:
    """The code and the answer's `meta`. Raises AssertionError, KeyError or ValueError for what may not be."""
    found = httpx.Response(response.status, headers=dict(response.headers), content=raw)
    kind = found.headers["content-type"].partition(";")[0]
    if found.status_code != 200:
        assert kind == MEDIA_TYPE
        assert found.status_code != 503 or int(found.headers["retry-after"]) >= 1
        return _problem(what, found.status_code, found.json()), {}
    if what.streamed:
        assert kind == "text/event-stream"
        return _streamed(what, list(read(found)))
    assert kind == "application/json"
    return "ok", _answer(what, found.json())


def _streamed(what: Ask, events: list[Event]) -> tuple[str, Mapping[str, Any]]:
    *deltas, last = events
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert all(event.name == "delta" for event in deltas), "one event ends a stream, and it is the last one"
    told = "".join(event.data["text"] for event in deltas)
    if last.name == "error":
        assert any(answer.startswith(told) for answer in what.answers.values()), told
        return _problem(what, last.data["status"], last.data), {}
    assert last.name == "done"
    assert told == last.data[TASKS[what.task]], "the deltas are the text"
    return "ok", _answer(what, last.data)


def _answer(what: Ask, answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Its `meta`, once its text has been found to be the whole and the right one."""
    meta: Mapping[str, Any] = answer["meta"]
    said = answer[TASKS[what.task]]
    text = [label["name"] for label in said] if what.task == "classify" else said
    right = what.answers[meta["backend"]]
    assert text == ([right] if what.task == "classify" else right), "the answer is not what the model said"
    assert not answer.get("shortened")
    assert meta["request_id"] == f"fault-{what.number}"
    return meta


def _problem(what: Ask, status: int, problem: Mapping[str, Any]) -> str:
    code: str = problem["code"]
    assert code in CODES
    assert code != "internal"
    assert CODES[code].status == status == problem["status"]
    assert problem["retryable"] == CODES[code].retryable
    assert problem["request_id"] == f"fault-{what.number}"
    assert problem["detail"]
    assert problem["title"]
    return code
