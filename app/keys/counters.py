"""Where limits are counted: in Redis, which all workers of all hosts share, or in each worker.

Without Redis each of `server.workers` gives a key its part of a limit. While Redis fails they do so too, so that an
outage of Redis neither stops the service nor lifts the limits.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from app.keys.redis_client import redis_client
from app.keys.slots import LEASE_S, LeasedSlots, OwnSlots
from app.keys.windows import OwnWindows, Standing
from app.sections import LimitSettings

if TYPE_CHECKING:
    from app.keys.shared_windows import SharedWindows

__all__ = ["Counters"]

T = TypeVar("T")

_log = logging.getLogger("copydesk.limits")
_SPARED_S = 5.0
"""How long Redis is left alone after it failed, so that an outage costs few requests its timeout."""


@dataclass(frozen=True, slots=True)
class _Shared:
    windows: "SharedWindows"
    slots: LeasedSlots
    close: Callable[[], Awaitable[None]]
    errors: tuple[type[Exception], ...]


class Counters:
    """The counts of all keys. `when_alone` is told each time that Redis failed. Raises ConfigurationError where the
    settings name a Redis that can't be used; it need not run."""

    def __init__(self, settings: LimitSettings, workers: int, when_alone: Callable[[], None] = lambda: None) -> None:
        self._windows = OwnWindows(workers)
        self._slots = OwnSlots(workers)
        self._shared = None if settings.redis_url is None else _shared(settings)
        self._when_alone = when_alone
        self._spared_until: float | None = None
        self._background: set[asyncio.Task[None]] = set()

    async def count_request(self, key_id: str, per_minute: int) -> bool:
        """Count a request, unless it is one too many: then False."""
        counted = await self._by_all(lambda windows: windows.count_request(key_id, per_minute))
        return self._windows.count_request(key_id, per_minute) if counted is None else counted

    async def requests(self, key_id: str, per_minute: int) -> Standing:
        found = await self._by_all(lambda windows: windows.requests(key_id, per_minute))
        return found or self._windows.requests(key_id, per_minute)

    async def tokens(self, key_id: str, per_minute: int) -> Standing:
        found = await self._by_all(lambda windows: windows.tokens(key_id, per_minute))
        return found or self._windows.tokens(key_id, per_minute)

    def spend(self, key_id: str, per_minute: int, tokens: int) -> None:
        """Count tokens that were spent; in Redis it is done when the event loop comes to it."""
        if self._shared is None:
            self._windows.spend(key_id, per_minute, tokens)
        else:
            self._soon(self._spend(key_id, per_minute, tokens))

    async def take_slot(self, key_id: str, concurrency: int) -> Callable[[], None] | None:
        """Take one of the key's slots: what gives it back, to be called once; None where all are taken."""
        shared = self._usable()
        if shared is not None:
            try:
                name = await shared.slots.take(key_id, concurrency)
            except shared.errors as error:
                self._lost(error)
            else:
                self._found()
                return None if name is None else lambda: self._soon(shared.slots.give_back(key_id, name))
        taken = self._slots.take(key_id, concurrency)
        return (lambda: self._slots.give_back(key_id)) if taken else None

    async def run(self) -> None:
        """Renew the leases of slots, as long as the worker lives."""
        while self._shared is not None:
            await asyncio.sleep(LEASE_S / 3)
            try:
                await self._shared.slots.renew()
            except self._shared.errors as error:
                self._lost(error)

    async def aclose(self) -> None:
        """Finish what was begun, and close the connections."""
        await asyncio.gather(*self._background, return_exceptions=True)
        if self._shared is not None:
            await self._shared.close()

    async def _by_all(self, count: Callable[["SharedWindows"], Awaitable[T]]) -> T | None:
        """What is counted in Redis; None where each worker counts for itself."""
        shared = self._usable()
        if shared is None:
            return None
        try:
            counted = await count(shared.windows)
        except shared.errors as error:
            self._lost(error)
            return None
        self._found()
        return counted

    async def _spend(self, key_id: str, per_minute: int, tokens: int) -> None:
        if await self._by_all(lambda windows: windows.spend(key_id, per_minute, tokens)) is None:
            self._windows.spend(key_id, per_minute, tokens)

    def _usable(self) -> _Shared | None:
        """Redis, unless it is spared. After an outage one request alone tries it."""
        if self._shared is None or self._spared_until is None:
            return self._shared
        now = asyncio.get_running_loop().time()
        if now < self._spared_until:
            return None
        self._spared_until = now + _SPARED_S
        return self._shared

    def _lost(self, error: Exception) -> None:
        if self._spared_until is None:
            _log.warning("limits.redis_url: Redis fails, each worker counts for itself: %s", type(error).__name__)
        self._spared_until = asyncio.get_running_loop().time() + _SPARED_S
        self._when_alone()

    def _found(self) -> None:
        if self._spared_until is not None:
            _log.info("limits.redis_url: Redis answers again")
            self._spared_until = None

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._tried(work))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _tried(self, work: Coroutine[Any, Any, None]) -> None:
        """Redis may be gone meanwhile: a lease that can't be given back ends by itself."""
        with suppress(*(self._shared.errors if self._shared else ())):
            await work


def _shared(settings: LimitSettings) -> _Shared:
    client = redis_client(settings)
    from limits.aio.storage import RedisStorage
    from redis.exceptions import RedisError

    from app.keys.shared_windows import SharedWindows

    storage = RedisStorage(
        f"async+{settings.redis_url}",
        implementation="redispy",
        key_prefix="copydesk",
        connection_pool=client.connection_pool,  # type: ignore[arg-type]
    )
    return _Shared(SharedWindows(storage), LeasedSlots(client), client.aclose, (RedisError, OSError))
