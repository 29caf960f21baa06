"""How long answers take, learned from those that were given."""

import math
from collections import deque
from dataclasses import dataclass

__all__ = ["Estimate", "ServiceTimes"]

_WINDOW = 32
_TRUSTED_AFTER = 3
_LOW, _HIGH = 0.25, 0.9
_ASSUMED_S = 2.0
_PROBE_AFTER_COSTS, _PROBE_AFTER_AT_LEAST_S, _PROBE_AFTER_AT_MOST_S = 5, 5.0, 30.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """The service times of one kind of request, in seconds.

    A quarter of the answers took `low` or less, nine in ten `high` or less.
    """

    low: float
    high: float


class ServiceTimes:
    """The last 32 service times of each kind of request.

    Quantiles are taken so that one slow answer among many moves none of them. Whoever refuses requests because of an
    estimate will get no answer that could correct it: `probe` lets one of them through now and then, and its answer
    replaces all that was known of the kind.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, deque[float]] = {}
        self._estimates: dict[str, Estimate] = {}
        self._probe_at: dict[str, float] = {}
        self._typical_s: float | None = None

    @property
    def ignorant(self) -> bool:
        """Whether nothing was observed yet, so that every cost is a guess."""
        return self._typical_s is None

    def estimate(self, kind: str) -> Estimate | None:
        """None as long as fewer than three answers are known: too few to refuse anybody."""
        return self._known(kind) if len(self._seconds.get(kind, ())) >= _TRUSTED_AFTER else None

    def _known(self, kind: str) -> Estimate | None:
        """Made where it is asked for: most answers come while nobody has a deadline or waits."""
        if kind not in self._estimates and (times := self._seconds.get(kind)):
            ordered = sorted(times)
            last = len(ordered) - 1
            self._estimates[kind] = Estimate(low=ordered[int(_LOW * last)], high=ordered[int(_HIGH * last)])
        return self._estimates.get(kind)

    def cost(self, kind: str) -> float:
        """What a request of the kind will probably take, in seconds: a guess where nothing is known."""
        known = self._seconds.get(kind)
        return sum(known) / len(known) if known else self._typical_s or _ASSUMED_S

    def answered(self, kind: str, seconds: float, now: float, *, probe: bool = False) -> None:
        """Learn from a success."""
        if probe:
            self._seconds.pop(kind, None)
        self._learn(kind, seconds, now)

    def failed(self, kind: str, seconds: float, now: float) -> None:
        """Learn from a failure that took longer than most answers: the answer would have taken longer still.

        Without that, a backend that becomes slower than every deadline would go on being believed to be quick.
        A quick failure teaches nothing.
        """
        known = self._known(kind)
        if seconds > (known.high if known else self._typical_s or _ASSUMED_S):
            self._learn(kind, seconds, now)

    def probe(self, kind: str, now: float) -> bool:
        """Whether a request that the estimate speaks against shall be let through all the same, to see."""
        due = now >= self._probe_at.get(kind, -math.inf)
        if due:
            self._schedule_probe(kind, now)
        return due

    def _learn(self, kind: str, seconds: float, now: float) -> None:
        times = self._seconds.setdefault(kind, deque(maxlen=_WINDOW))
        times.append(seconds)
        self._estimates.pop(kind, None)
        self._typical_s = seconds if self._typical_s is None else self._typical_s + (seconds - self._typical_s) / 8
        self._schedule_probe(kind, now)

    def _schedule_probe(self, kind: str, now: float) -> None:
        after = max(_PROBE_AFTER_AT_LEAST_S, min(_PROBE_AFTER_COSTS * self.cost(kind), _PROBE_AFTER_AT_MOST_S))
        self._probe_at[kind] = now + after
