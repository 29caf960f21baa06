"""Requests of one priority that wait for a slot, in an order that is fair among callers.

Start-time fair queueing (Goyal, Vin and Cheng, 1996): a request's tag is the service time that its caller has been
charged for, but no less than the tag of the last request that left the queue to be served. The lowest tag goes first,
then the first come. A request is charged by what it will probably take; what it took in the end is settled with its
caller's next ones. So each caller that always has something waiting gets the same share, and nobody saves up a share
that he doesn't use.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

__all__ = ["FairQueue", "Waits"]

_SWEEP_AT = 64


class Waits(Protocol):
    """A request in the queue: whose, and the seconds of service time that it will probably take."""

    @property
    def caller(self) -> str: ...

    @property
    def cost(self) -> float: ...


W = TypeVar("W", bound=Waits)
_Key = tuple[float, int]


@dataclass(slots=True)
class _Account(Generic[W]):
    """What a caller has been charged for, in seconds of virtual time, and what it has waiting and running.

    `ahead` is what it was charged too early: virtual time passed it by while its requests ran.
    """

    charged: float = 0.0
    ahead: float = 0.0
    waiting: dict[W, _Key] = field(default_factory=dict)
    running: int = 0


class FairQueue(Generic[W]):
    """Waiting requests, each at most once. Adding, taking and removing cost microseconds among 10,000."""

    def __init__(self) -> None:
        self._keys: list[_Key] = []
        self._waiters: list[W] = []
        self._costs: list[float] = []
        self._accounts: dict[str, _Account[W]] = {}
        self._debts: dict[str, float] = {}
        self._callers_by_count: dict[int, dict[str, None]] = {}
        self._largest = 0
        self._now = self._highest = 0.0
        self._arrivals = 0
        self._sweep_at = _SWEEP_AT

    def __len__(self) -> int:
        return len(self._waiters)

    @property
    def costs(self) -> Sequence[float]:
        """The costs of those that wait, in their order."""
        return self._costs

    def costs_before(self, caller: str) -> Sequence[float]:
        """The costs of those that would be served before a new request of the caller."""
        return self._costs[: bisect_right(self._keys, (self._tag(caller), self._arrivals))]

    @property
    def callers(self) -> int:
        """How many callers have something waiting or running."""
        return len(self._accounts)

    def waiting(self, caller: str) -> int:
        account = self._accounts.get(caller)
        return len(account.waiting) if account else 0

    def greediest(self) -> W:
        """The newest request of the caller who has most waiting; among several such, of the last to get there."""
        return next(reversed(self._accounts[next(reversed(self._callers_by_count[self._largest]))].waiting))

    @property
    def largest(self) -> int:
        """How many requests that caller has waiting."""
        return self._largest

    def add(self, waiter: W) -> None:
        """Let a request wait; its caller is charged for it."""
        key = self._tag(waiter.caller), self._arrivals
        self._arrivals += 1
        place = bisect_left(self._keys, key)
        self._keys.insert(place, key)
        self._waiters.insert(place, waiter)
        self._costs.insert(place, waiter.cost)
        account = self._charged(waiter.caller, waiter.cost)
        account.waiting[waiter] = key
        self._count(waiter.caller, len(account.waiting) - 1, len(account.waiting))

    def take(self) -> W:
        """The request whose turn it is; it runs from now on. Raises IndexError where none waits."""
        waiter, (tag, _) = self._waiters[0], self._keys[0]
        self._drop(0)
        self._now = max(self._now, tag)
        self._accounts[waiter.caller].running += 1
        return waiter

    def remove(self, waiter: W) -> None:
        """Take back a request that waits; its caller gets the charge back."""
        account = self._accounts[waiter.caller]
        self._drop(bisect_left(self._keys, account.waiting[waiter]))
        account.charged -= waiter.cost
        self._close_idle(waiter.caller, account)

    def start(self, caller: str, cost: float) -> None:
        """Charge a request that runs without having waited. Nobody was short of anything: old debts are forgotten."""
        self._now = self._highest
        self._debts.clear()
        self._charged(caller, cost).running += 1

    def finish(self, caller: str, cost: float, used: float) -> None:
        """A request that ran has ended: charge the service time that it used instead of what was expected."""
        account = self._accounts[caller]
        account.running -= 1
        settled = min(account.ahead, max(0.0, used - cost))
        account.charged += used - cost - settled
        self._highest = max(self._highest, account.charged)
        account.ahead = account.ahead - settled if account.running else 0.0
        self._close_idle(caller, account)

    def _tag(self, caller: str) -> float:
        account = self._accounts.get(caller)
        if account is None:
            return max(self._now, self._debts.get(caller, 0.0))
        newest = next(reversed(account.waiting.values()))[0] if account.waiting else 0.0
        return max(self._now, account.charged, newest)

    def _charged(self, caller: str, cost: float) -> _Account[W]:
        account = self._accounts.get(caller)
        if account is None:
            account = self._accounts[caller] = _Account(self._debts.pop(caller, 0.0))
        if account.charged < self._now:
            account.ahead += self._now - account.charged if account.running else 0.0
            account.charged = self._now
        account.charged += cost
        self._highest = max(self._highest, account.charged)
        return account

    def _close_idle(self, caller: str, account: _Account[W]) -> None:
        """Of a caller that has nothing here any more, only a debt is kept."""
        if account.waiting or account.running:
            return
        del self._accounts[caller]
        if account.charged > self._now:
            self._debts[caller] = account.charged
        if len(self._debts) >= self._sweep_at:
            self._debts = {caller: charged for caller, charged in self._debts.items() if charged > self._now}
            self._sweep_at = max(_SWEEP_AT, 2 * len(self._debts))

    def _drop(self, place: int) -> None:
        waiter = self._waiters[place]
        del self._keys[place], self._waiters[place], self._costs[place]
        waiting = self._accounts[waiter.caller].waiting
        del waiting[waiter]
        self._count(waiter.caller, len(waiting) + 1, len(waiting))

    def _count(self, caller: str, before: int, after: int) -> None:
        if before:
            del self._callers_by_count[before][caller]
            if not self._callers_by_count[before]:
                del self._callers_by_count[before]
        if after:
            self._callers_by_count.setdefault(after, {})[caller] = None
        if after > self._largest or (before == self._largest and before not in self._callers_by_count):
            self._largest = after
