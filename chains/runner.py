"""Runs tasks: picks the prompt version and the backend, runs the chain that was composed at start-up."""

import asyncio
import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable

from chains.backends.configuration import Closes, CountsTokens, Probes
from chains.errors import (
    BackendError,
    ConfigurationError,
    CopydeskError,
    DeadlineExceeded,
    FieldError,
    InvalidInput,
    PromptRenderError,
    UnknownPrompt,
    UnknownTask,
)
from chains.ledger import Ledger, open_ledger
from chains.prompts import PRODUCTION, ModelParameters, PromptSet, PromptVersion, Selection, contract_problems, select
from chains.prompts.selection import by_label, by_version
from chains.result import Attempt, PromptIdentity, RenderedPrompt, TaskResult, Timing
from chains.task import Parts, Task, TaskInput

__all__ = ["DEFAULT_ROUTE", "Runner", "call_keywords"]

_log = logging.getLogger("copydesk.runner")
_ROLES = {"system": "system", "human": "user", "ai": "assistant"}

DEFAULT_ROUTE = "default"
"""The route of every task that has none of its own."""


@dataclass(frozen=True, slots=True)
class _Leg:
    """One backend of a route, with the task's chain composed for it."""

    backend: str
    chain: Runnable[Any, Any]


class _Edition:
    """One prompt set with the chains composed over it. A request keeps its edition while the next one takes over."""

    def __init__(self, prompts: PromptSet) -> None:
        self.prompts = prompts
        self.legs: dict[tuple[str, str], tuple[_Leg, ...]] = {}


class Runner:
    """The tasks over one prompt set and one set of backends.

    `routes` gives each task an ordered list of backend names; `default` serves the tasks without one. A
    retryable error of a backend makes the next one of the route try. `allow_drafts` lets requests name versions
    that aren't released. The prompts have passed `serving_problems`. Raises ConfigurationError where a route names
    what doesn't exist.
    """

    def __init__(
        self,
        tasks: Mapping[str, Task[Any, Any]],
        prompts: PromptSet,
        backends: Mapping[str, BaseChatModel],
        routes: Mapping[str, Sequence[str]],
        *,
        allow_drafts: bool = False,
    ) -> None:
        _switch_tracing_off()
        self.tasks = tasks
        self.backends = backends
        self.allow_drafts = allow_drafts
        self.routes = _checked_routes(tasks, backends, routes)
        self._default_route = tuple(routes.get(DEFAULT_ROUTE, ()))
        self._edition = self._composed(prompts)

    @property
    def prompts(self) -> PromptSet:
        """The prompt set that serves."""
        return self._edition.prompts

    def serve(self, prompts: PromptSet) -> None:
        """Let another prompt set serve from the next request on; those in flight end with the one they began with."""
        self._edition = self._composed(prompts)

    def _composed(self, prompts: PromptSet) -> _Edition:
        """An edition in which all that the labels serve is composed; other versions follow when they are asked for."""
        edition = _Edition(prompts)
        for name, targets in prompts.labels.items():
            for target in targets.values():
                if name in self.tasks:
                    self._legs(edition, name, prompts.get(name, target.version))
        return edition

    def _legs(self, edition: _Edition, task: str, prompt: PromptVersion) -> tuple[_Leg, ...]:
        key = task, prompt.version
        if key not in edition.legs:
            edition.legs[key] = tuple(_Leg(name, self._compose(task, prompt, name)) for name in self.routes[task])
        return edition.legs[key]

    def _compose(self, task: str, prompt: PromptVersion, backend: str) -> Runnable[Any, Any]:
        parts = Parts(prompt, self.backends[backend], call_keywords(prompt.parameters))
        return self.tasks[task].compose(parts)

    def task(self, name: str) -> Task[Any, Any]:
        """Raises UnknownTask, which lists the tasks that exist."""
        if name not in self.tasks:
            raise UnknownTask(name, list(self.tasks))
        return self.tasks[name]

    def prompt(self, task: str) -> PromptIdentity:
        """The prompt version that serves whoever names none and isn't sent to the canary."""
        return _identity(select(self.prompts, task, PRODUCTION))

    async def run(self, task: str, request: TaskInput, *, caller: str = "") -> TaskResult[Any]:
        """Run a task on a validated input. `caller` is the id of the caller's key: it decides about the canary.

        Raises UnknownPrompt for a version or label that the input names and that doesn't serve, DeadlineExceeded
        past the input's `deadline_ms`, else what the chain raises: BackendError, OutputError, InvalidInput.
        """
        self.task(task)
        start = time.perf_counter()
        edition = self._edition
        selection = self._select(edition, task, request, caller)
        legs = self._legs(edition, task, selection.prompt)
        with open_ledger() as ledger:
            try:
                async with asyncio.timeout(request.deadline_ms / 1000 if request.deadline_ms else None) as deadline:
                    output, backend, attempts = await _along_the_route(legs, request)
            except TimeoutError:
                if not deadline.expired() or request.deadline_ms is None:
                    raise
                raise DeadlineExceeded(request.deadline_ms) from None
        return TaskResult(
            output=output,
            prompt=_identity(selection),
            backend=backend,
            model=ledger.model,
            usage=ledger.usage,
            timing=_timing(ledger, start),
            attempts=tuple(attempts),
        )

    def _select(self, edition: _Edition, task: str, request: TaskInput, caller: str) -> Selection:
        selection = select(
            edition.prompts,
            task,
            request.prompt,
            caller=caller,
            session=request.session,
            allow_drafts=self.allow_drafts,
        )
        if (task, selection.prompt.version) not in edition.legs:  # what is composed was checked before
            problems = contract_problems(self.tasks[task], selection.prompt)
            if problems:
                raise UnknownPrompt(f"{problems[0].message}. Name another version or a label.")
        return selection

    async def render(
        self, name: str, inputs: Mapping[str, Any], *, version: str | None = None, label: str | None = None
    ) -> RenderedPrompt:
        """What a model would read: one version of any prompt, or what a label serves, without the canary's dice.

        Raises UnknownPrompt, and InvalidInput where the prompt doesn't take the inputs or its template fails on them;
        the pointers begin at the inputs.
        """
        prompts = self.prompts
        if version is not None:
            selection = by_version(prompts, name, version, allow_drafts=self.allow_drafts)
        else:
            selection = by_label(prompts, name, PRODUCTION if label is None else label)
        messages = await asyncio.to_thread(_rendered, selection.prompt, inputs, prompts.folder)
        return RenderedPrompt(
            messages=tuple((_ROLES[message.type], str(message.text)) for message in messages),
            tokens=await self._tokens(self.routes.get(name, self._default_route), messages),
            prompt=_identity(selection),
        )

    async def _tokens(self, route: Sequence[str], messages: list[BaseMessage]) -> int | None:
        for backend in (self.backends[name] for name in route):
            if isinstance(backend, CountsTokens):
                try:
                    return await backend.count_tokens(messages)
                except BackendError as error:  # what is asked for is the messages: they don't depend on a server
                    _log.warning("a prompt's tokens could not be counted: %s", error)
        return None

    async def probe(self) -> dict[str, CopydeskError | None]:
        """Ask every backend whether it is usable; its error, or None. No model is asked anything."""
        errors = await asyncio.gather(*(_probe(backend) for backend in self.backends.values()))
        return dict(zip(self.backends, errors, strict=True))

    async def aclose(self) -> None:
        """Close the backends' connections."""
        for backend in self.backends.values():
            if isinstance(backend, Closes):
                await backend.aclose()


async def _along_the_route(legs: Sequence[_Leg], request: TaskInput) -> tuple[Any, str, list[Attempt]]:
    attempts: list[Attempt] = []
    *before, last = legs
    for leg in before:
        start = time.perf_counter()
        try:
            return await leg.chain.ainvoke(request), leg.backend, attempts
        except BackendError as error:
            if not error.retryable:
                raise
            attempts.append(Attempt(leg.backend, error.code, _ms_since(start)))
    return await last.chain.ainvoke(request), last.backend, attempts


def _rendered(prompt: PromptVersion, inputs: Mapping[str, Any], folder: Path) -> list[BaseMessage]:
    """The messages for inputs that nobody has checked: a second of work at the worst. Raises InvalidInput."""
    errors = prompt.validate(inputs)
    if errors:
        raise InvalidInput(f"The prompt {prompt} doesn't take these inputs. See errors.", errors)
    try:
        return prompt.invoke(dict(inputs)).to_messages()
    except PromptRenderError as error:
        place = "" if error.path is None else f"{error.path.relative_to(folder).as_posix()}:{error.line or ''}"
        field = FieldError("", error.code, f"{place.rstrip(':')}: {error.message}".lstrip(": "))
        raise InvalidInput(f"The prompt {prompt} fails on these inputs. See errors.", [field]) from error


def _identity(selection: Selection) -> PromptIdentity:
    prompt = selection.prompt
    return PromptIdentity(prompt.name, prompt.version, prompt.digest, selection.label)


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


def call_keywords(parameters: ModelParameters) -> dict[str, Any]:
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
