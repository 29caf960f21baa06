"""Requests and tokens per minute, counted in Redis for all processes by the `limits` library, which is imported only
then. `OwnWindows` (app/keys/windows.py) counts the same way."""

import time
from typing import TYPE_CHECKING

from limits import RateLimitItemPerMinute
from limits.aio.strategies import FixedWindowRateLimiter, SlidingWindowCounterRateLimiter

from app.keys.windows import WINDOW_S, Standing

if TYPE_CHECKING:
    from limits.aio.storage import Storage

__all__ = ["SharedWindows"]


class SharedWindows:
    """The windows of all keys. Raises what the storage raises."""

    def __init__(self, storage: "Storage") -> None:
        self._requests = SlidingWindowCounterRateLimiter(storage)
        self._tokens = FixedWindowRateLimiter(storage)

    async def count_request(self, key_id: str, per_minute: int) -> bool:
        """Count a request, unless it is one too many: then False."""
        return await self._requests.hit(_item(per_minute), "requests", key_id)

    async def requests(self, key_id: str, per_minute: int) -> Standing:
        stats = await self._requests.get_window_stats(_item(per_minute), "requests", key_id)
        return _standing("requests", per_minute, stats.remaining, stats.reset_time)

    async def spend(self, key_id: str, per_minute: int, tokens: int) -> bool:
        """Count tokens that were spent; False where more are spent than there were."""
        return await self._tokens.hit(_item(per_minute), "tokens", key_id, cost=tokens)

    async def tokens(self, key_id: str, per_minute: int) -> Standing:
        stats = await self._tokens.get_window_stats(_item(per_minute), "tokens", key_id)
        return _standing("tokens", per_minute, stats.remaining, stats.reset_time)


def _item(per_minute: int) -> RateLimitItemPerMinute:
    return RateLimitItemPerMinute(max(1, per_minute), namespace="copydesk")


def _standing(unit: str, limit: int, remaining: int, reset_at: float) -> Standing:
    return Standing(unit, limit, max(remaining, 0), min(max(reset_at - time.time(), 0.0), WINDOW_S))
