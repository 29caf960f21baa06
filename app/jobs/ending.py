"""How a job ends before all its items have."""

from typing import Any

import sqlalchemy as sa

from app.jobs.table import JobStatus, items, jobs
from app.problems import Problem
from app.store.database import now_ms

__all__ = ["ENDED", "end_job"]

ENDED = (JobStatus.SUCCEEDED.value, JobStatus.FAILED.value, JobStatus.CANCELLED.value)


def end_job(
    connection: sa.Connection,
    job: sa.Row[Any],
    status: JobStatus,
    retention_ms: int,
    problem: Problem | None = None,
) -> None:
    """End a job whose row is locked; what wasn't through is no more, and its texts go at once."""
    now = now_ms()
    values = {
        "status": status.value,
        "problem": None if problem is None else problem.model_dump_json(exclude_defaults=True),
        "cancelled": job.total - job.succeeded - job.failed,
        "ended_at": now,
        "expires_at": now + retention_ms,
        "dispatch_at": None,
    }
    connection.execute(sa.update(jobs).where(jobs.c.id == job.id).values(values))
    connection.execute(sa.delete(items).where(items.c.job_id == job.id, items.c.position.is_(None)))
