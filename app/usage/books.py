"""The books of one process: what requests cost is summed in memory, and added to the database in groups."""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sqlalchemy as sa

from app.settings import Settings
from app.store import Database
from app.usage.footprint import Footprint
from app.usage.prices import PriceList
from app.usage.sums import MonthlyTotals, Sums
from app.usage.table import add, forget_writer
from chains.account import Account
from chains.ledger import Ledger
from chains.result import Bill, Usage

__all__ = ["UsageBooks"]

_log = logging.getLogger("copydesk.usage")
_INTERVAL_S = 0.5
_LONGEST_PAUSE_S = 30.0
_LAST_TRIES = 3


class UsageBooks:
    """A `Bills` (chains/account.py) over the database.

    Whatever is settled is in the database half a second later. What can't be written stays in memory and is tried
    again, for as long as the process runs; it is never added twice. A process that is killed loses what it had not
    written yet.
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self.footprint = Footprint(settings)
        self.prices = PriceList(settings.prices)
        self.totals = MonthlyTotals()
        self._known = frozenset(settings.backends)
        self._writer = uuid.uuid4().hex
        self._batches = 0
        self._pending = Sums()
        self._batch: Sums | None = None
        self._writing = asyncio.Lock()
        self._day, self._day_ends = "", 0.0

    def settled(self, account: Account) -> None:
        """Enter a request. The row of the backend that was asked last counts it; the others have what was spent there
        before it fell back."""
        day, requests = self._today(), 0 if account.is_late else 1
        places = account.shares if account.last in account.shares else {**account.shares, account.last: Usage()}
        for pair, usage in places.items():
            cost, energy, water = self._reckoned(pair[0], usage, account.seconds.get(pair, 0.0))
            amounts = (
                requests if pair == account.last else 0,
                usage.model_calls,
                usage.unreported_calls,
                usage.input_tokens,
                usage.cached_input_tokens,
                usage.output_tokens,
                cost,
                energy,
                water,
            )
            self._pending.enter(day, account, pair, amounts)
            self.totals.spend(day, account.caller, usage.input_tokens + usage.output_tokens, cost)

    def bill(self, ledger: Ledger, backend: str) -> Bill | None:
        """The sum over all backends that the request used. The cost is left out where none of them has a price; one
        that came from another request's generation, or from the cache, costs nothing."""
        cost = energy = water = 0
        has_price = backend in self.prices and not ledger.shares
        for pair, usage in ledger.shares.items():
            share = self._reckoned(pair[0], usage, ledger.seconds.get(pair, 0.0))
            cost, energy, water = cost + share[0], energy + share[1], water + share[2]
            has_price = has_price or pair[0] in self.prices
        return Bill(cost if has_price else None, energy, water, self.footprint.method(backend))

    def _reckoned(self, backend: str, usage: Usage, seconds: float) -> tuple[int, int, int]:
        if backend not in self._known:
            return 0, 0, 0
        return self.prices.nano_usd(backend, usage), *self.footprint.estimate(backend, usage, seconds)

    def _today(self) -> str:
        now = time.time()
        if not self._day_ends - 86_400 <= now < self._day_ends:
            self._day = time.strftime("%Y-%m-%d", time.gmtime(now))
            self._day_ends = (now // 86_400 + 1) * 86_400
        return self._day

    @asynccontextmanager
    async def still(self) -> AsyncIterator[None]:
        """Nothing is written as long as the block runs."""
        async with self._writing:
            yield

    async def flush(self) -> None:
        """Write what was settled until now. Raises sqlalchemy.exc.DBAPIError; then it is kept, and tried again.

        A flush that has begun goes on to its end also where its caller is cancelled.
        """
        await asyncio.shield(asyncio.ensure_future(self._flush()))

    async def _flush(self) -> None:
        async with self._writing:
            if self._batch is None:
                if not self._pending:
                    return
                self._batch, self._pending = self._pending, Sums()
                self._batches += 1
            batch, number = self._batch, self._batches
            rows = batch.rows()
            await self.database.run(lambda connection: add(connection, self._writer, number, rows))
            self._batch = None
            self.totals.written(batch.spent())

    async def run(self) -> None:
        """Write every half second; after a failure at growing distances.

        Never more often: under load there is always something more, and who writes that at once writes all the time.
        """
        pause = _INTERVAL_S
        while True:
            await asyncio.sleep(pause)
            try:
                if self._batch is not None:  # the last try failed
                    await self.flush()
                await self.flush()
            except Exception as error:  # whatever it is: books that end in silence would be worse
                pause = min(2 * pause, _LONGEST_PAUSE_S)
                _log.warning("usage is not written yet, and kept: %s", _reason(error))
            else:
                pause = _INTERVAL_S

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write as long as the block runs, and what is left at its end."""
        task = asyncio.create_task(self.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._finish()

    async def _finish(self) -> None:
        for left in reversed(range(_LAST_TRIES)):
            try:
                while self._batch is not None or self._pending:
                    await self.flush()
                await self.database.run(lambda connection: forget_writer(connection, self._writer))
                return
            except Exception as error:
                if left:
                    await asyncio.sleep(_INTERVAL_S)
                    continue
                lost = [sums.total() for sums in (self._batch, self._pending) if sums]
                if lost:
                    _log.error("usage is lost, as the database cannot be written: %s: %s", lost, _reason(error))


def _reason(error: Exception) -> str:
    said = str(error.orig if isinstance(error, sa.exc.DBAPIError) else error).strip() or type(error).__name__
    return said.splitlines()[0]
