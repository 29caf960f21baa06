"""Durable jobs: many requests of one task, which survive restarts. docs/jobs.md is the guide."""

from app.jobs.backlog import Backlog
from app.jobs.router import job_router
from app.jobs.store import JobStore
from app.jobs.work import JobWork

__all__ = ["Backlog", "JobStore", "JobWork", "job_router"]
