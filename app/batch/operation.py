"""The batch operations: one for each task. The answer is 200 wherever the frame is good."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.batch.shapes import batch_request_model, batch_response_model
from app.batch.work import Batch, CheckItem
from app.caller import caller_of, check_request
from app.one_body import OneBodyRoute
from app.problems import REFUSALS, instance_of
from app.sections import BatchSettings
from app.tasks import CLIENT_GONE, operation_id, unless_gone
from chains.runner import Runner
from chains.task import Task

__all__ = ["batch_router"]


def batch_router(runner: Runner, settings: BatchSettings, check_item: CheckItem) -> APIRouter:
    """The batch operations of all tasks. `check_item` knows the limits of keys."""
    router = APIRouter(prefix="/v1", tags=["batches"], route_class=OneBodyRoute)
    for task in runner.tasks.values():
        router.add_api_route(
            f"/{task.name}/batch",
            _operation(task, runner, settings, check_item),
            methods=["POST"],
            operation_id=f"{operation_id(task.name)}Batch",
            summary=f"{task.summary}: many at once",
            description="The items are answered side by side, each as if it were sent alone; a wrong or failed one is "
            f"a problem in its place. The status is 200 also where every item has failed. {task.promise}",
            response_class=Response,
            responses={
                200: {
                    "model": batch_response_model(task),
                    "description": "A result or a problem for each item, in order.",
                },
                **REFUSALS,
            },
            openapi_extra=_example(task),
        )
    return router


def _operation(
    task: Task[Any, Any], runner: Runner, settings: BatchSettings, check_item: CheckItem
) -> Callable[..., Awaitable[Response]]:
    async def operation(request: Request, body: Any) -> Response:
        state, caller = request.scope["state"], caller_of(request)
        check_request(caller, task.name, task.input.model_construct())  # whether it may have the task at all
        names = {"caller": caller, "request_id": state["request_id"], "path": instance_of(request.scope)}
        batch = Batch(runner, task, settings, check_item, **names)
        answer = await unless_gone(request, batch.answer(body.items, body.deadline_ms))
        if answer is None:
            return Response(status_code=CLIENT_GONE)
        return Response(answer, media_type="application/json")

    # FastAPI reads the body's type from here; the closure's own annotation cannot name it.
    operation.__annotations__["body"] = batch_request_model(task, settings.max_items)
    return operation


def _example(task: Task[Any, Any]) -> dict[str, Any]:
    if not task.example:
        return {}
    example = {"items": [dict(task.example)], "deadline_ms": 60_000}
    return {"requestBody": {"content": {"application/json": {"example": example}}}}
