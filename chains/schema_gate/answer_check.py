"""Checks a model's answer against a schema, in bounded time."""

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry

__all__ = ["AnswerCheck"]


class AnswerCheck:
    """A JSON Schema that answers are held against. Nothing is ever retrieved: a reference that the schema doesn't
    hold is an error of whoever wrote it."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._validator = Draft202012Validator(dict(schema), registry=Registry())
