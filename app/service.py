"""The HTTP application, put together."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.backend_watch import BackendWatch
from app.backends import backend_router
from app.batch import batch_router
from app.composition import build_runner
from app.edge.edge import Edge
from app.framework_errors import framework_problem
from app.gate import Gate
from app.idempotency import Idempotency, ReplyStore
from app.jobs import Backlog, JobStore, JobWork, job_router
from app.keys import Security
from app.metrics import Metrics, metrics_router
from app.one_body import OneBodyRoutes
from app.openapi import describe
from app.operations import operations_router
from app.parameters import refuse_unknown_parameters
from app.problems import DATABASE_AWAY, note_failure, problem_of_exception, problem_response
from app.prompts import prompt_router
from app.reload import PromptReloader
from app.settings import Settings
from app.store.database import Database
from app.store.upgrade import upgrade
from app.streams import stream_router
from app.tasks import task_router
from app.telemetry.access import Access
from app.telemetry.request_record import RecordBooks
from app.telemetry.tracing import NO_FASTAPI_TELEMETRY, build_tracing
from app.usage import MonthlySums, UsageBooks, usage_router
from chains.account import together
from chains.errors import CopydeskError
from chains.runner import Runner

__all__ = ["create_app"]

_log = logging.getLogger("copydesk.service")


def create_app(settings: Settings) -> FastAPI:
    """Build the service. Its backends must have been started (`with_started_backends`).

    Raises ConfigurationError, PromptSetError or PromptError where it could not serve.
    """
    tracing = build_tracing(settings)
    metrics = Metrics(listeners=[tracing.called])
    edge = Edge(settings.server, metrics.refused_unread)
    database = Database(settings.database)
    usage = UsageBooks(database, settings)
    security = Security(settings, database, MonthlySums(usage), metrics.counted_alone)
    books = together(usage, security.quotas, metrics, RecordBooks())
    runner = build_runner(settings, metrics, books=books, may_draft=security.keyring.may_draft)
    reloader = PromptReloader(runner, metrics)
    watch = BackendWatch(runner, settings, metrics)
    replies = ReplyStore(database, settings.idempotency)
    largest = {"POST /v1/jobs": settings.jobs.max_body_bytes}
    jobs = JobStore(database, settings.jobs.retention_s)
    job_work = JobWork(database, runner, security.quotas, settings.jobs, jobs, metrics.job_item)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with AsyncExitStack() as stack:  # what is entered last ends first
            stack.callback(database.close)
            tracing.start()
            stack.push_async_callback(asyncio.to_thread, tracing.stop)
            await asyncio.to_thread(upgrade, database)
            await stack.enter_async_context(usage.running())
            await stack.enter_async_context(security.running())
            await stack.enter_async_context(_running(replies.purge()))
            stack.push_async_callback(runner.aclose)
            await stack.enter_async_context(_running(edge.run()))
            await watch.look()
            await stack.enter_async_context(_running(watch.run()))
            if settings.prompts.reload:
                await stack.enter_async_context(_running(reloader.run()))
            await stack.enter_async_context(_running(Backlog(database, metrics).run()))
            await stack.enter_async_context(job_work.running(edge.stopping, settings.server.shutdown_grace_s))
            yield {"edge": edge}

    app = FastAPIOffline(
        title="Copydesk",
        version=version("copydesk"),
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        dependencies=[Depends(refuse_unknown_parameters)],
        telemetry=NO_FASTAPI_TELEMETRY,
        swagger_ui_parameters={"tryItOutEnabled": True, "defaultModelsExpandDepth": 0},
    )
    tasks = [
        task_router(runner),
        stream_router(runner, metrics, settings.streams),
        batch_router(runner, settings.batch, security.quotas.check_item),
    ]
    app.router.routes.insert(0, OneBodyRoutes(tasks))
    for router in tasks:
        app.include_router(router)
    app.include_router(job_router(runner, jobs, job_work, settings.jobs))
    app.include_router(prompt_router(runner, reloader))
    app.include_router(backend_router(runner, watch, settings))
    app.include_router(operations_router(runner, watch, reloader, edge))
    app.include_router(metrics_router(metrics))
    app.include_router(usage_router(usage))
    app.add_middleware(Idempotency, store=replies, settings=settings.idempotency)
    app.add_middleware(Gate, edge=edge, entrance=security.entrance, quotas=security.quotas, largest=largest)
    app.add_middleware(Access, metrics=metrics, tracing=tracing, texts=settings.logging.texts)  # around all others
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

    async def without_database(request: Request, error: Exception) -> Response:
        # The error's own words may hold a text.
        _log.error("id=%s: the database failed: %s", request.scope["state"]["request_id"], type(error).__name__)
        return problem_response(request, problem_of_exception(error))

    for kind in DATABASE_AWAY:
        app.add_exception_handler(kind, without_database)

    @app.exception_handler(HTTPException)
    async def framework(request: Request, error: HTTPException) -> Response:
        return problem_response(request, await framework_problem(request, error, runner.tasks), error.headers)
