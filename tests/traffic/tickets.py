"""Requests for admission, and what becomes of them."""

import asyncio
from dataclasses import dataclass, field

from chains.errors import BackendBusy, BackendTimeout
from chains.terms import Priority, Terms
from chains.traffic.admission import Admission

__all__ = ["HIGH", "LOW", "NORMAL", "Asks", "Gate"]

HIGH, NORMAL, LOW = Priority.HIGH, Priority.NORMAL, Priority.LOW


@dataclass(frozen=True)
class Asks:
    """A ticket for a request that takes `seconds`; `until` is its deadline."""

    caller: str = "a"
    priority: Priority = NORMAL
    kind: str = "summarize"
    until: float | None = None
    seconds: float = 1.0
    name: str = ""
    error: BaseException | None = None
    begun: bool = False
    background: bool = False

    @property
    def rank(self) -> int:
        return Terms(priority=self.priority, background=self.background).rank

    def deadline(self) -> float | None:
        return self.until


@dataclass
class Gate:
    """An admission, and the requests that went through it: the names in the order of their start, and how many seconds
    each waited; the refusals by name, with the moment of each."""

    admission: Admission
    served: list[str] = field(default_factory=list)
    waited: dict[str, float] = field(default_factory=dict)
    refused: dict[str, BackendBusy | BackendTimeout] = field(default_factory=dict)
    refused_at: dict[str, float] = field(default_factory=dict)

    async def ask(self, asks: Asks) -> None:
        name = asks.name or asks.caller
        try:
            async with self.admission.slot(asks) as waited:
                self.served.append(name)
                self.waited[name] = waited
                await asyncio.sleep(asks.seconds)
                if asks.error is not None:
                    raise asks.error
        except (BackendBusy, BackendTimeout) as error:
            self.refused[name] = error
            self.refused_at[name] = asyncio.get_running_loop().time()

    def start(self, asks: Asks) -> asyncio.Task[None]:
        return asyncio.create_task(self.ask(asks))

    async def begin(self, *asked: Asks) -> list[asyncio.Task[None]]:
        """Start requests one after another; they hold a slot, wait or are refused when this returns."""
        tasks = []
        for asks in asked:
            tasks.append(self.start(asks))
            await asyncio.sleep(0)
        return tasks

    async def teach(self, *seconds: float, kind: str = "summarize") -> None:
        """Let answers take so long, one after another."""
        for each in seconds:
            async with self.admission.slot(Asks("teacher", kind=kind)):
                await asyncio.sleep(each)
