"""Health, readiness, and the pages for people."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import HTMLResponse, JSONResponse

from app.backend_watch import BackendWatch
from app.contract import BackendState, Health, PromptState, Readiness
from app.edge.edge import Edge
from app.error_page import errors_html
from app.reload import PromptReloader
from chains.runner import Runner

__all__ = ["operations_router"]


def _readiness(runner: Runner, watch: BackendWatch, reloader: PromptReloader, edge: Edge) -> Readiness:
    status = "ready" if watch.serves_all else "unready"
    return Readiness(
        status="stopping" if edge.stopping.is_set() else status,
        prompts=PromptState(digest=runner.prompts.digest, last_error=reloader.last_places),
        backends=[
            BackendState(
                name=name,
                ready=watch.is_ready(name),
                warming=watch.is_warming(name) or None,
                code=state.error.code if state.error else None,
            )
            for name, state in watch.states.items()
        ],
    )


def operations_router(runner: Runner, watch: BackendWatch, reloader: PromptReloader, edge: Edge) -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.get("/healthz", operation_id="health", summary="Whether the process answers")
    async def health() -> Health:
        """No task, backend or database is asked: see /readyz."""
        return Health(status="ok")

    unready: dict[int | str, dict[str, Any]] = {
        503: {"model": Readiness, "description": "Some task has no usable backend, or the service stops."}
    }

    @router.get(
        "/readyz",
        operation_id="readiness",
        summary="Whether every task can be served",
        responses={200: {"model": Readiness}, **unready},
    )
    async def readiness() -> JSONResponse:
        """Known from a probe in the background: no request to it reaches a model. It needs no key."""
        state = _readiness(runner, watch, reloader, edge)
        return JSONResponse(state.model_dump(exclude_none=True), 200 if state.status == "ready" else 503)

    @router.get("/docs/errors", include_in_schema=False)
    async def errors() -> HTMLResponse:
        return HTMLResponse(errors_html())

    return router
