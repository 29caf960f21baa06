"""JSON Schemas of prompts: what is a usable one."""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from chains.errors import PromptError
from chains.prompts.schema_keywords import nearest_keyword, unknown_keywords
from chains.validation import CannotCheck, SchemaValidator, violations

__all__ = ["check_default", "check_schema"]

_UNAVAILABLE = {
    **dict.fromkeys(("$ref", "$dynamicRef", "$recursiveRef"), "write it out"),
    "patternProperties": "name the properties",
}
_MOST_PARTS = 1_000
_LONGEST_PATTERN = 500
_ANY_VALUE = frozenset({"default", "const"})
_METASCHEMA = Draft202012Validator(Draft202012Validator.META_SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)


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
        needless = isinstance(schema.get("required"), bool) and place.startswith("inputs.")
        hint = "an input without a default is required" if needless else None
        raise _wrong(f"{place}: not a JSON Schema: {reason}", path, line, hint)
    unavailable = next((key for key in _keys(schema) if key in _UNAVAILABLE), None)
    if unavailable is not None:
        raise _wrong(f"{place}: {unavailable} is not available", path, line, _UNAVAILABLE[unavailable])
    unknown = next(unknown_keywords(schema), None)
    if unknown is not None:
        near = nearest_keyword(unknown)
        hint = f"did you mean {near}?" if near else "a note of your own goes into description or $comment"
        raise _wrong(f"{place}: {unknown[:100]!r} is no keyword of JSON Schema", path, line, hint)


def check_default(schema: Mapping[str, Any], place: str, path: Path, line: int | None) -> None:
    """Raise PromptError where the schema's default breaks the schema."""
    if "default" not in schema:
        return
    try:
        wrong = violations(SchemaValidator(schema), schema["default"])
        reason = wrong[0].message if wrong else None
    except CannotCheck as error:
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
