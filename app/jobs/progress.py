"""What the workers write: which items they are at, and what became of them.

An item ends once: whoever stores a second outcome of it, or one of a job that has ended, finds it refused.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.jobs.choices import read_choice
from app.jobs.ending import ENDED, end_job
from app.jobs.engine import Chunk
from app.jobs.table import ItemState, JobStatus, items, jobs
from app.problems import Problem
from app.store.database import Database, now_ms
from chains.choice import Choice
from chains.terms import Priority

__all__ = ["Claim", "Dispatch", "Progress"]

_CHUNKS, _LARGEST_CHUNK, _SMALLEST_CHUNK = 32, 50, 5
_JOBS_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Claim:
    """An item to be worked on now. `claims` is how often it was begun, this time included."""

    job_id: str
    index: int
    key_id: str
    task: str
    priority: Priority
    request: str
    choice: Choice
    claims: int


@dataclass(frozen=True, slots=True)
class Dispatch:
    """The chunks of a job that hold items which haven't ended."""

    key_id: str
    priority: Priority
    chunks: tuple[Chunk, ...]


class Progress:
    """`retention_s` is how long a job is kept after its end."""

    def __init__(self, database: Database, retention_s: float) -> None:
        self._database = database
        self._retention_ms = round(retention_s * 1000)

    async def is_any_due(self) -> bool:
        """Whether there is a job that hasn't ended."""
        wanted = sa.select(jobs.c.id).where(jobs.c.dispatch_at.is_not(None)).limit(1)
        return await self._database.run(lambda connection: connection.execute(wanted).first() is not None)

    async def due(self, again_s: float) -> list[Dispatch]:
        """Jobs of which somebody must see to it that they stand in the queue: this process, and nobody else for
        `again_s`."""

        def found(connection: sa.Connection) -> list[Dispatch]:
            now = now_ms()
            wanted = sa.select(jobs).where(jobs.c.dispatch_at <= now).order_by(jobs.c.created_at).limit(_JOBS_AT_ONCE)
            rows = connection.execute(wanted.with_for_update(skip_locked=True)).all()
            mine = sa.update(jobs).where(jobs.c.id.in_([row.id for row in rows]))
            connection.execute(mine.values(dispatch_at=now + round(again_s * 1000)))
            return [_dispatch(connection, row) for row in rows]

        return await self._database.run(found)

    async def open_items(self, chunk: Chunk) -> list[int]:
        """The items of a chunk that haven't ended, in their order."""
        here = items.c.index.between(chunk.first, chunk.last)
        wanted = sa.select(items.c.index).where(items.c.job_id == chunk.job_id, here, items.c.position.is_(None))
        ordered = wanted.order_by(items.c.index)
        return await self._database.run(lambda connection: list(connection.execute(ordered).scalars()))

    async def claim(self, job_id: str, index: int) -> Claim | None:
        """Begin an item; None where it has ended, or its job has."""

        def claimed(connection: sa.Connection) -> Claim | None:
            job = connection.execute(sa.select(jobs).where(jobs.c.id == job_id)).one_or_none()
            if job is None or job.status in ENDED:
                return None
            if job.status == JobStatus.QUEUED.value:
                started = {"status": JobStatus.RUNNING.value, "started_at": now_ms()}
                is_first = (jobs.c.id == job_id) & (jobs.c.status == JobStatus.QUEUED.value)
                connection.execute(sa.update(jobs).where(is_first).values(started))
            begun = {"state": ItemState.RUNNING.value, "claims": items.c.claims + 1}
            statement = sa.update(items).where(_open(job_id, index)).values(begun)
            row = connection.execute(statement.returning(items.c.request, items.c.choice, items.c.claims)).one_or_none()
            if row is None:
                return None
            choice = read_choice(job.choices, row.choice)
            return Claim(job_id, index, job.key_id, job.task, Priority(job.priority), row.request, choice, row.claims)

        return await self._database.run(claimed)

    async def give_back(self, job_id: str, index: int) -> None:
        """An item that was begun waits again."""
        waiting = sa.update(items).where(_open(job_id, index)).values(state=ItemState.QUEUED.value)
        await self._database.run(lambda connection: connection.execute(waiting))

    async def store(self, job_id: str, index: int, state: ItemState, outcome: str) -> JobStatus | None:
        """Keep what became of an item, and end its job with its last one. The job's status then; None where the item
        or the job had ended, and nothing was kept."""

        def stored(connection: sa.Connection) -> JobStatus | None:
            job = connection.execute(sa.select(jobs).where(jobs.c.id == job_id).with_for_update()).one_or_none()
            if job is None or job.status in ENDED:
                return None
            ended = job.succeeded + job.failed + 1
            kept = {"state": state.value, "outcome": outcome, "request": None, "position": ended}
            if not connection.execute(sa.update(items).where(_open(job_id, index)).values(kept)).rowcount:
                return None
            values: dict[str, Any] = {state.value: getattr(job, state.value) + 1}
            if ended == job.total:
                now = now_ms()
                values |= {"status": JobStatus.SUCCEEDED.value, "ended_at": now, "dispatch_at": None}
                values["expires_at"] = now + self._retention_ms
            connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(values))
            return JobStatus.SUCCEEDED if ended == job.total else JobStatus.RUNNING

        return await self._database.run(stored)

    async def fail(self, job_id: str, problem: Problem) -> bool:
        """End a job that cannot go on; whether it hadn't ended."""

        def failed(connection: sa.Connection) -> bool:
            job = connection.execute(sa.select(jobs).where(jobs.c.id == job_id).with_for_update()).one_or_none()
            if job is None or job.status in ENDED:
                return False
            end_job(connection, job, JobStatus.FAILED, self._retention_ms, problem)
            return True

        return await self._database.run(failed)

    async def ended_among(self, job_ids: set[str]) -> set[str]:
        """Those of the jobs that have ended, or are no more."""
        going = sa.select(jobs.c.id).where(jobs.c.id.in_(sorted(job_ids)), jobs.c.status.not_in(ENDED))
        return job_ids - await self._database.run(lambda connection: set(connection.execute(going).scalars()))


def _open(job_id: str, index: int) -> sa.ColumnElement[bool]:
    return (items.c.job_id == job_id) & (items.c.index == index) & items.c.position.is_(None)


def _dispatch(connection: sa.Connection, job: sa.Row[Any]) -> Dispatch:
    """Chunks are small where there are few items, so that several workers share them."""
    size = max(_SMALLEST_CHUNK, min(_LARGEST_CHUNK, job.total // _CHUNKS))
    wanted = sa.select(items.c.index).where(items.c.job_id == job.id, items.c.position.is_(None))
    firsts = sorted({index // size * size for index in connection.execute(wanted).scalars()})
    chunks = tuple(Chunk(job.id, first, min(first + size, job.total) - 1) for first in firsts)
    return Dispatch(job.key_id, Priority(job.priority), chunks)
