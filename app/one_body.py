"""Operations that take one body and nothing else: `POST /v1/{task}`, its stream and its batch.

FastAPI describes them and answers what comes with a wrong method. To find one it asks every route in turn, twice, and
for each request it solves dependencies and parameters anew: more work than all else that happens before the task
begins. What is left of that for these operations is here, with the same answers.
"""

import json
from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from app.edge.bodies import whole_body
from app.parameters import refuse_unknown_parameters
from app.strict_json import StrictJsonRoute, read_json

__all__ = ["OneBodyRoute", "OneBodyRoutes"]


class OneBodyRoute(StrictJsonRoute):
    """A route for POST whose endpoint takes the request as `request` and a model as `body`, and answers with a
    Response."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await super().handle(scope, receive, send)
            return
        request = Request(scope, receive)
        sent = await self._sent(receive)
        await refuse_unknown_parameters(request)
        response = await self.endpoint(request=request, body=self._checked(sent))
        await response(scope, receive, send)

    async def _sent(self, receive: Receive) -> Any:
        """What the body holds; None where there is none. Raises what FastAPI raises: HTTPException with its cause for
        what can't be read, RequestValidationError for what is no JSON."""
        try:
            raw = await whole_body(receive)
            if raw is None:
                raise ClientDisconnect
            return await read_json(raw, self.most_values) if raw else _NOTHING
        except json.JSONDecodeError as error:
            wrong = {"type": "json_invalid", "loc": ("body", error.pos), "msg": error.msg, "ctx": {"error": error.msg}}
            raise RequestValidationError([wrong]) from error
        except Exception as error:
            raise HTTPException(400) from error

    def _checked(self, sent: Any) -> Any:
        if sent is _NOTHING:
            raise RequestValidationError([{"type": "missing", "loc": ("body",), "msg": "Field required"}])
        assert self.body_field is not None
        body, wrong = self.body_field.validate(sent, loc=("body",))
        if wrong:
            raise RequestValidationError(wrong)
        return body


_NOTHING = object()


class OneBodyRoutes(BaseRoute):
    """Finds all of the routers' OneBodyRoutes for a POST by one look into a table. It comes before the routers
    themselves, which find them too, and know the other methods."""

    def __init__(self, routers: Iterable[APIRouter]) -> None:
        found = [route for router in routers for route in router.routes if isinstance(route, OneBodyRoute)]
        self._found = {route.path: {"endpoint": route.endpoint, "path_params": {}, "route": route} for route in found}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        found = self._found.get(scope["path"]) if scope.get("method") == "POST" else None
        return (Match.NONE, {}) if found is None else (Match.FULL, found)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope["route"].handle(scope, receive, send)
