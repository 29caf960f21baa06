"""Request bodies are JSON that means one thing (I-JSON, RFC 7493): each key once, whole characters, no NaN."""

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from typing import Any, Never

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from app.problems import ProblemError

__all__ = ["StrictJsonRoute"]

_LARGE = 1 << 20
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class StrictJsonRoute(APIRoute):
    """A route that reads its body strictly. What isn't JSON is the problem `invalid_json`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return strict


class _StrictRequest(Request):
    async def json(self) -> Any:
        """Raises ProblemError, and json.JSONDecodeError, UnicodeDecodeError and RecursionError as they come."""
        raw = await self.body()
        # A document of 10 MB in one piece would hold everybody up for as long as it takes to read it.
        return _parsed(raw) if len(raw) < _LARGE else await asyncio.to_thread(_parsed, raw)


def _parsed(raw: bytes) -> Any:
    value = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_unique_keys, parse_constant=_no_constant)
    if _ESCAPED_SURROGATE.search(raw) is not None:
        _check_characters(value)
    return value


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ProblemError("invalid_json", f"The key {key[:100]!a} stands twice in one object: send it once.")
        found[key] = value
    return found


def _no_constant(name: str) -> Never:
    raise ProblemError("invalid_json", f"{name} is no JSON value: send a number, or leave the field out.")


def _check_characters(value: Any) -> None:
    """JSON can escape half of a surrogate pair, which is no character: no model and no response could take it."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        raise ProblemError(
            "invalid_json", f"The body holds {half}, one half of a surrogate pair: send both halves, or the character."
        ) from None
