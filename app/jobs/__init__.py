"""Durable jobs: many requests of one task, which survive restarts. docs/jobs.md is the guide."""

from app.jobs.router import job_router
from app.jobs.store import JobStore
from app.jobs.work import JobWork

__all__ = ["JobStore", "JobWork", "job_router"]
