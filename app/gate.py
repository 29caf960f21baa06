"""What every request passes before any operation sees it, as plain ASGI.

It gives the request its id and its caller, holds the caller to the key's limits, and bounds the body in size.
"""

import asyncio
import logging
import re
import uuid
from collections.abc import Iterable, Mapping

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.caller import NOBODY
from app.edge.bodies import HeldBody
from app.edge.edge import Edge
from app.keys import Entrance, Quotas, challenge, demand_of
from app.problems import ProblemError, problem_of_exception, problem_response, shutting_down

__all__ = ["Gate"]

_log = logging.getLogger("copydesk.access")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_WITH_BODY = {"POST", "PUT", "PATCH"}
_READING = {"GET", "HEAD"}
_ALWAYS = {"/healthz", "/readyz"}
"""Answered even where there is no room for more."""

_BODILESS = re.compile(r"/v1/jobs/[^/]+/cancel")
"""Operations that take no body, so that none need be declared."""

_FOUND = ("route", "endpoint", "path_params")
"""What the router notes in the scope."""


class Gate:
    """`largest` gives operations (`POST /v1/jobs`) a limit of their own, in bytes, for their bodies."""

    def __init__(
        self, app: ASGIApp, edge: Edge, entrance: Entrance, quotas: Quotas, largest: Mapping[str, int] | None = None
    ) -> None:
        self._app = app
        self._largest = largest or {}
        self._edge = edge
        self._server = edge.settings
        self._entrance = entrance
        self._quotas = quotas

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = _request_id(headers)
        state = scope.setdefault("state", {})
        state |= {"request_id": request_id, "caller": NOBODY}
        body, inner = self._edge.bodies.body(), _as_get(scope)
        status = 0
        told = {"x-request-id": request_id}

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _with(told, message["headers"])
            await send(message)

        try:
            caller = state["caller"] = await self._entrance.caller(scope["path"], headers)
            self._check(scope, headers)
            async with self._quotas.admitted(caller, demand_of(scope["method"], scope["path"]), told):
                await self._app(inner, self._bounded(receive, scope, body), send_with_id)
        except asyncio.CancelledError:
            if state.get("gone"):
                raise
            # uvicorn cancels what is not through when the time to stop is over. A stream has told it by itself.
            if not status:
                await problem_response(Request(scope), shutting_down())(scope, receive, send_with_id)
        except ProblemError as error:
            asked = challenge(scope["path"]) if error.code in ("key_missing", "key_invalid") else None
            await problem_response(Request(scope), error, asked)(scope, receive, send_with_id)
        except Exception as error:
            _log.exception("id=%s: unforeseen", request_id)
            if status:
                raise
            await problem_response(Request(scope), problem_of_exception(error))(scope, receive, send_with_id)
        finally:
            body.let_go()
            scope.update({name: inner[name] for name in _FOUND if name in inner})

    def _check(self, scope: Scope, headers: Headers) -> None:
        refusal: ProblemError | None = scope["state"].get("refusal")
        if refusal is not None and scope["path"] not in _ALWAYS:
            raise refusal
        if scope["method"] not in _WITH_BODY:
            return
        length, most = headers.get("content-length", "0"), self._most(scope)
        if length.isdecimal() and int(length) > most:
            raise _too_large(most)
        if length == "0" and "transfer-encoding" not in headers and _BODILESS.fullmatch(scope["path"]):
            return
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            declared = f"is declared as {media_type!r}" if media_type else "has no Content-Type"
            raise ProblemError("media_type_unsupported", f"The body {declared}. Send it as application/json.")
        encoding = headers.get("content-encoding", "identity").lower()
        if encoding != "identity":
            raise ProblemError(
                "media_type_unsupported", f"The body is encoded as {encoding[:40]!r}. Send it without Content-Encoding."
            )

    def _bounded(self, receive: Receive, scope: Scope, body: HeldBody) -> Receive:
        state, most = scope["state"], self._most(scope)
        complete = False

        async def bounded() -> Message:
            nonlocal complete
            if complete:
                message = await receive()
                state["gone"] = state.get("gone", False) or message["type"] == "http.disconnect"
                return message
            message = await receive()
            body.grow(len(message.get("body", b"")))
            complete = not message.get("more_body", False)
            if body.size > most:
                raise _too_large(most)
            return message

        return bounded

    def _most(self, scope: Scope) -> int:
        return self._largest.get(f"{scope['method']} {scope['path']}", self._server.max_body_bytes)


def _too_large(most: int) -> ProblemError:
    return ProblemError("body_too_large", f"The body is larger than the {most} bytes that this service takes here.")


def _as_get(scope: Scope) -> Scope:
    """HEAD is answered as GET, and the protocol leaves the body out: load balancers ask so. Ranges, which only pages
    of the documentation have, are not served."""
    if scope["method"] not in _READING:
        return scope
    headers = [header for header in scope["headers"] if header[0] != b"range"]
    return {**scope, "method": "GET", "headers": headers}


def _with(told: Mapping[str, str], headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers with these in the place of others of their names: a replay has those of the first try."""
    raw = {name.encode("latin-1"): value.encode("latin-1") for name, value in told.items()}
    return [*(header for header in headers if header[0] not in raw), *raw.items()]


def _request_id(headers: Headers) -> str:
    """The caller's own id where it is one, else a new one."""
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
