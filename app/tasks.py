"""The task operations: one POST for each task that the runner has."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.caller import caller_of, check_request
from app.contract import TaskInfo, TaskList, response_model, to_response
from app.edge.hang_up import HangUp
from app.one_body import OneBodyRoute
from app.openapi import request_example
from app.problems import REFUSALS
from chains.runner import Runner
from chains.task import Task

__all__ = ["CLIENT_GONE", "hung_up", "operation_id", "task_router", "unless_gone"]

T = TypeVar("T")

CLIENT_GONE = 499
"""For the log only: nobody is there to read it."""


def task_router(runner: Runner) -> APIRouter:
    """The operations of all tasks, and the list of them."""
    router = APIRouter(prefix="/v1", tags=["tasks"])
    for task in runner.tasks.values():
        router.add_api_route(
            f"/{task.name}",
            _operation(task, runner),
            methods=["POST"],
            operation_id=operation_id(task.name),
            summary=task.summary,
            description=task.promise or f"{task.summary}.",
            response_class=Response,
            responses={
                200: {"model": response_model(task), "description": "The task's output, and how it came about."},
                **REFUSALS,
            },
            openapi_extra=request_example(task),
            route_class_override=OneBodyRoute,
        )

    @router.get(
        "/tasks",
        operation_id="listTasks",
        summary="List the tasks that this service has",
        response_model_exclude_none=True,
    )
    async def list_tasks() -> TaskList:
        """Each with the prompt version that production serves, and with the backends of its route."""
        return TaskList(
            tasks=[
                TaskInfo(
                    name=task.name,
                    summary=task.summary,
                    prompt=runner.prompt(task.name),
                    backends=list(runner.routes[task.name]),
                )
                for task in runner.tasks.values()
            ]
        )

    return router


def operation_id(name: str) -> str:
    """The name of a task's operation, as callers' programs write it."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _operation(task: Task[Any, Any], runner: Runner) -> Callable[..., Awaitable[Response]]:
    async def operation(request: Request, body: Any) -> Response:
        state, caller = request.scope["state"], caller_of(request)
        check_request(caller, task.name, body)
        work = runner.run(task.name, body, caller=caller.key_id, request_id=state["request_id"])
        result = await unless_gone(request, work)
        if result is None:
            return Response(status_code=CLIENT_GONE)
        return Response(to_response(task, result, state["request_id"]), media_type="application/json")

    # FastAPI reads the body's type from here; the closure's own annotation cannot name it.
    operation.__annotations__["body"] = task.input
    return operation


async def unless_gone(request: Request, work: Awaitable[T]) -> T | None:
    """Run the work, and cancel it as soon as the caller has hung up: then the result is None."""
    state = request.scope["state"]
    hang_up: HangUp = state.get("hang_up") or HangUp()  # another protocol than ours tells nobody

    def leave() -> None:
        state["gone"] = True
        until_gone.reschedule(0)

    try:
        async with asyncio.timeout(None) as until_gone:
            hang_up.tell(leave)
            result = await work
    except Exception:
        if not until_gone.expired():
            raise
    finally:
        hang_up.tell(None)
    return None if until_gone.expired() else result


async def hung_up(request: Request) -> None:
    """Returns when the caller has hung up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
