"""The stream operations: a text while it is written, as server-sent events.

Events are numbered by their `id`, from 1 on: `delta` with a piece of the text, then exactly one of `done` with the
whole response and `error` with a problem. What fails before the first piece is answered as a plain problem with its
status; a stream never ends in silence.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from itertools import count
from typing import Any

from fastapi import APIRouter, Request
from fastapi.sse import format_sse_event
from starlette.responses import Response, StreamingResponse

from app.caller import caller_of, check_request
from app.contract import Delta, response_model, to_response
from app.metrics import Metrics
from app.openapi import request_example
from app.problems import REFUSALS, note_failure, problem_for, shutting_down
from app.strict_json import StrictJsonRoute
from app.tasks import CLIENT_GONE, unless_gone
from chains.runner import Runner, StreamItem
from chains.task import Task

__all__ = ["stream_router"]

_MEDIA_TYPE = "text/event-stream"
# Proxies must neither keep nor collect the events.
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def stream_router(runner: Runner, metrics: Metrics) -> APIRouter:
    """One operation for each task that can stream."""
    router = APIRouter(prefix="/v1", tags=["streams"], route_class=StrictJsonRoute)
    for task in runner.tasks.values():
        if task.stream is not None:
            router.add_api_route(
                f"/{task.name}/stream",
                _operation(task, runner, metrics),
                methods=["POST"],
                operation_id=f"{task.name}Stream",
                summary=f"{task.summary}, and get it while it is written",
                response_class=StreamingResponse,
                responses={200: _events_described(task), **REFUSALS},
                openapi_extra=request_example(task),
            )
    return router


def _events_described(task: Task[Any, Any]) -> dict[str, Any]:
    done = response_model(task).__name__
    return {
        "description": f"Server-sent events: `delta` (data: {Delta.__name__}) any number of times, then either `done` "
        f"(data: {done}, whose text is all deltas joined) or `error` (data: Problem). Their ids count from 1.",
        "content": {_MEDIA_TYPE: {"schema": {"type": "string"}}},
    }


def _operation(task: Task[Any, Any], runner: Runner, metrics: Metrics) -> Callable[..., Awaitable[Response]]:
    async def operation(request: Request, body: Any) -> Response:
        caller = caller_of(request)
        check_request(caller, task.name, body)
        request_id = request.scope["state"]["request_id"]
        items = runner.stream(task.name, body, caller=caller.key_id, request_id=request_id)
        try:
            first = await unless_gone(request, anext(items))
        except BaseException:
            await items.aclose()
            raise
        if first is None:
            await items.aclose()
            return Response(status_code=CLIENT_GONE)
        events = _counted(_events(request, task, first, items), metrics)
        return StreamingResponse(events, media_type=_MEDIA_TYPE, headers=_HEADERS)

    # FastAPI reads the body's type from here; the closure's own annotation cannot name it.
    operation.__annotations__["body"] = task.input
    return operation


async def _counted(events: AsyncGenerator[bytes, None], metrics: Metrics) -> AsyncIterator[bytes]:
    metrics.streams(+1)
    try:
        async with aclosing(events):
            async for event in events:
                yield event
    finally:
        metrics.streams(-1)


async def _events(
    request: Request, task: Task[Any, Any], first: StreamItem, items: AsyncGenerator[StreamItem, None]
) -> AsyncGenerator[bytes, None]:
    state = request.scope["state"]
    numbers = count(1)
    async with aclosing(items):
        try:
            yield _event(state, task, first, next(numbers))
            async for item in items:
                yield _event(state, task, item, next(numbers))
        except asyncio.CancelledError:
            if state.get("gone"):
                raise
            yield _error(request, shutting_down(), next(numbers))
        except Exception as error:
            yield _error(request, error, next(numbers))


def _event(state: dict[str, Any], task: Task[Any, Any], item: StreamItem, number: int) -> bytes:
    if isinstance(item, str):
        return _sse("delta", json.dumps({"text": item}, ensure_ascii=False, separators=(",", ":")), number)
    return _sse("done", to_response(task, item, state["request_id"]).decode(), number)


def _error(request: Request, error: Exception, number: int) -> bytes:
    problem = problem_for(request, error)
    note_failure(problem.request_id, error, problem.code)
    return _sse("error", problem.model_dump_json(exclude_defaults=True), number)


def _sse(event: str, data: str, number: int) -> bytes:
    return format_sse_event(event=event, data_str=data, id=str(number))
