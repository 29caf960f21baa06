"""A request on its way through the queue."""

import asyncio
import math
from typing import Protocol

from chains.errors import BackendBusy

__all__ = ["Request", "Ticket"]


class Ticket(Protocol):
    """What a request asks for admission with.

    `rank` is that of its terms: the lowest goes first. `caller` is whom fairness goes by; requests of one `kind` take
    about as long. `deadline` is until when its answer is of use, by the event loop's clock; it may change while the
    request waits. None: for ever. `begun` says whether a part of the answer is there: whoever leaves then had what was
    wanted.
    """

    @property
    def caller(self) -> str: ...

    @property
    def rank(self) -> int: ...

    @property
    def kind(self) -> str: ...

    @property
    def begun(self) -> bool: ...

    def deadline(self) -> float | None: ...


class Request:
    """A request that waits (`waits`), runs (from `started` on), or neither any more."""

    def __init__(self, ticket: Ticket, cost: float, arrived: float) -> None:
        self.ticket = ticket
        self.caller = ticket.caller
        self.rank = ticket.rank
        self.kind = ticket.kind
        self.cost = cost
        self.arrived = arrived
        self.predicted_wait = 0.0
        self.started = math.inf
        self.waits = False
        self.is_probe = False
        self.outcome: asyncio.Future[BackendBusy | None] = asyncio.get_running_loop().create_future()
        self.timer: asyncio.TimerHandle | None = None

    @property
    def is_cancelled(self) -> bool:
        """Whether its task was cancelled in the queue, and has not run since."""
        return self.outcome.cancelled()

    def wake(self, error: BackendBusy | None) -> None:
        if not self.is_cancelled:
            self.outcome.set_result(error)
