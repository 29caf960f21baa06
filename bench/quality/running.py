"""Running cases one after the other: by the service's own chains, and in the plain way; with time and tokens."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Generic, TypeVar

from langchain_core.messages import AIMessage, HumanMessage
from pydantic import BaseModel

from app.composition import build_runner
from app.settings import load_settings
from app.starting import with_started_backends
from bench.quality.cases import PublicCase
from bench.quality.table import Figure, Row
from chains.errors import CopydeskError
from chains.ledger import usage_of
from chains.result import Usage
from chains.runner import Runner

__all__ = ["Asked", "Bench", "Options", "Way", "compared", "cost_of", "measured", "served_model"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """What a measurement is asked for with. `cases` is the number of cases of each set; `config` is a copydesk.yaml,
    without which the embedded model serves; `only` are shell patterns of "set, way" (none: everything); answers are
    appended to the file `answers`, where there is one."""

    data: Path
    cases: int
    seed: int
    config: Path | None = None
    only: tuple[str, ...] = ()
    answers: Path | None = None

    def wants(self, name: str) -> bool:
        return not self.only or any(fnmatch(name, pattern) for pattern in self.only)


@dataclass(frozen=True, slots=True)
class Asked(Generic[T]):
    """What became of one case: its answer, or else the error. Wall time in seconds."""

    case: PublicCase
    answer: T | None
    error: str
    seconds: float
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class Bench:
    """The service's chains over its backends, in this process."""

    runner: Runner

    def model_name(self, task: str) -> str:
        return str(getattr(self._model(task), "model_name", "unknown"))

    async def by_task(self, case: PublicCase, **fields: Any) -> Asked[Any]:
        """The task's output, as the service gives it, for the case's text and the given fields of the request.

        An error of the case is its result. Raises pydantic's ValidationError where the fields don't fit the task.
        """
        task = self.runner.task(case.task)
        request = task.input.model_validate({task.main_field: case.text, **fields})
        start = time.perf_counter()
        try:
            result = await self.runner.run(case.task, request)
        except CopydeskError as error:
            return Asked(case, None, error.code, time.perf_counter() - start)
        return Asked(case, result.output, "", time.perf_counter() - start, result.usage)

    async def plainly(self, case: PublicCase, prompt: str, max_tokens: int = 512) -> Asked[str]:
        """The text that the bare model answers to one user message, at temperature 0."""
        start = time.perf_counter()
        try:
            answer = await self._model(case.task).ainvoke(
                [HumanMessage(prompt)], temperature=0.0, max_tokens=max_tokens
            )
        except CopydeskError as error:
            return Asked(case, None, error.code, time.perf_counter() - start)
        assert isinstance(answer, AIMessage)
        return Asked(case, str(answer.text).strip(), "", time.perf_counter() - start, usage_of(answer))

    def _model(self, task: str) -> Any:
        return self.runner.backends[self.runner.routes[task][0]].model


def measured(options: Options, measure: Callable[[Bench, Options], Awaitable[list[Row]]]) -> list[Row]:
    """Start the backends, build the chains as the service does, and measure."""

    async def within(settings: Any) -> list[Row]:
        runner = build_runner(settings)
        try:
            return await measure(Bench(runner), options)
        finally:
            await runner.aclose()

    with with_started_backends(load_settings(options.config)) as settings:
        return asyncio.run(within(settings))


def served_model(task: str, options: Options) -> str:
    """The name of the model that serves the task."""
    return Bench(build_runner(load_settings(options.config))).model_name(task)


@dataclass(frozen=True, slots=True)
class Way:
    """One way of doing cases. `ask` gives an answer, `read` makes of it what is scored; it gets None where the case
    failed, which must score as badly as a useless answer."""

    name: str
    ask: Callable[[PublicCase], Awaitable[Asked[Any]]]
    read: Callable[[PublicCase, Any], Any]


async def compared(
    options: Options,
    dataset: str,
    cases: Sequence[PublicCase],
    ways: Sequence[Way],
    scores: Callable[[Sequence[PublicCase], Sequence[Any]], dict[str, Figure]],
) -> list[Row]:
    """A row for each of the ways that `options.only` wants: scores of what was read, and the cost."""
    rows = []
    for way in ways:
        name = f"{dataset}, {way.name}"
        if options.wants(name):
            asked = await _through(name, cases, way.ask)
            if options.answers:
                _keep_answers(options.answers, name, asked)
            found = [way.read(one.case, one.answer) for one in asked]
            rows.append(Row(dataset, way.name, len(cases), {**scores(cases, found), **cost_of(asked)}))
    return rows


async def _through(
    what: str, cases: Sequence[PublicCase], ask: Callable[[PublicCase], Awaitable[Asked[Any]]]
) -> list[Asked[Any]]:
    """Ask for every case, one after the other; progress goes to stderr."""
    found = []
    for number, case in enumerate(cases, 1):
        found.append(await ask(case))
        if number == len(cases) or sys.stderr.isatty():
            end = "\n" if number == len(cases) else ""
            print(f"\r{what}: {number} of {len(cases)}", end=end, file=sys.stderr, flush=True)
    return found


def _keep_answers(path: Path, name: str, asked: Iterable[Asked[Any]]) -> None:
    """Append what was answered, a case a line, to read it or to score it again."""
    with path.open("a", encoding="utf-8") as file:
        for one in asked:
            answer = one.answer.model_dump(mode="json") if isinstance(one.answer, BaseModel) else one.answer
            line = {"way": name, "id": one.case.id, "answer": answer, "error": one.error, "seconds": one.seconds}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def cost_of(asked: Iterable[Asked[Any]]) -> dict[str, Figure]:
    """What the cases cost on average, and how many failed, with the codes of their errors."""
    all_asked = list(asked)
    count = max(1, len(all_asked))
    codes = [one.error for one in all_asked if one.error]
    told = ", ".join(f"{codes.count(code)} {code}" for code in sorted(set(codes)))
    return {
        "s a case": round(sum(one.seconds for one in all_asked) / count, 2),
        "tokens in": round(sum(one.usage.input_tokens for one in all_asked) / count),
        "tokens out": round(sum(one.usage.output_tokens for one in all_asked) / count),
        "calls": round(sum(one.usage.model_calls for one in all_asked) / count, 1),
        "errors": told or 0,
    }
