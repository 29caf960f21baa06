"""Health, readiness, and the pages for people."""

import asyncio
import logging
from typing import Any

from fastapi import APIRouter
from starlette.responses import HTMLResponse, JSONResponse

from app.contract import BackendState, Health, PromptState, Readiness
from app.error_page import errors_html
from app.reload import PromptReloader
from chains.errors import CopydeskError
from chains.runner import Runner

__all__ = ["Probe", "operations_router"]

_log = logging.getLogger("copydesk.readiness")
PROBE_INTERVAL_S = 10.0


class Probe:
    """Knows from a background probe which backends are usable, so that no readiness request ever asks one."""

    def __init__(self, runner: Runner, reloader: PromptReloader) -> None:
        self._runner = runner
        self._reloader = reloader
        self._errors: dict[str, CopydeskError | None] | None = None

    async def run(self) -> None:
        """Probe now and then every PROBE_INTERVAL_S, until cancelled. Changes of state are logged."""
        while True:
            await self.look()
            await asyncio.sleep(PROBE_INTERVAL_S)

    async def look(self) -> None:
        """Probe every backend once."""
        before, self._errors = self._errors or {}, await self._runner.probe()
        for name, error in self._errors.items():
            if error is not None and before.get(name) is None:
                _log.warning("not usable: %s", error)
            elif error is None and before.get(name) is not None:
                _log.info("backend %r is usable again", name)

    def readiness(self) -> Readiness:
        errors = self._errors or {}
        usable = {name for name in self._runner.backends if name in errors and errors[name] is None}
        ready = all(usable.intersection(route) for route in self._runner.routes.values())
        return Readiness(
            status="ready" if ready else "unready",
            prompts=PromptState(digest=self._runner.prompts.digest, last_error=self._reloader.last_places),
            backends=[
                BackendState(name=name, ready=name in usable, code=error.code if (error := errors.get(name)) else None)
                for name in self._runner.backends
            ],
        )


def operations_router(probe: Probe) -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.get("/healthz", operation_id="health", summary="Whether the process answers")
    async def health() -> Health:
        return Health(status="ok")

    unready: dict[int | str, dict[str, Any]] = {
        503: {"model": Readiness, "description": "Some task has no usable backend."}
    }

    @router.get(
        "/readyz",
        operation_id="readiness",
        summary="Whether every task can be served",
        responses={200: {"model": Readiness}, **unready},
    )
    async def readiness() -> JSONResponse:
        state = probe.readiness()
        return JSONResponse(state.model_dump(exclude_none=True), 200 if state.status == "ready" else 503)

    @router.get("/docs/errors", include_in_schema=False)
    async def errors() -> HTMLResponse:
        return HTMLResponse(errors_html())

    return router
