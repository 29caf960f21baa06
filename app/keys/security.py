"""All parts of keys, put together for one worker."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sqlalchemy.exc import DBAPIError

from app.keys.budget import RefreshedSpending
from app.keys.counters import Counters
from app.keys.entrance import Entrance
from app.keys.first_key import read_first_key
from app.keys.keyring import Keyring
from app.keys.quotas import Quotas
from app.settings import Settings
from app.store import Database

__all__ = ["Security", "check_settings"]

_log = logging.getLogger("copydesk.keys")
_SUMS_S = 5.0


def check_settings(settings: Settings) -> None:
    """Raises ConfigurationError where `keys.first_key_file` or `limits.redis_url` can't be used. Calls nothing."""
    if settings.keys.first_key_file is not None:
        read_first_key(settings.keys.first_key_file)
    Counters(settings.limits, settings.server.workers)


class Security:
    """The keys of a worker, who may come in with them, and their limits; `sums` know what they spend. Raises
    ConfigurationError where `keys.first_key_file` or `limits.redis_url` can't be used."""

    def __init__(
        self, settings: Settings, database: Database, sums: RefreshedSpending, when_alone: Callable[[], None]
    ) -> None:
        self.keyring = Keyring(database, settings.keys)
        self.entrance = Entrance(self.keyring, settings.server.host)
        self._counters = Counters(settings.limits, settings.server.workers, when_alone)
        self._sums = sums
        self.quotas = Quotas(self.keyring, self._counters, self._sums)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read the keys, and keep them fresh as long as the block runs; the database has been upgraded before."""
        await self.keyring.refresh()
        await self._sums.refresh()
        tasks = [asyncio.create_task(work) for work in (self.keyring.run(), self._counters.run(), self._read_sums())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._counters.aclose()

    async def _read_sums(self) -> None:
        while True:
            await asyncio.sleep(_SUMS_S)
            try:
                await self._sums.refresh()
            except DBAPIError as error:
                _log.warning("what keys have spent cannot be read again: %s", error.orig)
