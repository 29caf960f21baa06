"""Runs tasks: picks the prompt version and the backend, runs the chain that was composed at start-up."""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable

from chains.backends.configuration import Closes, Probes
from chains.errors import BackendError, ConfigurationError, CopydeskError, DeadlineExceeded, PromptError, UnknownTask
from chains.ledger import Ledger, open_ledger
from chains.prompts import ModelParameters, PromptSet, PromptVersion
from chains.result import Attempt, PromptIdentity, TaskResult, Timing
from chains.task import Parts, Task, TaskInput

__all__ = ["DEFAULT_ROUTE", "Runner"]

DEFAULT_ROUTE = "default"
"""The route of every task that has none of its own."""


@dataclass(frozen=True, slots=True)
class _Leg:
    """One backend of a route, with the task's chain composed for it."""

    backend: str
    chain: Runnable[Any, Any]


class Runner:
    """The tasks over one prompt set and one set of backends.

    `routes` gives each task an ordered list of backend names; `default` serves the tasks without one. A
    retryable error of a backend makes the next one of the route try. Raises ConfigurationError where a route
    names what doesn't exist, PromptError where a task has no prompt or one that wants more than the task has.
    """

    def __init__(
        self,
        tasks: Mapping[str, Task[Any, Any]],
        prompts: PromptSet,
        backends: Mapping[str, BaseChatModel],
        routes: Mapping[str, Sequence[str]],
    ) -> None:
        _switch_tracing_off()
        self.tasks = tasks
        self.prompts = prompts
        self.backends = backends
        self.routes = _checked_routes(tasks, backends, routes)
        self._prompts = {name: _checked_prompt(task, prompts.get(name)) for name, task in tasks.items()}
        self._legs = {
            name: tuple(_Leg(backend, self._compose(task, backend)) for backend in self.routes[name])
            for name, task in tasks.items()
        }

    def _compose(self, task: Task[Any, Any], backend: str) -> Runnable[Any, Any]:
        prompt = self._prompts[task.name]
        return task.compose(Parts(prompt, self.backends[backend], _call_keywords(prompt.parameters)))

    def task(self, name: str) -> Task[Any, Any]:
        """Raises UnknownTask, which lists the tasks that exist."""
        if name not in self.tasks:
            raise UnknownTask(name, list(self.tasks))
        return self.tasks[name]

    def prompt(self, task: str) -> PromptIdentity:
        """The prompt version that serves the task."""
        prompt = self._prompts[task]
        return PromptIdentity(prompt.name, prompt.version, prompt.digest)

    async def run(self, task: str, request: TaskInput) -> TaskResult[Any]:
        """Run a task on a validated input.

        Raises DeadlineExceeded past the input's `deadline_ms`, else what the chain raises: BackendError,
        OutputError, InvalidInput.
        """
        self.task(task)
        start = time.perf_counter()
        with open_ledger() as ledger:
            try:
                async with asyncio.timeout(request.deadline_ms / 1000 if request.deadline_ms else None) as deadline:
                    output, backend, attempts = await self._along_the_route(task, request)
            except TimeoutError:
                if not deadline.expired() or request.deadline_ms is None:
                    raise
                raise DeadlineExceeded(request.deadline_ms) from None
        return TaskResult(
            output=output,
            prompt=self.prompt(task),
            backend=backend,
            model=ledger.model,
            usage=ledger.usage,
            timing=_timing(ledger, start),
            attempts=tuple(attempts),
        )

    async def _along_the_route(self, task: str, request: TaskInput) -> tuple[Any, str, list[Attempt]]:
        attempts: list[Attempt] = []
        *before, last = self._legs[task]
        for leg in before:
            start = time.perf_counter()
            try:
                return await leg.chain.ainvoke(request), leg.backend, attempts
            except BackendError as error:
                if not error.retryable:
                    raise
                attempts.append(Attempt(leg.backend, error.code, _ms_since(start)))
        return await last.chain.ainvoke(request), last.backend, attempts

    async def probe(self) -> dict[str, CopydeskError | None]:
        """Ask every backend whether it is usable; its error, or None. No model is asked anything."""
        errors = await asyncio.gather(*(_probe(backend) for backend in self.backends.values()))
        return dict(zip(self.backends, errors, strict=True))

    async def aclose(self) -> None:
        """Close the backends' connections."""
        for backend in self.backends.values():
            if isinstance(backend, Closes):
                await backend.aclose()


async def _probe(backend: BaseChatModel) -> CopydeskError | None:
    try:
        if isinstance(backend, Probes):
            await backend.probe()
    except CopydeskError as error:
        return error
    return None


def _checked_routes(
    tasks: Mapping[str, Any], backends: Mapping[str, Any], routes: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    problems = [
        f"routes.{route}: there is no task {route!r}; there are {', '.join(tasks)} (and {DEFAULT_ROUTE!r} for the rest)"
        for route in routes
        if route not in tasks and route != DEFAULT_ROUTE
    ]
    problems += [
        f"routes.{route}: there is no backend {name!r}; the backends are {', '.join(backends)}"
        for route, names in routes.items()
        for name in names
        if name not in backends
    ]
    complete = {name: tuple(routes.get(name, routes.get(DEFAULT_ROUTE, ()))) for name in tasks}
    problems += [
        f"routes.{name}: the task has no backend; name one here or under routes.{DEFAULT_ROUTE}"
        for name, names in complete.items()
        if not names
    ]
    if problems:
        raise ConfigurationError(*problems)
    return complete


def _checked_prompt(task: Task[Any, Any], prompt: PromptVersion) -> PromptVersion:
    beyond = sorted(prompt.required - task.supplies)
    if beyond:
        raise PromptError(
            f"prompt {prompt.name}@{prompt.version} wants the inputs {', '.join(beyond)}, "
            f"which the task {task.name} doesn't supply",
            hint=f"it supplies {', '.join(sorted(task.supplies))}; give the others a default, or take them out",
        )
    return prompt


def _call_keywords(parameters: ModelParameters) -> dict[str, Any]:
    """The prompt's parameters under the names that LangChain's chat models use."""
    keywords = parameters.model_dump(exclude_none=True, exclude={"max_output_tokens", "stop"})
    keywords["max_tokens"] = parameters.max_output_tokens
    if parameters.stop:
        keywords["stop"] = list(parameters.stop)
    return keywords


def _switch_tracing_off() -> None:
    """Prompts never leave the host: LangSmith's tracing would send them, if the environment asked for it."""
    for name in ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2"):
        os.environ[name] = "false"


def _ms_since(start: float) -> int:
    return round((time.perf_counter() - start) * 1000)


def _timing(ledger: Ledger, start: float) -> Timing:
    return Timing(model_ms=round(ledger.model_seconds * 1000), total_ms=_ms_since(start))
