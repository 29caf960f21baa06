"""The tables of jobs, and what their states mean."""

from enum import Enum

import sqlalchemy as sa

from app.store.database import metadata

__all__ = ["ItemState", "JobStatus", "items", "jobs", "workers"]


class JobStatus(str, Enum):
    """How a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ItemState(str, Enum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("key_id", sa.String(32), nullable=False),
    sa.Column("task", sa.String(100), nullable=False),
    sa.Column("priority", sa.String(10), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("problem", sa.Text),
    sa.Column("choices", sa.Text, nullable=False),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("succeeded", sa.Integer, nullable=False),
    sa.Column("failed", sa.Integer, nullable=False),
    sa.Column("cancelled", sa.Integer, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("started_at", sa.BigInteger),
    sa.Column("ended_at", sa.BigInteger),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("dispatch_at", sa.BigInteger),
    sa.Index("jobs_by_key", "key_id", "created_at", "id"),
    sa.Index("jobs_by_expiry", "expires_at"),
    sa.Index("jobs_by_dispatch", "dispatch_at"),
)
"""`choices` are the distinct choices of its items, a JSON list. `problem` is why it failed. `dispatch_at` is when some
worker shall next see to it that all that is left of it stands in the queue; null once it has ended."""

items = sa.Table(
    "job_items",
    metadata,
    sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("request", sa.Text),
    sa.Column("choice", sa.Integer),
    sa.Column("claims", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("position", sa.Integer),
    sa.Column("outcome", sa.Text),
    sa.Index("job_items_by_state", "job_id", "state"),
    sa.Index("job_items_by_position", "job_id", "position"),
)
"""`request` is the item as it was sent; `choice` the place in the job's choices; `claims` how often it was begun.
`position` counts the job's items from 1 in the order in which they ended. `outcome` is the JSON text of the result
(where it succeeded) or of the problem (where it failed)."""

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("executor_id", sa.String(32), primary_key=True),
    sa.Column("place", sa.String(200), nullable=False),
    sa.Column("process", sa.String(50), nullable=False),
    sa.Column("seen_at", sa.BigInteger, nullable=False),
)
"""Processes that run jobs. `place` is the machine and its space of process ids, `process` the id and the start."""
