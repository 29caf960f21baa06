"""Runs tasks: picks the prompt version and the backend, runs the chain that was composed at start-up."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from chains.account import NO_BOOKS, Bills
from chains.backends.configuration import Closes
from chains.choice import Choice, identity_of, recall
from chains.documents import DocumentReader
from chains.errors import DraftRefused, UnknownBackend, UnknownPrompt, UnknownTask
from chains.prompts import PRODUCTION, ModelParameters, PromptSet, PromptVersion, Selection, contract_problems, select
from chains.prompts.selection import by_label, by_version
from chains.rendering import render
from chains.result import PromptIdentity, RenderedPrompt, TaskResult
from chains.routing import DEFAULT_ROUTE, Leg, along, checked_routes, in_own_task, streamed_along, until
from chains.served import Served
from chains.task import Parts, Task, TaskInput
from chains.terms import Terms
from chains.traffic.lane import Lane

__all__ = ["DEFAULT_ROUTE", "Runner", "call_keywords", "parts_of"]

StreamItem = str | TaskResult[Any]
"""A piece of text, or, at last, the result, whose text is these pieces joined."""


class _Edition:
    """One prompt set with the chains composed over it. A request keeps its edition while the next one takes over."""

    def __init__(self, prompts: PromptSet) -> None:
        self.prompts = prompts
        self.legs: dict[tuple[str, str, str], Leg] = {}
        self._composed: set[tuple[str, str]] = set()

    def is_composed(self, task: str, version: str) -> bool:
        return (task, version) in self._composed

    def add(self, task: str, version: str, leg: Leg) -> None:
        self.legs[task, version, leg.backend] = leg
        self._composed.add((task, version))


class Runner:
    """The tasks over one prompt set and one set of backends.

    `routes` gives each task an ordered list of backend names; `default` serves the tasks without one. A
    retryable error of a backend makes the next one of the route try. `allow_drafts` lets requests name versions
    that aren't released; `cached` are the tasks whose answers may be kept; `documents` reads what comes instead of a
    text; `books` hear what each request came to; `may_draft` tells by a caller's id whether it may name drafts, where
    these are allowed. The prompts have passed `serving_problems`. Raises ConfigurationError where a route names what
    doesn't exist.
    """

    def __init__(
        self,
        tasks: Mapping[str, Task[Any, Any]],
        prompts: PromptSet,
        backends: Mapping[str, Lane],
        routes: Mapping[str, Sequence[str]],
        *,
        allow_drafts: bool = False,
        cached: Collection[str] = (),
        documents: DocumentReader | None = None,
        books: Bills = NO_BOOKS,
        may_draft: Callable[[str], bool] = lambda caller: True,
    ) -> None:
        _switch_tracing_off()
        self.tasks = tasks
        self.backends = backends
        self.allow_drafts = allow_drafts
        self._cached = frozenset(cached)
        self._documents = documents or DocumentReader()
        self._books = books
        self._may_draft = may_draft
        self.routes = checked_routes(tasks, backends, routes, cached)
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
                    self._legs(edition, name, prompts.get(name, target.version), self.routes[name])
        return edition

    def _legs(self, edition: _Edition, task: str, prompt: PromptVersion, route: Sequence[str]) -> list[Leg]:
        """The task's chains on the backends of a route.

        What the last probe found unusable comes last: a wrong model or key there must not cost the task, as long as
        another backend serves it.
        """
        legs = [self._leg(edition, task, prompt, name) for name in route]
        return legs if len(legs) == 1 else sorted(legs, key=lambda leg: not leg.lane.is_usable)

    def _leg(self, edition: _Edition, task: str, prompt: PromptVersion, backend: str) -> Leg:
        key = task, prompt.version, backend
        if key not in edition.legs:
            if backend not in self.backends:
                raise UnknownBackend(backend, list(self.backends))
            edition.add(task, prompt.version, self._compose(task, prompt, backend))
        return edition.legs[key]

    def _compose(self, name: str, prompt: PromptVersion, backend: str) -> Leg:
        task = self.tasks[name]
        lane = self.backends[backend]
        parts = parts_of(prompt, lane)
        return Leg(lane, task.compose(parts), task.stream(parts) if task.stream else None)

    def task(self, name: str) -> Task[Any, Any]:
        """Raises UnknownTask, which lists the tasks that exist."""
        if name not in self.tasks:
            raise UnknownTask(name, list(self.tasks))
        return self.tasks[name]

    def prompt(self, task: str) -> PromptIdentity:
        """The prompt version that serves whoever names none and isn't sent to the canary."""
        return identity_of(select(self.prompts, task, PRODUCTION))

    def choose(self, task: str, request: TaskInput, caller: str = "") -> Choice:
        """Decide now what shall answer a request that runs later. Raises UnknownTask, UnknownPrompt, UnknownBackend."""
        selection, legs = self._chosen(task, request, caller)
        return Choice(identity_of(selection), tuple(leg.backend for leg in legs))

    async def run(
        self,
        task: str,
        request: TaskInput,
        *,
        caller: str = "",
        request_id: str = "-",
        choice: Choice | None = None,
        background: bool = False,
        repeat: int = 0,
    ) -> TaskResult[Any]:
        """Run a task on a validated input. `caller` is the id of the caller's key: it decides about the canary, and
        fairness, sharing and the cache go by it. `request_id` stands in log lines. A `choice` that was made before
        holds, whatever the labels and the routes have become. What runs in the `background` gives way to all else. What
        differs in `repeat` shares no answer.

        Raises UnknownPrompt and UnknownBackend for what the input names and doesn't exist, DeadlineExceeded past the
        input's `deadline_ms`, what DocumentReader.read raises, and what the chain does: BackendError, OutputError,
        InvalidInput.
        """
        selection, legs = self._chosen(task, request, caller, choice)
        with self._served(task, request, caller, request_id, selection, background, repeat) as served:
            async with until(request.deadline_ms):
                read = await self._documents.read(request)
                output, backend = await along(legs, read.request)
        return served.result(output, backend, read)

    def stream(
        self, task: str, request: TaskInput, *, caller: str = "", request_id: str = "-"
    ) -> AsyncGenerator[StreamItem, None]:
        """Run a task that can stream: pieces of its text while they are written, and at last the result.

        Raises what `run` raises, when the first item is asked for or later. Another backend of the route takes over
        only before the first piece. Closed early, the generation stops.
        """
        return in_own_task(self._streamed(task, request, caller, request_id))

    async def _streamed(
        self, task: str, request: TaskInput, caller: str, request_id: str
    ) -> AsyncGenerator[StreamItem, None]:
        selection, legs = self._chosen(task, request, caller)
        with self._served(task, request, caller, request_id, selection) as served:
            async with until(request.deadline_ms):
                read = await self._documents.read(request)
                async with aclosing(streamed_along(legs, read.request)) as items:
                    async for item, backend in items:
                        is_text = isinstance(item, str)
                        yield item if is_text else served.result(item, backend, read)

    def _chosen(
        self, task: str, request: TaskInput, caller: str, choice: Choice | None = None
    ) -> tuple[Selection, list[Leg]]:
        self.task(task)
        edition = self._edition
        if choice is not None:
            selection = recall(edition.prompts, choice)
            return selection, self._legs(edition, task, selection.prompt, choice.route)
        selection = self._select(edition, task, request, caller)
        route = (request.backend,) if request.backend else self.routes[task]
        return selection, self._legs(edition, task, selection.prompt, route)

    def _served(
        self,
        task: str,
        request: TaskInput,
        caller: str,
        request_id: str,
        selection: Selection,
        background: bool = False,
        repeat: int = 0,
    ) -> Served:
        deadline_ms = request.deadline_ms
        terms = Terms(
            caller=caller,
            task=task,
            priority=request.priority,
            deadline=asyncio.get_running_loop().time() + deadline_ms / 1000 if deadline_ms else None,
            share=not request.bypass_cache,
            cache=task in self._cached and not request.bypass_cache,
            background=background,
            repeat=repeat,
        )
        return Served(terms, identity_of(selection), request_id, self._books)

    def _select(self, edition: _Edition, task: str, request: TaskInput, caller: str) -> Selection:
        selection = select(
            edition.prompts,
            task,
            request.prompt,
            caller=caller,
            session=request.session,
            allow_drafts=self.allow_drafts,
        )
        is_draft = selection.label is None and not edition.prompts.is_released(selection.prompt)
        if is_draft and not self._may_draft(caller):
            raise DraftRefused(str(selection.prompt))
        if not edition.is_composed(task, selection.prompt.version):  # what is composed was checked before
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
        models = [self.backends[backend].model for backend in self.routes.get(name, self._default_route)]
        return await render(selection, inputs, prompts.folder, models)

    async def aclose(self) -> None:
        """Cancel what still runs, close the backends' connections and end the parsers of documents."""
        for lane in self.backends.values():
            await lane.aclose()
            if isinstance(lane.model, Closes):
                await lane.model.aclose()
        await self._documents.aclose()


def parts_of(prompt: PromptVersion, lane: Lane) -> Parts:
    """What chains are composed from: the version, and each helper prompt that it pins, on one backend."""
    return Parts(
        prompt,
        lane,
        call_keywords(prompt.parameters),
        lane.capabilities,
        {name: parts_of(helper, lane) for name, helper in prompt.uses.items()},
    )


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
