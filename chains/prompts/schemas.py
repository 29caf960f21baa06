"""JSON Schemas of prompts: what is a usable one."""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import regex
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from chains.errors import PromptError

__all__ = ["PatternTooSlow", "SchemaValidator", "check_default", "check_schema"]

_UNAVAILABLE = {
    **dict.fromkeys(("$ref", "$dynamicRef", "$recursiveRef"), "write it out"),
    "patternProperties": "name the properties",
}
_MOST_PARTS = 1_000
_LONGEST_PATTERN = 500
_PATTERN_S = 0.1
_ANY_VALUE = frozenset({"default", "const"})
_METASCHEMA = Draft202012Validator(Draft202012Validator.META_SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)


class PatternTooSlow(Exception):
    """A `pattern` that needs endless time for some text, such as (a+)+$."""


def _match(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """The keyword `pattern`, within a time limit that Python's own expressions don't have."""
    if not isinstance(instance, str):
        return
    try:
        if regex.search(pattern, instance, timeout=_PATTERN_S) is None:
            yield ValidationError(f"{instance!r} does not match {pattern!r}")
    except TimeoutError:
        raise PatternTooSlow(f"the pattern {pattern!r} takes too long") from None


SchemaValidator = extend(Draft202012Validator, {"pattern": _match})  # type: ignore[no-untyped-call]
"""Validates values by a prompt's schema. Raises PatternTooSlow."""


def check_schema(schema: Any, place: str, path: Path, line: int | None) -> None:
    """Raise PromptError unless this is a schema as an object that stands on its own."""
    if not isinstance(schema, dict):
        raise _wrong(f"{place}: a schema is an object", path, line)
    try:
        reason = _too_large(schema) or _not_a_schema(
            json.dumps({key: value for key, value in schema.items() if key not in _ANY_VALUE})
        )
    except RecursionError as error:
        raise _wrong(f"{place}: nested too deeply", path, line) from error
    if reason is not None:
        raise _wrong(f"{place}: not a JSON Schema: {reason}", path, line)
    unavailable = next((key for key in _keys(schema) if key in _UNAVAILABLE), None)
    if unavailable is not None:
        raise _wrong(f"{place}: {unavailable} is not available", path, line, _UNAVAILABLE[unavailable])


def check_default(schema: Mapping[str, Any], place: str, path: Path, line: int | None) -> None:
    """Raise PromptError where the schema's default breaks the schema."""
    if "default" not in schema:
        return
    try:
        wrong = next(SchemaValidator(schema).iter_errors(schema["default"]), None)
        reason = None if wrong is None else wrong.message
    except PatternTooSlow as error:
        reason = str(error)
    if reason is not None:
        raise PromptError(f"{place}: its default: {reason}", path=path, line=line, column=1, rule="default")


@lru_cache(maxsize=1024)
def _not_a_schema(text: str) -> str | None:
    """Why a text isn't a JSON Schema. Most inputs of most prompts have one of a few schemas."""
    try:
        wrong = next(_METASCHEMA.iter_errors(json.loads(text)), None)
    except OverflowError as error:  # a{99999999999}
        return f"its pattern: {error}"
    return None if wrong is None else wrong.message


def _too_large(schema: Any) -> str | None:
    """Why a schema would take long to check or to use; what it costs are its objects and lists."""
    if sum(isinstance(part, (dict, list)) for part in _parts(schema)) > _MOST_PARTS:
        return f"it holds more than {_MOST_PARTS} objects and lists"
    patterns = (part["pattern"] for part in _parts(schema) if isinstance(part, dict) and "pattern" in part)
    if any(isinstance(pattern, str) and len(pattern) > _LONGEST_PATTERN for pattern in patterns):
        return f"its pattern is longer than {_LONGEST_PATTERN} characters"
    return None


def _wrong(message: str, path: Path, line: int | None, hint: str | None = None) -> PromptError:
    return PromptError(message, path=path, line=line, column=1, hint=hint, rule="schema")


def _keys(value: Any) -> Iterator[str]:
    return (key for part in _parts(value) if isinstance(part, dict) for key in part)


def _parts(value: Any) -> Iterator[Any]:
    """The value and all that it holds, however deep."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        yield part
        waiting.extend(part.values() if isinstance(part, dict) else part if isinstance(part, list) else ())
