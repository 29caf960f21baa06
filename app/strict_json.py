"""Request bodies are JSON that means one thing (I-JSON, RFC 7493): each key once, whole characters, no NaN.

A large body is read in a thread, and none holds so many values that reading them, or checking them against a task's
input, delays other requests. Texts are cheap: they may fill the whole body.
"""

import asyncio
import json
import math
import re
from collections.abc import Callable, Coroutine
from typing import Any, Never

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from app.problems import ProblemError

__all__ = ["MOST_VALUES", "LargeJsonRoute", "StrictJsonRoute", "read_json", "read_line"]

MOST_VALUES = 50_000
"""JSON values of one body: fifty thousand take some 20 ms to read, as long to check, and as long to write."""

_MOST_VALUES_OF_MANY = 1_000_000
_READ_AT_ONCE_BYTES = 64 << 10
_MOST_DIGITS = 400
_TEXT = re.compile(rb'"[^"]*"')
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class StrictJsonRoute(APIRoute):
    """A route that reads its body strictly. What isn't JSON is the problem `invalid_json`."""

    most_values = MOST_VALUES

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handle(_StrictRequest(request, self.most_values))

        return strict


class LargeJsonRoute(StrictJsonRoute):
    """For bodies that hold many requests, each of which is checked in its turn."""

    most_values = _MOST_VALUES_OF_MANY


class _StrictRequest(Request):
    def __init__(self, request: Request, most_values: int) -> None:
        super().__init__(request.scope, request.receive)
        self._most_values = most_values

    async def json(self) -> Any:
        return await read_json(await self.body(), self._most_values)


async def read_json(raw: bytes, most_values: int) -> Any:
    """The value of a body. Raises ProblemError, and json.JSONDecodeError, UnicodeDecodeError and RecursionError as they
    come."""
    if len(raw) <= _READ_AT_ONCE_BYTES:
        return _read(raw, most_values)
    return await asyncio.to_thread(_read, raw, most_values)


def read_line(line: str, number: int) -> Any:
    """One line of JSON Lines, as strictly. Raises ProblemError, which names the line by its number."""
    try:
        return _read(line.encode())
    except ProblemError as error:
        raise ProblemError(error.code, f"Line {number}: {error.detail}") from None
    except UnicodeEncodeError:
        raise ProblemError("invalid_json", f"Line {number} holds one half of a surrogate pair.") from None
    except RecursionError:
        raise ProblemError("invalid_json", f"Line {number} is nested too deeply.") from None
    except json.JSONDecodeError as error:
        raise ProblemError(
            "invalid_json", f"Line {number} is not valid JSON: {error.msg} (at its character {error.pos})."
        ) from None


def _read(raw: bytes, most_values: int = MOST_VALUES) -> Any:
    _check_count(raw, most_values)
    value = json.loads(
        raw.decode("utf-8-sig"),
        object_pairs_hook=_unique_keys,
        parse_constant=_no_constant,
        parse_int=_whole_number,
        parse_float=_number,
    )
    if _ESCAPED_SURROGATE.search(raw) is not None:
        _check_characters(value)
    return value


def _check_count(raw: bytes, most: int) -> None:
    """Refuse too many values before any is read: each but the first follows a comma or a bracket outside of texts."""
    if _brackets(raw) <= most:
        return
    # Once no escaped quote is left, a text is whatever stands between two quotes.
    plain = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    values = texts = end = 0
    for text in _TEXT.finditer(plain):  # one by one, so that other threads get their turn
        values += _brackets(plain[end : text.start()])
        texts, end = texts + 1, text.end()
        if values > most or texts == most:
            break
    if texts == most or values + _brackets(plain[end:]) > most:
        raise ProblemError(
            "body_too_large",
            f"The body holds more than {most} JSON values. Send fewer at once; a text may be long.",
        )


def _brackets(raw: bytes) -> int:
    return raw.count(b",") + raw.count(b"[") + raw.count(b"{")


def _whole_number(digits: str) -> int:
    """Exact, however large. Python takes a time that grows with the square of the digits."""
    if len(digits) > _MOST_DIGITS:
        raise ProblemError("invalid_json", f"A number has more than {_MOST_DIGITS} digits: send it as a text.")
    return int(digits)


def _number(digits: str) -> float:
    value = float(digits) if len(digits) <= _MOST_DIGITS else math.inf
    if not math.isfinite(value):
        raise ProblemError("invalid_json", f"The number {digits[:40]} is too large or too long: send it as a text.")
    return value


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ProblemError("invalid_json", f"The key {key[:100]!a} stands twice in one object: send it once.")
            seen.add(key)
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
