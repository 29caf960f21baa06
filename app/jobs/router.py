"""The operations of jobs."""

import re
import uuid
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import JSONResponse, Response

from app.caller import caller_of
from app.jobs.contract import Job, JobList, JobRequest, JobResults
from app.jobs.store import JobStore
from app.jobs.submission import read_submission
from app.jobs.table import JobStatus
from app.jobs.work import JobWork
from app.problems import REFUSALS, ParameterError, ProblemError
from app.sections import JobSettings
from app.strict_json import LargeJsonRoute
from chains.runner import Runner

__all__ = ["job_router"]

_CURSOR = re.compile(r"(\d{1,18})-([0-9a-f]{32})")
_LARGEST_CURSOR = 2**31 - 1
_EXAMPLE = {
    "task": "classify",
    "items": [{"text": "The parcel never came.", "labels": [{"name": "delivery"}, {"name": "invoice"}]}],
}

JobId = Annotated[str, Path(description="The job's name, as it was submitted or listed.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="The most entries of one answer.")]


def job_router(runner: Runner, store: JobStore, work: JobWork, settings: JobSettings) -> APIRouter:
    router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=LargeJsonRoute, responses={**REFUSALS})

    @router.post(
        "",
        status_code=202,
        operation_id="submitJob",
        summary="Submit a job: many requests of one task, which survive restarts",
        response_class=Response,
        responses={
            202: {
                "model": Job,
                "description": "The job was stored, and will be done.",
                "headers": {"Location": {"description": "The job's path.", "schema": {"type": "string"}}},
            }
        },
        openapi_extra={"requestBody": {"content": {"application/json": {"example": _EXAMPLE}}}},
    )
    async def submit_job(request: Request, body: JobRequest) -> Response:
        """Nobody has to wait: ask GET /v1/jobs/{id} how it is. What decides the answers (prompt, route, parameters) is
        resolved once, now. A wrong item is a problem in its place, and the others are answered."""
        caller, state = caller_of(request), request.scope["state"]
        job_id = state.get("idempotency") or uuid.uuid4().hex
        submission = await read_submission(body, runner, caller, job_id, settings.max_items)
        job = await store.add(job_id, caller.key_id, body.priority, submission)
        work.notice()
        headers = {"location": f"/v1/jobs/{job_id}"}
        return JSONResponse(job.model_dump(mode="json", exclude_none=True), 202, headers)

    @router.get("", operation_id="listJobs", summary="List your jobs", response_model_exclude_none=True)
    async def list_jobs(
        request: Request,
        status: Annotated[JobStatus | None, Query(description="Only jobs that are so.")] = None,
        after: Annotated[str | None, Query(max_length=60, description="`next` of the answer before.")] = None,
        limit: Limit = 20,
    ) -> JobList:
        """Those of one's own key, the newest first."""
        page = await store.page(caller_of(request).key_id, status, _cursor(after), limit)
        last = f"{page[-1][1][0]}-{page[-1][1][1]}" if len(page) == limit else None
        return JobList(jobs=[job for job, _ in page], next=last)

    @router.get("/{id}", operation_id="getJob", summary="Show how a job is", response_model_exclude_none=True)
    async def get_job(request: Request, id: JobId) -> Job:
        """Its status, its counts and its times. Another key's job is 404."""
        return await store.get(caller_of(request).key_id, id)

    @router.get(
        "/{id}/results",
        operation_id="getJobResults",
        summary="Read results of a job, also while it runs",
        response_class=Response,
        responses={200: {"model": JobResults, "description": "Results and problems of items that have ended."}},
    )
    async def get_job_results(
        request: Request,
        id: JobId,
        after: Annotated[int, Query(ge=0, le=_LARGEST_CURSOR, description="`next` of the answer before.")] = 0,
        limit: Limit = 100,
    ) -> Response:
        """In the order in which the items ended; `index` is the place in the job. An item comes once, and stays."""
        page = await store.results(caller_of(request).key_id, id, after, limit)
        return Response(page, media_type="application/json")

    @router.post(
        "/{id}/cancel",
        operation_id="cancelJob",
        summary="Cancel what is left of a job",
        response_model_exclude_none=True,
    )
    async def cancel_job(request: Request, id: JobId) -> Job:
        """Items in flight are stopped, down to the model server; results that are there stay. Once more changes
        nothing."""
        job = await store.cancel(caller_of(request).key_id, id)
        work.leave(id)
        return job

    @router.delete(
        "/{id}", status_code=204, operation_id="deleteJob", summary="Delete a job with its texts and results, at once"
    )
    async def delete_job(request: Request, id: JobId) -> Response:
        """One that runs is cancelled before. What it has cost stays in the sums of usage, which hold no text."""
        await store.delete(caller_of(request).key_id, id)
        work.leave(id)
        return Response(status_code=204)

    return router


def _cursor(after: str | None) -> tuple[int, str] | None:
    if after is None:
        return None
    found = _CURSOR.fullmatch(after)
    if found is None:
        detail = "after is no cursor: send `next` of the answer before, or nothing."
        raise ProblemError("invalid_request", detail, [ParameterError("", "cursor", detail, "after")])
    return int(found[1]), found[2]
