"""From a request to the items of a job: each is read, checked and given its prompt and its backends."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from app.caller import Caller, check_request
from app.jobs.contract import JobRequest
from app.problems import Problem, ProblemError, problem_of
from app.strict_json import read_line
from chains.choice import Choice
from chains.errors import FieldError
from chains.runner import Runner
from chains.task import Task, TaskInput

__all__ = ["Item", "Submission", "item_request_id", "read_submission"]

_SLICE_S = 0.003
"""For so long items are checked before other requests get their turn."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item: the request as it was sent with the place of its choice, or the problem that it ended with at once."""

    request: str | None = None
    choice: int | None = None
    problem: Problem | None = None


@dataclass(slots=True)
class Submission:
    """A whole job that was not stored yet. `choices` are the distinct ones, in the order of their first use."""

    task: str
    items: list[Item] = field(default_factory=list)
    choices: dict[Choice, int] = field(default_factory=dict)


async def read_submission(body: JobRequest, runner: Runner, caller: Caller, job_id: str, most: int) -> Submission:
    """Check every item, in slices between which other requests are served. Raises UnknownTask, and ProblemError where
    the job as a whole is wrong or the caller may not have it."""
    task = runner.task(body.task)
    check_request(caller, task.name, task.input.model_construct())  # whether it may have the task at all
    found = Submission(task.name)
    reader = _Reader(runner, task, caller, job_id)
    pause = time.perf_counter() + _SLICE_S
    for place, (pointer, item) in enumerate(_raw_items(body)):
        if place >= most:
            raise _wrong(f"A job has at most {most} items. Send several jobs.", pointer)
        found.items.append(reader.item(place, item, found.choices))
        if time.perf_counter() > pause:
            await asyncio.sleep(0)
            pause = time.perf_counter() + _SLICE_S
    if not found.items:
        raise _wrong("items_jsonl holds no item: send one request on each line.", "/items_jsonl")
    return found


def _raw_items(body: JobRequest) -> Iterator[tuple[str, Any]]:
    """The items as they were sent, each with its pointer."""
    if (body.items is None) == (body.items_jsonl is None):
        raise _wrong("Send either items or items_jsonl: one of them, not both.", "/items")
    for place, item in enumerate(body.items or ()):
        yield f"/items/{place}", item
    text, start, number = body.items_jsonl or "", 0, 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        line, start, number = text[start:end], end + 1, number + 1
        if line.strip():
            yield "/items_jsonl", _Line(line, number)


class _Line(NamedTuple):
    """A line of JSON Lines; the first one has the number 1, and empty ones count."""

    text: str
    number: int


class _Reader:
    def __init__(self, runner: Runner, task: Task[Any, Any], caller: Caller, job_id: str) -> None:
        self._runner = runner
        self._task = task
        self._caller = caller
        self._job_id = job_id

    def item(self, place: int, raw: Any, choices: dict[Choice, int]) -> Item:
        try:
            value = read_line(raw.text, raw.number) if isinstance(raw, _Line) else raw
            request = self._validated(place, value)
            check_request(self._caller, self._task.name, request)
            choice = self._runner.choose(self._task.name, request, self._caller.key_id)
        except Exception as error:
            request_id = item_request_id(self._job_id, place)
            return Item(problem=problem_of(error, request_id, f"/v1/jobs/{self._job_id}"))
        return Item(json.dumps(value, ensure_ascii=False), choices.setdefault(choice, len(choices)))

    def _validated(self, place: int, value: Any) -> TaskInput:
        try:
            request: TaskInput = self._task.input.model_validate(value, from_attributes=True)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
            raise RequestValidationError(
                [{**one, "loc": ("body", "items", place, *one["loc"])} for one in details]
            ) from None
        return request


def item_request_id(job_id: str, index: int) -> str:
    """The request id of an item: in its result, its problem, its account and the log."""
    return f"{job_id}:{index}"


def _wrong(detail: str, pointer: str) -> ProblemError:
    return ProblemError("invalid_request", detail, [FieldError(pointer, "items", detail)])
