"""One question to a server for all who want its answer at the same time."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

__all__ = ["SingleFlight"]

T = TypeVar("T")


@dataclass(slots=True)
class _Flight(Generic[T]):
    task: asyncio.Task[T]
    waiting: int = 0


class SingleFlight(Generic[T]):
    """Whoever asks while the question is on its way gets the same answer, or the same error. The question ends when
    the last one who waits for it leaves. Each event loop asks for itself."""

    def __init__(self) -> None:
        self._flight: _Flight[T] | None = None

    async def ask(self, question: Callable[[], Coroutine[Any, Any, T]]) -> T:
        flight = self._flight
        if flight is None or flight.task.done() or flight.task.get_loop() is not asyncio.get_running_loop():
            flight = self._flight = _Flight(asyncio.create_task(question()))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                flight.task.cancel()
                self._flight = None if self._flight is flight else self._flight
