"""How much of all jobs is still to be done, for the metrics: that of all workers together, as the database has it."""

import asyncio
import logging

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from app.jobs.table import ItemState, items, jobs
from app.metrics import Metrics
from app.store.database import Database, now_ms

__all__ = ["Backlog"]

_log = logging.getLogger("copydesk.jobs")
_EVERY_S = 10.0


class Backlog:
    """Tells the metrics how many items wait and run, and since when the oldest waits."""

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._database = database
        self._metrics = metrics

    async def run(self) -> None:
        """Look every ten seconds, until cancelled."""
        while True:
            try:
                await self.look()
            except DBAPIError as error:
                _log.warning("the backlog of jobs can't be read: %s", type(error).__name__)
            await asyncio.sleep(_EVERY_S)

    async def look(self) -> None:
        """Look once. Raises sqlalchemy.exc.DBAPIError."""
        left, running, oldest = await self._database.run(_backlog)
        oldest_s = 0.0 if oldest is None else max(0, now_ms() - oldest) / 1000
        self._metrics.jobs_waiting(max(0, left - running), oldest_s, running)


def _backlog(connection: sa.Connection) -> tuple[int, int, int | None]:
    """Items that have not ended, those of them that run, and when the oldest job was made of which some wait."""
    is_open = jobs.c.dispatch_at.is_not(None)
    of_job = sa.select(items.c.index).where(items.c.job_id == jobs.c.id)
    left = sa.func.sum(jobs.c.total - jobs.c.succeeded - jobs.c.failed - jobs.c.cancelled)
    count = connection.execute(sa.select(sa.func.coalesce(left, 0)).where(is_open)).scalar_one()
    running = sa.select(sa.func.count()).select_from(items.join(jobs)).where(is_open)
    running = running.where(items.c.state == ItemState.RUNNING.value)
    waits = of_job.where(items.c.state == ItemState.QUEUED.value).exists()
    oldest = sa.select(sa.func.min(jobs.c.created_at)).where(is_open, waits)
    return int(count), connection.execute(running).scalar_one(), connection.execute(oldest).scalar_one()
