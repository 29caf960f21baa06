"""A model that holds its answers until a test lets them go, for tests of who comes next: no clock decides it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.app.jobs.kit import CountingModel

__all__ = ["HoldingModel"]


@dataclass
class HoldingModel(CountingModel):
    """A CountingModel that can be told to hold its answers, from any thread. `arrivals` are the numbers of all requests
    in the order in which they came, `held` those whose answers are held now, `allowed` is how many more are let go at
    once."""

    arrivals: list[int] = field(default_factory=list)
    allowed: int = 0
    _is_holding: bool = False
    _gates: dict[int, asyncio.Event] = field(default_factory=dict)

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()

    @property
    def held(self) -> list[int]:
        """The oldest first."""
        return [number for number, gate in list(self._gates.items()) if not gate.is_set()]

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Hold the answers of all requests that arrive inside the block, at the longest until its end."""
        self._is_holding = True
        try:
            yield
        finally:
            self.let_all_go()

    def let_all_go(self) -> None:
        self._is_holding, self.allowed = False, 0
        for number in self.held:
            self.let_go(number)

    def let_go(self, number: int) -> None:
        """Let the answer to a request go that is held."""
        if gate := self._gates.get(number):  # unless its caller has left
            self._loop.call_soon_threadsafe(gate.set)

    def allow(self, answers: int) -> None:
        """Let so many go, the oldest that are held first."""
        self._loop.call_soon_threadsafe(self._allow, answers)

    def _allow(self, answers: int) -> None:
        self.allowed += answers
        for number in self.held[: self.allowed]:
            self.allowed -= 1
            self._gates[number].set()

    async def waited(self, number: int) -> None:
        self.arrivals.append(number)
        if self.allowed or not self._is_holding:
            self.allowed -= self._is_holding
            return
        gate = self._gates[number] = asyncio.Event()
        try:
            await gate.wait()
        finally:
            del self._gates[number]
