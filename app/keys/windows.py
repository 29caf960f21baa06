"""Requests and tokens per minute, as this process counts them for itself.

Requests are counted in a window that slides: at no time were there more in the last 60 s, as far as two counters can
tell (the one of the minute before counts by the part of it that is still within 60 s). Tokens are known only when they
are spent, so that a window can be overdrawn: it begins with the first tokens and ends 60 s later, and once they are
used up nothing more is let in until then.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["WINDOW_S", "OwnWindows", "Standing"]

WINDOW_S = 60


@dataclass(frozen=True, slots=True)
class Standing:
    """How much of a limit is left. `unit` is `requests` or `tokens`, `reset_s` the seconds until there is more."""

    unit: str
    limit: int
    remaining: int
    reset_s: float


class OwnWindows:
    """The windows of all keys: of one of `sharers` processes, each of which gives a key its part of a limit, and at
    least one. They count as the `limits` library does, whose storage in memory goes through all keys at each request.
    `clock` tells seconds since the epoch."""

    def __init__(self, sharers: int = 1, clock: Callable[[], float] = time.time) -> None:
        self._sharers = sharers
        self._clock = clock
        self._minute = 0
        # By key and limit: the requests of this minute, and those of the one before.
        self._counted: dict[tuple[str, int], int] = {}
        self._before: dict[tuple[str, int], int] = {}
        # By the same: when the window of tokens ends, and what was spent in it.
        self._spent: dict[tuple[str, int], tuple[float, int]] = {}

    def count_request(self, key_id: str, per_minute: int) -> bool:
        """Count a request, unless it is one too many: then False."""
        limit, now = self._share(per_minute), self._now()
        place = key_id, limit
        counted = self._counted.get(place, 0)
        if int(self._before.get(place, 0) * _left(now) / WINDOW_S + counted) >= limit:
            return False
        self._counted[place] = counted + 1
        return True

    def requests(self, key_id: str, per_minute: int) -> Standing:
        limit, now = self._share(per_minute), self._now()
        counted, before = self._counted.get((key_id, limit), 0), self._before.get((key_id, limit), 0)
        left = _left(now)
        remaining = limit - int(before * left / WINDOW_S + counted)
        # Of those of the minute before, one less counts after each part of this one.
        reset_s = left % (WINDOW_S / before) if before else left * bool(counted)
        return Standing("requests", limit, max(0, remaining), reset_s)

    def spend(self, key_id: str, per_minute: int, tokens: int) -> None:
        """Count tokens that were spent."""
        place, now = (key_id, self._share(per_minute)), self._now()
        ends, spent = self._spent.get(place, (now, 0))
        self._spent[place] = (now + WINDOW_S, tokens) if ends <= now else (ends, spent + tokens)

    def tokens(self, key_id: str, per_minute: int) -> Standing:
        limit, now = self._share(per_minute), self._now()
        ends, spent = self._spent.get((key_id, limit), (now, 0))
        if ends <= now:
            return Standing("tokens", limit, limit, 0.0)
        return Standing("tokens", limit, max(0, limit - spent), min(ends - now, WINDOW_S))

    def _share(self, per_minute: int) -> int:
        return max(1, per_minute // self._sharers)

    def _now(self) -> float:
        """The time. With each minute that begins, what counts no longer is forgotten; so it is where the clock was set
        back by more than a minute, or nobody would be let in until it is as late as before."""
        now = self._clock()
        minute = int(now // WINDOW_S)
        if not self._minute - 1 <= minute <= self._minute:
            self._before = self._counted if minute == self._minute + 1 else {}
            self._counted, self._minute = {}, minute
            self._spent = {place: window for place, window in self._spent.items() if now < window[0] <= now + WINDOW_S}
        return now


def _left(now: float) -> float:
    """Seconds that are left of the current minute: so much of the one before is still within 60 s."""
    return WINDOW_S - now % WINDOW_S
