"""Checks a model's answer against a schema, in bounded time."""

import asyncio
import uuid
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from typing import Any

from jsonschema import FormatChecker

from chains.validation import CannotCheck, schema_validator, violations

__all__ = ["AnswerCheck"]

_MOST_STEPS = 200_000
_MUCH_WORK = 50_000


class AnswerCheck:
    """A JSON Schema that answers are held against: one that has passed the gate, or a task's own."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._validator = schema_validator(schema, _formats())
        self._parts = _parts(dict(schema))

    async def first_wrong(self, value: Any, characters: int) -> tuple[str, str] | None:
        """Where an answer of so many characters breaks the schema, and what is wrong there, in words that quote it.

        What could take long runs in a thread, and what would take seconds counts as wrong.
        """
        if characters * self._parts > _MUCH_WORK:
            return await asyncio.to_thread(self._first_wrong, value)
        return self._first_wrong(value)

    def _first_wrong(self, value: Any) -> tuple[str, str] | None:
        try:
            found = violations(self._validator, value, steps=_MOST_STEPS)
        except CannotCheck as error:
            return f"the whole ({error.code})", str(error)
        if not found:
            return None
        return f"{found[0].json_path} ({found[0].validator})", f"at {found[0].json_path}: {found[0].message}"


def _parts(schema: Any) -> int:
    if isinstance(schema, dict):
        return 1 + sum(map(_parts, schema.values()))
    return sum(map(_parts, schema)) if isinstance(schema, list) else 0


@cache
def _formats() -> FormatChecker:
    """The formats that the gate lets through; texts only, and within Python's years 1 to 9999."""
    checker = FormatChecker(formats=())
    checker.checks("date", ValueError)(_is_date)
    checker.checks("date-time", ValueError)(_is_date_time)
    checker.checks("email")(_is_email)
    checker.checks("uuid", ValueError)(_is_uuid)
    return checker


def _is_date(value: object) -> bool:
    return not isinstance(value, str) or (len(value) == 10 and bool(date.fromisoformat(value)))


def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or (
        value[10:11] in ("T", "t") and datetime.fromisoformat(value.upper()).tzinfo is not None
    )


def _is_email(value: object) -> bool:
    return not isinstance(value, str) or "@" in value[1:-1]


def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or (len(value) == 36 and bool(uuid.UUID(value)))
