"""Requests and tokens per minute, counted by the `limits` library: in this process, or in Redis for all.

Requests are counted in a window that slides: at no time were there more in the last 60 s, as far as two counters can
tell (the one of the minute before counts by the part of it that is still within 60 s). Tokens are known only when they
are spent, so that a window can be overdrawn: it begins with the first tokens and ends 60 s later, and once they are
used up nothing more is let in until then.
"""

import time
from dataclasses import dataclass

from limits import RateLimitItemPerMinute
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter, SlidingWindowCounterRateLimiter

__all__ = ["MinuteWindows", "Standing"]

WINDOW_S = 60


@dataclass(frozen=True, slots=True)
class Standing:
    """How much of a limit is left. `unit` is `requests` or `tokens`, `reset_s` the seconds until there is more."""

    unit: str
    limit: int
    remaining: int
    reset_s: float


class MinuteWindows:
    """The windows of all keys. Where `sharers` processes count for themselves, each gives a key its part of a limit,
    and at least one. Raises what the storage raises."""

    def __init__(self, storage: Storage, sharers: int = 1) -> None:
        self._requests = SlidingWindowCounterRateLimiter(storage)
        self._tokens = FixedWindowRateLimiter(storage)
        self._sharers = sharers

    async def count_request(self, key_id: str, per_minute: int) -> bool:
        """Count a request, unless it is one too many: then False."""
        return await self._requests.hit(self._item(per_minute), "requests", key_id)

    async def requests(self, key_id: str, per_minute: int) -> Standing:
        item = self._item(per_minute)
        stats = await self._requests.get_window_stats(item, "requests", key_id)
        return _standing("requests", item.amount, stats.remaining, stats.reset_time)

    async def spend(self, key_id: str, per_minute: int, tokens: int) -> None:
        """Count tokens that were spent."""
        await self._tokens.hit(self._item(per_minute), "tokens", key_id, cost=tokens)

    async def tokens(self, key_id: str, per_minute: int) -> Standing:
        item = self._item(per_minute)
        stats = await self._tokens.get_window_stats(item, "tokens", key_id)
        return _standing("tokens", item.amount, stats.remaining, stats.reset_time)

    def _item(self, per_minute: int) -> RateLimitItemPerMinute:
        return RateLimitItemPerMinute(max(1, per_minute // self._sharers), namespace="copydesk")


def _standing(unit: str, limit: int, remaining: int, reset_at: float) -> Standing:
    return Standing(unit, limit, max(remaining, 0), min(max(reset_at - time.time(), 0.0), WINDOW_S))
