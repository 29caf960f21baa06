"""Routes: which backends may serve a task, in what order, and how one takes over from another."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

from langchain_core.runnables import Runnable

from chains.errors import BackendError, ConfigurationError, DeadlineExceeded
from chains.task import TaskInput
from chains.terms import current_terms
from chains.traffic.lane import Lane
from chains.traffic.sharing import Generation

__all__ = ["DEFAULT_ROUTE", "Leg", "along", "checked_routes", "in_own_task", "streamed_along", "until"]

T = TypeVar("T")

DEFAULT_ROUTE = "default"
"""The route of every task that has none of its own."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One backend of a route, with the task's chains composed for it."""

    lane: Lane
    chain: Runnable[Any, Any]
    stream: Callable[[Any], AsyncGenerator[Any, None]] | None

    @property
    def backend(self) -> str:
        return self.lane.backend


async def along(legs: Sequence[Leg], request: TaskInput) -> tuple[Any, str]:
    """The output of the first leg that gives one, and the name of its backend."""
    *before, last = legs
    for leg in before:
        try:
            return await leg.chain.ainvoke(request), leg.backend
        except BackendError as error:
            _fall_back(error, leg)
    return await last.chain.ainvoke(request), last.backend


async def streamed_along(legs: Sequence[Leg], request: TaskInput) -> AsyncGenerator[tuple[Any, str], None]:
    """The items of the first leg that gives one, each with the name of its backend."""
    for position, leg in enumerate(legs):
        assert leg.stream is not None
        said = False
        try:
            async with aclosing(leg.stream(request)) as items:
                async for item in items:
                    said = True
                    yield item, leg.backend
            return
        except BackendError as error:
            if said or position == len(legs) - 1:
                raise
            _fall_back(error, leg)


def _fall_back(error: BackendError, leg: Leg) -> None:
    """Let the next backend try; raises an error that another try can't mend."""
    if not error.retryable:
        raise error
    leg.lane.meter.fell_back(leg.backend, current_terms().task, error.code)


async def in_own_task(source: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """The items of a source that runs in a task of its own, so that its context and deadline are its own too."""
    generation: Generation[T] = Generation()
    follower = generation.join(None)
    task = generation.start(source)
    try:
        async with aclosing(generation.follow()) as items:
            async for item in items:
                yield item
    finally:
        generation.leave(follower)
        await asyncio.wait({task})


def until(deadline_ms: int | None) -> AbstractAsyncContextManager[None]:
    """Raises DeadlineExceeded where the block isn't through in time."""
    return nullcontext() if deadline_ms is None else _in_time(deadline_ms)


@asynccontextmanager
async def _in_time(deadline_ms: int) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(deadline_ms / 1000) as deadline:
            yield
    except TimeoutError:
        if not deadline.expired():
            raise
        raise DeadlineExceeded(deadline_ms) from None


def checked_routes(
    tasks: Mapping[str, Any],
    backends: Mapping[str, Any],
    routes: Mapping[str, Sequence[str]],
    cached: Collection[str] = (),
) -> dict[str, tuple[str, ...]]:
    """The backends of each task. Raises ConfigurationError for whatever names something that doesn't exist."""
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
    problems += [
        f"cache.tasks: there is no task {name!r}; there are {', '.join(tasks)}" for name in cached if name not in tasks
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
