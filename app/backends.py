"""`GET /v1/backends`: by what the tasks are served."""

from enum import Enum

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.backend_watch import BackendWatch
from app.problems import REFUSALS
from app.settings import Settings
from chains.backends.configuration import CountsTokens, ScoresContinuations
from chains.runner import Runner
from chains.traffic.breaker import BreakerState

__all__ = ["BackendInfo", "BackendList", "backend_router"]


class BackendCapability(str, Enum):
    """What a backend can do beyond answers and streams."""

    COUNTS_TOKENS = "counts_tokens"
    SCORES_CONTINUATIONS = "scores_continuations"


_PROTOCOLS = {
    BackendCapability.COUNTS_TOKENS: CountsTokens,
    BackendCapability.SCORES_CONTINUATIONS: ScoresContinuations,
}


class BackendInfo(BaseModel):
    """One backend as this worker knows it. Slots and queue are this worker's share."""

    name: str = Field(description="Its name in the configuration.")
    kind: str = Field(description="What it speaks: ollama, openai, ...")
    model: str = Field(description="The model, as its server calls it.")
    ready: bool = Field(
        description="Whether its server answers, as the last probe found, its model was loaded since it does, and it "
        "isn't spared after failures."
    )
    warming: bool = Field(description="Whether its model is being loaded.")
    code: str | None = Field(default=None, description="The error of the last probe, or of loading the model.")
    breaker: BreakerState = Field(
        description="`open` while it is spared after failures, `half_open` while it is tried."
    )
    context_tokens: int | None = Field(default=None, description="Tokens of prompt and answer together, where known.")
    slots: int = Field(description="Requests that may run at once.")
    slots_in_use: int = Field(description="Requests that run now.")
    queue_length: int = Field(description="Requests that wait for a slot.")
    capabilities: list[BackendCapability] = Field(description="What it can do beyond answers and streams.")
    tasks: list[str] = Field(description="The tasks whose route has it.")


class BackendList(BaseModel):
    """All backends of the service."""

    backends: list[BackendInfo] = Field(description="The backends by their names.")


def backend_router(runner: Runner, watch: BackendWatch, settings: Settings) -> APIRouter:
    router = APIRouter(prefix="/v1/backends", tags=["backends"], responses={**REFUSALS})

    @router.get(
        "",
        operation_id="listBackends",
        summary="List the backends, and how they are",
        response_model_exclude_none=True,
    )
    async def list_backends() -> BackendList:
        """What each one is, what it can do, and how busy this worker keeps it."""
        return BackendList(backends=[_info(name, runner, watch, settings) for name in runner.backends])

    return router


def _info(name: str, runner: Runner, watch: BackendWatch, settings: Settings) -> BackendInfo:
    lane, state = runner.backends[name], watch.states[name]
    return BackendInfo(
        name=name,
        kind=settings.backends[name].kind,
        model=getattr(lane.model, "model_name", ""),
        ready=watch.is_ready(name),
        warming=watch.is_warming(name),
        code=state.error.code if state.error else None,
        breaker=lane.breaker.state,
        context_tokens=state.context_tokens,
        slots=lane.admission.slots,
        slots_in_use=lane.admission.busy,
        queue_length=lane.admission.queued,
        capabilities=[found for found, protocol in _PROTOCOLS.items() if isinstance(lane.model, protocol)],
        tasks=[task for task, route in runner.routes.items() if name in route],
    )
