"""Which processes run jobs, and which of them are dead.

A process renews its lease while it lives. It is dead once the lease is over; where its space of process ids is ours
too, it is dead as soon as it is gone, so that nothing waits for a lease after a restart.
"""

import logging
import os
import uuid
from pathlib import Path

import sqlalchemy as sa

from app.jobs.table import workers
from app.store.database import Database, now_ms

__all__ = ["Lease"]

_log = logging.getLogger("copydesk.jobs")


class Lease:
    """This process among those that run jobs. With SQLite one process runs them all: dbos's file has one user."""

    def __init__(self, database: Database, lease_s: float) -> None:
        self.executor_id = uuid.uuid4().hex
        self._database = database
        self._lease_ms = round(lease_s * 1000)
        self._place, self._process = _place(), _process(os.getpid())

    async def take(self) -> bool:
        """Take the lease, or renew it. False where another process has the only one."""
        return await self._database.run(self._take)

    async def dead_among(self, executor_ids: set[str]) -> set[str]:
        """Those of the processes that live no more."""
        return executor_ids - await self._database.run(self._living)

    async def give_up(self) -> None:
        """Others may take over at once what this process has left; if the database fails, when the lease is over."""
        mine = sa.delete(workers).where(workers.c.executor_id == self.executor_id)
        try:
            await self._database.run(lambda connection: connection.execute(mine))
        except sa.exc.DBAPIError as error:
            _log.warning("jobs: the database failed (%s): the lease ends by itself", type(error).__name__)

    def _take(self, connection: sa.Connection) -> bool:
        renewed = sa.update(workers).where(workers.c.executor_id == self.executor_id).values(seen_at=now_ms())
        if connection.execute(renewed).rowcount:
            return True
        if self._database.is_sqlite and self._living(connection):
            return False
        values = {"executor_id": self.executor_id, "place": self._place, "process": self._process, "seen_at": now_ms()}
        connection.execute(sa.insert(workers).values(values))
        return True

    def _living(self, connection: sa.Connection) -> set[str]:
        """The processes that live; the rows of others go."""
        rows = connection.execute(sa.select(workers)).all()
        living = {row.executor_id for row in rows if self._lives(row)}
        dead = [row.executor_id for row in rows if row.executor_id not in living]
        if dead:
            connection.execute(sa.delete(workers).where(workers.c.executor_id.in_(dead)))
        return living

    def _lives(self, row: sa.Row[tuple[object, ...]]) -> bool:
        if row.seen_at < now_ms() - self._lease_ms:
            return False
        if not self._place or row.place != self._place:
            return True
        return bool(_process(int(row.process.partition("@")[0])) == row.process)


def _place() -> str:
    """The running machine and the namespace of process ids; empty where the system doesn't tell."""
    try:
        return (
            Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            + " "
            + str(Path("/proc/self/ns/pid").readlink())
        )
    except OSError:
        return ""


def _process(pid: int) -> str:
    """The process and when it began, for ids are used again; `PID@` where there is none, or the system doesn't tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return f"{pid}@"
    return f"{pid}@" if fields[0] in "ZX" else f"{pid}@{fields[19]}"
