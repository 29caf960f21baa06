"""The stream operations: a text while it is written, as server-sent events.

Events are numbered by their `id`, from 1 on: `delta` with a piece of the text, then exactly one of `done` with the
whole response and `error` with a problem. What fails before anything was sent is answered as a plain problem with its
status; a stream never ends in silence. The first thing sent is a heartbeat, where the first piece takes that long:
proxies give up on who says nothing for a minute, and an answer may wait longer for its turn.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from itertools import count
from typing import Any

from fastapi import APIRouter, Request
from fastapi.sse import format_sse_event
from pydantic_core import to_json
from starlette.responses import Response, StreamingResponse

from app.caller import caller_of, check_request
from app.contract import Delta, response_model, to_response
from app.event_stream import MEDIA_TYPE, EventStream, Say
from app.metrics import Metrics
from app.one_body import OneBodyRoute
from app.openapi import request_example
from app.problems import REFUSALS, note_failure, problem_for, shutting_down
from app.sections import StreamSettings
from app.tasks import CLIENT_GONE, unless_gone
from chains.runner import Runner, StreamItem
from chains.task import Task

__all__ = ["stream_router"]


def stream_router(runner: Runner, metrics: Metrics, settings: StreamSettings) -> APIRouter:
    """One operation for each task that can stream."""
    router = APIRouter(prefix="/v1", tags=["streams"], route_class=OneBodyRoute)
    for task in runner.tasks.values():
        if task.stream is not None:
            router.add_api_route(
                f"/{task.name}/stream",
                _operation(task, runner, metrics, settings),
                methods=["POST"],
                operation_id=f"{task.name}Stream",
                summary=f"{task.summary}, and get it while it is written",
                description=_promise(task),
                response_class=StreamingResponse,
                responses={200: _events_described(task), **REFUSALS},
                openapi_extra=request_example(task),
            )
    return router


def _promise(task: Task[Any, Any]) -> str:
    return (
        "What fails before the first event is a problem with its status, as in the operation without a stream; after "
        "it, the stream ends with the event `error`. A stream that ends with neither `done` nor `error` was broken on "
        f"its way. Nothing is asked twice in a stream. {task.promise}"
    )


def _events_described(task: Task[Any, Any]) -> dict[str, Any]:
    done = response_model(task).__name__
    return {
        "description": f"Server-sent events: `delta` (data: {Delta.__name__}) any number of times, then either `done` "
        f"(data: {done}, whose text is all deltas joined) or `error` (data: Problem). Their ids count from 1. A "
        "comment (a line that begins with a colon) comes where there would be silence for long.",
        # As a plain string, Java's generator would read them as JSON.
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }


def _operation(
    task: Task[Any, Any], runner: Runner, metrics: Metrics, settings: StreamSettings
) -> Callable[..., Awaitable[Response]]:
    async def operation(request: Request, body: Any) -> Response:
        caller = caller_of(request)
        check_request(caller, task.name, body)
        request_id = request.scope["state"]["request_id"]
        items = runner.stream(task.name, body, caller=caller.key_id, request_id=request_id)
        text = _WrittenText(request, task, items, metrics)
        try:
            began = await unless_gone(request, text.begins_within(settings.heartbeat_s))
        except BaseException:
            await text.abandon()
            raise
        if began is None:
            await text.abandon()
            return Response(status_code=CLIENT_GONE)
        return EventStream(request, text.tell, settings)

    # FastAPI reads the body's type from here; the closure's own annotation cannot name it.
    operation.__annotations__["body"] = task.input
    return operation


class _WrittenText:
    """A text that is being written for a request, and its events."""

    def __init__(
        self, request: Request, task: Task[Any, Any], items: AsyncGenerator[StreamItem, None], metrics: Metrics
    ) -> None:
        self._request = request
        self._state: dict[str, Any] = request.scope["state"]
        self._task = task
        self._items = items
        self._metrics = metrics
        self._first = asyncio.ensure_future(anext(items))
        self._numbers = count(1)
        self._ended = False

    async def begins_within(self, seconds: float) -> bool:
        """Whether the first piece is there in time. Raises what fails before."""
        await asyncio.wait({self._first}, timeout=seconds)
        if self._first.done():
            self._first.result()
        return self._first.done()

    async def abandon(self) -> None:
        """Stop the generation."""
        self._first.cancel()
        await asyncio.gather(self._first, return_exceptions=True)
        await self._items.aclose()

    async def tell(self, say: Say) -> None:
        """Say all events, the last of which is `done` or `error`."""
        self._metrics.streams(+1)
        try:
            await self._tell_items(say)
        except asyncio.CancelledError:
            if not self._ended and not self._state.get("gone"):
                await say(self._error(shutting_down()))
            raise
        except Exception as error:
            if self._ended:
                raise
            await say(self._error(error))
        finally:
            self._metrics.streams(-1)

    async def _tell_items(self, say: Say) -> None:
        try:
            await self._tell_item(say, await self._first)
            async for item in self._items:
                await self._tell_item(say, item)
        finally:
            await self.abandon()

    async def _tell_item(self, say: Say, item: StreamItem) -> None:
        if isinstance(item, str):
            await say(self._numbered("delta", to_json({"text": item}).decode()))
            return
        response = to_response(self._task, item, self._state["request_id"]).decode()
        if "idempotency" in self._state:
            self._state["replay"] = _sse("done", response, 1)
        await say(self._numbered("done", response))
        self._ended = True

    def _error(self, error: Exception) -> bytes:
        problem = problem_for(self._request, error)
        note_failure(problem.request_id, error, problem.code)
        return self._numbered("error", problem.model_dump_json(exclude_defaults=True))

    def _numbered(self, event: str, data: str) -> bytes:
        return _sse(event, data, next(self._numbers))


def _sse(event: str, data: str, number: int) -> bytes:
    return format_sse_event(event=event, data_str=data, id=str(number))
