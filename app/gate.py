"""What every request passes before any operation sees it, as plain ASGI.

It gives the request its id and its caller, refuses what a keyless service must refuse, bounds the body in size
and time.
"""

import asyncio
import logging
import re
import uuid
from typing import Any

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.caller import ANONYMOUS
from app.problems import ProblemError, problem_of_exception, problem_response, shutting_down
from app.settings import ServerSettings, is_loopback

__all__ = ["Gate"]

_log = logging.getLogger("copydesk.access")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
_WITH_BODY = {"POST", "PUT", "PATCH"}


class Gate:
    def __init__(self, app: ASGIApp, server: ServerSettings) -> None:
        self._app = app
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = _request_id(headers)
        scope["state"] = {**scope.get("state", {}), "request_id": request_id, "caller": ANONYMOUS}
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        try:
            self._check(scope["method"], headers)
            await self._app(scope, self._bounded(receive, scope["state"]), send_with_id)
        except asyncio.CancelledError:
            if scope["state"].get("gone"):
                raise
            # uvicorn cancels what is not through when the time to stop is over. A stream has told it by itself.
            if not status:
                await problem_response(Request(scope), shutting_down())(scope, receive, send_with_id)
        except ProblemError as error:
            await problem_response(Request(scope), error)(scope, receive, send_with_id)
        except Exception as error:
            _log.exception("id=%s: unforeseen", request_id)
            if status:
                raise
            await problem_response(Request(scope), problem_of_exception(error))(scope, receive, send_with_id)

    def _check(self, method: str, headers: Headers) -> None:
        _check_direct(headers)
        if method not in _WITH_BODY:
            return
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self._server.max_body_bytes:
            raise self._too_large()
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            declared = f"is declared as {media_type!r}" if media_type else "has no Content-Type"
            raise ProblemError("media_type_unsupported", f"The body {declared}. Send it as application/json.")

    def _bounded(self, receive: Receive, state: dict[str, Any]) -> Receive:
        received = 0
        complete = False
        deadline = asyncio.get_running_loop().time() + self._server.body_timeout_s

        async def bounded() -> Message:
            nonlocal received, complete
            if complete:
                message = await receive()
                state["gone"] = state.get("gone", False) or message["type"] == "http.disconnect"
                return message
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                limit = self._server.body_timeout_s
                raise ProblemError("body_timeout", f"The body was not complete after {limit:g} s.") from None
            received += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if received > self._server.max_body_bytes:
                raise self._too_large()
            return message

        return bounded

    def _too_large(self) -> ProblemError:
        limit = self._server.max_body_bytes
        return ProblemError("body_too_large", f"The body is larger than the {limit} bytes that this service takes.")


def _check_direct(headers: Headers) -> None:
    """A service without keys is for this machine only. Never decided by the peer's address: a proxy has one too."""
    host = headers.get("host", "")
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if not is_loopback(name):
        raise ProblemError("host_not_allowed", f"The Host header is {host[:100]!r}. Call 127.0.0.1 or localhost.")
    forwarded = next((header for header in _FORWARDED if header in headers), None)
    if forwarded:
        raise ProblemError("host_not_allowed", f"The request came through a proxy: it has the header {forwarded}.")


def _request_id(headers: Headers) -> str:
    """The caller's own id where it is one, else a new one."""
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
