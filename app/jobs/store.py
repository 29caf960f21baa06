"""Jobs as their callers see them: made, read, cancelled and deleted. Another key's job is none."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from app.jobs.choices import write_choices
from app.jobs.contract import Job, JobCounts
from app.jobs.ending import ENDED, end_job
from app.jobs.submission import Item, Submission
from app.jobs.table import ItemState, JobStatus, items, jobs
from app.problems import Problem, ProblemError
from app.store.database import Database, insert_into, now_ms
from chains.terms import Priority

__all__ = ["JobStore"]

_INSERTED_AT_ONCE = 500
_PURGED_AT_ONCE = 20


class JobStore:
    """`retention_s` is how long a job is kept after its end."""

    def __init__(self, database: Database, retention_s: float) -> None:
        self._database = database
        self._retention_ms = round(retention_s * 1000)

    async def add(self, id: str, key_id: str, priority: Priority, submission: Submission) -> Job:
        """Store a job. Where a job of the key has the id already, it is that one."""
        failed = sum(item.problem is not None for item in submission.items)
        total, now = len(submission.items), now_ms()
        is_over = failed == total
        values = {
            "id": id,
            "key_id": key_id,
            "task": submission.task,
            "priority": priority.value,
            "status": (JobStatus.SUCCEEDED if is_over else JobStatus.QUEUED).value,
            "choices": write_choices(submission.choices),
            "total": total,
            "succeeded": 0,
            "failed": failed,
            "cancelled": 0,
            "created_at": now,
            "ended_at": now if is_over else None,
            "expires_at": now + self._retention_ms if is_over else None,
            "dispatch_at": None if is_over else now,
        }

        def insert(connection: sa.Connection) -> Job:
            new = insert_into(connection, jobs).values(values).on_conflict_do_nothing().returning(jobs.c.id)
            if connection.execute(new).first():
                rows = _item_rows(id, submission.items)
                for start in range(0, len(rows), _INSERTED_AT_ONCE):
                    connection.execute(sa.insert(items), rows[start : start + _INSERTED_AT_ONCE])
            return _job(connection, _own(connection, key_id, id))

        return await self._database.run(insert)

    async def get(self, key_id: str, id: str) -> Job:
        """Raises ProblemError where the key has no such job."""
        return await self._database.run(lambda connection: _job(connection, _own(connection, key_id, id)))

    async def page(
        self, key_id: str, status: JobStatus | None, after: tuple[int, str] | None, limit: int
    ) -> list[tuple[Job, tuple[int, str]]]:
        """Jobs of the key, the newest first, each with its cursor."""
        wanted = sa.select(jobs).where(jobs.c.key_id == key_id)
        if status is not None:
            wanted = wanted.where(jobs.c.status == status.value)
        if after is not None:
            wanted = wanted.where(sa.tuple_(jobs.c.created_at, jobs.c.id) < sa.tuple_(*map(sa.literal, after)))
        wanted = wanted.order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit)

        def read(connection: sa.Connection) -> list[tuple[Job, tuple[int, str]]]:
            rows = connection.execute(wanted).all()
            running = _running(connection, [row.id for row in rows])
            return [(_seen(row, running.get(row.id, 0)), (row.created_at, row.id)) for row in rows]

        return await self._database.run(read)

    async def results(self, key_id: str, id: str, after: int, limit: int) -> bytes:
        """A JobResults as JSON: outcomes in the order in which the items ended, from the one behind `after` on."""

        def read(connection: sa.Connection) -> bytes:
            job = _own(connection, key_id, id)
            wanted = sa.select(items).where(items.c.job_id == id, items.c.position > after)
            rows = connection.execute(wanted.order_by(items.c.position).limit(limit)).all()
            last = rows[-1].position if rows else after
            is_complete = job.status in ENDED and last >= job.succeeded + job.failed
            return _page(rows, None if is_complete else last)

        return await self._database.run(read)

    async def cancel(self, key_id: str, id: str) -> Job:
        """End a job where it is. One that has ended stays as it is."""

        def cancelled(connection: sa.Connection) -> Job:
            job = _own(connection, key_id, id, lock=True)
            if job.status not in ENDED:
                end_job(connection, job, JobStatus.CANCELLED, self._retention_ms)
            return _job(connection, _own(connection, key_id, id))

        return await self._database.run(cancelled)

    async def delete(self, key_id: str, id: str) -> None:
        """Remove a job with all its texts."""

        def deleted(connection: sa.Connection) -> None:
            _own(connection, key_id, id, lock=True)
            connection.execute(sa.delete(jobs).where(jobs.c.id == id))

        await self._database.run(deleted)

    async def purge(self) -> bool:
        """Delete some of the jobs whose time is over; whether there may be more."""

        def purged(connection: sa.Connection) -> bool:
            over = sa.select(jobs.c.id).where(jobs.c.expires_at <= now_ms()).limit(_PURGED_AT_ONCE)
            return connection.execute(sa.delete(jobs).where(jobs.c.id.in_(over))).rowcount == _PURGED_AT_ONCE

        return await self._database.run(purged)


def _item_rows(job_id: str, found: Sequence[Item]) -> list[dict[str, Any]]:
    rows, ended = [], 0
    for index, item in enumerate(found):
        ended += item.problem is not None
        rows.append(
            {
                "job_id": job_id,
                "index": index,
                "request": item.request,
                "choice": item.choice,
                "claims": 0,
                "state": (ItemState.QUEUED if item.problem is None else ItemState.FAILED).value,
                "position": None if item.problem is None else ended,
                "outcome": None if item.problem is None else item.problem.model_dump_json(exclude_defaults=True),
            }
        )
    return rows


def _own(connection: sa.Connection, key_id: str, id: str, *, lock: bool = False) -> sa.Row[Any]:
    wanted = sa.select(jobs).where(jobs.c.id == id, jobs.c.key_id == key_id)
    # PostgreSQL refuses to compare with a NUL, which is in no id.
    found = None if "\0" in id else connection.execute(wanted.with_for_update() if lock else wanted).one_or_none()
    if found is None:
        raise ProblemError("job_unknown", f"There is no job {id[:100]!r}, or it was deleted. GET /v1/jobs lists yours.")
    return found


def _running(connection: sa.Connection, ids: Sequence[str]) -> dict[str, int]:
    """How many items of each of the jobs are being worked on."""
    wanted = sa.select(items.c.job_id, sa.func.count()).where(
        items.c.job_id.in_(ids), items.c.state == ItemState.RUNNING.value
    )
    return {row.job_id: row[1] for row in connection.execute(wanted.group_by(items.c.job_id))}


def _job(connection: sa.Connection, row: sa.Row[Any]) -> Job:
    return _seen(row, _running(connection, [row.id]).get(row.id, 0))


def _seen(row: sa.Row[Any], running: int) -> Job:
    ended = row.succeeded + row.failed + row.cancelled
    return Job(
        id=row.id,
        status=JobStatus(row.status),
        task=row.task,
        priority=Priority(row.priority),
        counts=JobCounts(
            total=row.total,
            queued=row.total - ended - running,
            running=running,
            succeeded=row.succeeded,
            failed=row.failed,
            cancelled=row.cancelled,
        ),
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        expires_at=row.expires_at,
        problem=None if row.problem is None else Problem.model_validate_json(row.problem),
    )


def _page(rows: Sequence[sa.Row[Any]], after: int | None) -> bytes:
    """A JobResults. Outcomes are JSON already, and needn't be read for it."""
    kinds = {ItemState.SUCCEEDED.value: "result", ItemState.FAILED.value: "problem"}
    results = ",".join(f'{{"index":{row.index},"{kinds[row.state]}":{row.outcome}}}' for row in rows)
    rest = "" if after is None else f',"next":{after}'
    return f'{{"results":[{results}]{rest}}}'.encode()
