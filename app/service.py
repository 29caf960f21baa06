"""The HTTP application, put together."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.backend_watch import BackendWatch
from app.backends import backend_router
from app.composition import build_runner
from app.connection import Severable
from app.gate import Gate
from app.idempotency import Idempotency, ReplyStore
from app.jobs import JobStore, JobWork, job_router
from app.keys import Security
from app.metrics import Metrics, metrics_router
from app.openapi import describe
from app.operations import operations_router
from app.problems import ProblemError, note_failure, problem_of_exception, problem_response
from app.prompts import prompt_router
from app.reload import PromptReloader
from app.settings import Settings
from app.store.database import Database
from app.store.upgrade import upgrade
from app.streams import stream_router
from app.tasks import task_router
from chains.errors import CopydeskError
from chains.runner import Runner

__all__ = ["create_app"]


def create_app(settings: Settings) -> FastAPI:
    """Build the service. Its backends must have been started (`with_started_backends`).

    Raises ConfigurationError, PromptSetError or PromptError where it could not serve.
    """
    metrics = Metrics()
    database = Database(settings.database)
    security = Security(settings, database, metrics.counted_alone)
    runner = build_runner(settings, metrics, books=security.quotas, may_draft=security.keyring.may_draft)
    reloader = PromptReloader(runner)
    watch = BackendWatch(runner, settings)
    replies = ReplyStore(database, settings.idempotency)
    jobs = JobStore(database, settings.jobs.retention_s)
    job_work = JobWork(database, runner, security.quotas, settings.jobs, jobs)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:  # what is entered last ends first
            stack.callback(database.close)
            await asyncio.to_thread(upgrade, database)
            await stack.enter_async_context(security.running())
            await stack.enter_async_context(_running(replies.purge()))
            stack.push_async_callback(runner.aclose)
            await watch.look()
            await stack.enter_async_context(_running(watch.run()))
            if settings.prompts.reload:
                await stack.enter_async_context(_running(reloader.run()))
            await stack.enter_async_context(job_work.running(settings.server.shutdown_grace_s))
            yield

    app = FastAPIOffline(
        title="Copydesk",
        version=version("copydesk"),
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        swagger_ui_parameters={"tryItOutEnabled": True, "defaultModelsExpandDepth": 0},
    )
    app.include_router(task_router(runner))
    app.include_router(stream_router(runner, metrics, settings.streams))
    app.include_router(job_router(runner, jobs, job_work, settings.jobs))
    app.include_router(prompt_router(runner, reloader))
    app.include_router(backend_router(runner, watch, settings))
    app.include_router(operations_router(runner, watch, reloader))
    app.include_router(metrics_router(metrics))
    app.add_middleware(Idempotency, store=replies, settings=settings.idempotency)
    app.add_middleware(Gate, server=settings.server, entrance=security.entrance, quotas=security.quotas)
    app.add_middleware(Severable)
    _handle_errors(app, runner)
    describe(app, backend=next(iter(settings.backends)))
    return app


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Let the work run beside the block, and cancel it at its end."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _handle_errors(app: FastAPI, runner: Runner) -> None:
    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return problem_response(request, problem_of_exception(error))

    @app.exception_handler(CopydeskError)
    async def failed(request: Request, error: CopydeskError) -> Response:
        problem = problem_of_exception(error)
        note_failure(request.scope["state"]["request_id"], error, problem.code)
        return problem_response(request, problem)

    @app.exception_handler(HTTPException)
    async def framework(request: Request, error: HTTPException) -> Response:
        return problem_response(request, _framework_problem(request, error, runner), error.headers)


def _framework_problem(request: Request, error: HTTPException, runner: Runner) -> ProblemError:
    """What Starlette and FastAPI raise themselves, said better."""
    path, method = request.url.path, request.method
    if error.status_code == 400:
        return _unreadable(error.__cause__)
    if error.status_code == 404 and method == "POST" and path.startswith("/v1/") and path.count("/") == 2:
        known = ", ".join(runner.tasks)
        return ProblemError("task_unknown", f"There is no task {path[4:]!r}. The tasks are: {known}.")
    if error.status_code == 404:
        return ProblemError("not_found", f"There is no {path}. The operations are listed in /openapi.json.")
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "another method")
        return ProblemError("method_not_allowed", f"{path} doesn't take {method}. Use {allowed}.")
    return problem_of_exception(error)


def _unreadable(cause: BaseException | None) -> ProblemError:
    """FastAPI says 400 for whatever went wrong while it read the body; its cause tells what that was."""
    if isinstance(cause, ProblemError):
        return cause
    if isinstance(cause, UnicodeDecodeError):
        return ProblemError("invalid_json", f"The body is not UTF-8: the byte at {cause.start} begins no character.")
    if isinstance(cause, RecursionError):
        return ProblemError("invalid_json", "The body is nested too deeply.")
    return ProblemError("invalid_json", "The body could not be read as JSON.")
