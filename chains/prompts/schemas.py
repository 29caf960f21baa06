"""JSON Schemas of prompts: what is a usable one."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from chains.errors import PromptError

__all__ = ["check_default", "check_schema"]

_REFERENCES = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})


def check_schema(schema: Any, place: str, path: Path, line: int | None) -> None:
    """Raise PromptError unless this is a schema as an object that stands on its own."""
    if not isinstance(schema, dict):
        raise PromptError(f"{place}: a schema is an object", path=path, line=line, column=1)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise PromptError(f"{place}: not a JSON Schema: {error.message}", path=path, line=line, column=1) from error
    reference = next((key for key in _keys(schema) if key in _REFERENCES), None)
    if reference is not None:
        raise PromptError(f"{place}: {reference} is not available", path=path, line=line, column=1, hint="write it out")


def check_default(schema: Mapping[str, Any], place: str, path: Path, line: int | None) -> None:
    """Raise PromptError where the schema's default breaks the schema."""
    if "default" not in schema:
        return
    wrong = next(Draft202012Validator(schema).iter_errors(schema["default"]), None)
    if wrong is not None:
        raise PromptError(f"{place}: its default: {wrong.message}", path=path, line=line, column=1)


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _keys(part)
