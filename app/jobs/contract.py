"""What callers see of jobs."""

from typing import Any

from pydantic import BaseModel, Field

from app.jobs.table import JobStatus
from app.problems import Problem
from chains.task import ClosedModel
from chains.terms import Priority

__all__ = ["Job", "JobCounts", "JobList", "JobRequest", "JobResult", "JobResults"]

_INT64: dict[str, Any] = {"format": "int64"}


class JobRequest(ClosedModel):
    """Many requests of one task, for which nobody waits."""

    task: str = Field(min_length=1, max_length=100, description="The task's name, as GET /v1/tasks lists it.")
    items: list[Any] | None = Field(
        default=None,
        min_length=1,
        description="The task's requests. Each is checked alone: a wrong one is a problem in its place. Send either "
        "items or items_jsonl.",
        json_schema_extra={"items": {"type": "object", "additionalProperties": True}},
    )
    items_jsonl: str | None = Field(
        default=None,
        min_length=1,
        description="The same as JSON Lines: one request on each line; empty lines count for nothing.",
    )
    priority: Priority = Field(default=Priority.NORMAL, description="Among jobs: requests that wait go first anyway.")


class JobCounts(BaseModel):
    """The job's items, by how they are."""

    total: int = Field(description="All items.")
    queued: int = Field(description="Those that wait.")
    running: int = Field(description="Those that are being answered.")
    succeeded: int = Field(description="Those with a result.")
    failed: int = Field(description="Those with a problem.")
    cancelled: int = Field(description="Those that were not through when the job was cancelled or failed.")


class Job(BaseModel):
    """A job, and how far it is."""

    id: str = Field(description="Its name in the path of its operations.")
    status: JobStatus = Field(
        description="`succeeded` when every item has a result or a problem; `failed` when the job as such could not go "
        "on, as `problem` tells."
    )
    task: str = Field(description="The task's name.")
    priority: Priority
    counts: JobCounts
    created_at: int = Field(description="When it was submitted, in epoch milliseconds.", json_schema_extra=_INT64)
    started_at: int | None = Field(
        default=None, description="When its first item began, in epoch milliseconds.", json_schema_extra=_INT64
    )
    ended_at: int | None = Field(
        default=None, description="When its last item ended, in epoch milliseconds.", json_schema_extra=_INT64
    )
    expires_at: int | None = Field(
        default=None,
        description="When it is deleted with its texts and results, in epoch milliseconds; absent until it has ended.",
        json_schema_extra=_INT64,
    )
    problem: Problem | None = Field(default=None, description="Why the job failed.")


class JobList(BaseModel):
    """Jobs of one key."""

    jobs: list[Job] = Field(description="The newest first.")
    next: str | None = Field(default=None, description="Send it as `after` for those that follow; absent at the end.")


class JobResult(BaseModel):
    """What became of one item."""

    index: int = Field(description="The item's place in the job, from 0.")
    result: dict[str, Any] | None = Field(default=None, description="The task's response, where it was answered.")
    problem: Problem | None = Field(default=None, description="Where it was not.")


class JobResults(BaseModel):
    """Some of the results of a job."""

    results: list[JobResult] = Field(description="In the order in which the items ended.")
    next: int | None = Field(
        default=None,
        description="Send it as `after` for what follows, perhaps later; absent once the job has ended and all was "
        "given.",
    )
