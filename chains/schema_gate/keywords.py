"""The closed list of keywords that a caller's schema may use, and the values that each may have."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from chains.schema_gate.limits import LARGEST_NUMBER, LONGEST_TEXT, MOST_ITEMS, SMALLEST_NUMBER
from chains.schema_gate.wrong_places import WrongPlaces, below

__all__ = ["FORMATS", "NOTES", "REMEDIES", "ROOT_ONLY", "SERVED", "TYPES", "check_values"]

TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")
FORMATS = ("date", "date-time", "email", "uuid")

NOTES = frozenset({"$comment", "default", "deprecated", "example", "examples", "readOnly", "writeOnly"})
"""Kept from the model and from everything else: they constrain nothing."""

ROOT_ONLY = frozenset({"$schema", "$id", "$defs", "definitions"})
"""Read at the root only, and gone once the references are written out."""

REMEDIES: Mapping[str, str] = {
    "pattern": "a pattern can take minutes to compile or to match; use an enum, a format or a maxLength, and check the "
    "answer yourself",
    "oneOf": "use anyOf",
    "allOf": "write its parts into one schema",
    "not": "say what is allowed instead",
    "if": "use an anyOf of whole objects",
    "then": "use an anyOf of whole objects",
    "else": "use an anyOf of whole objects",
    "patternProperties": "name the properties, or take an array of pairs",
    "propertyNames": "name the properties",
    "prefixItems": "use an object with a property for each place",
    "uniqueItems": "leave it out, and remove what is repeated from the answer",
    "multipleOf": "leave it out, and round the answer",
    "minProperties": "use required",
    "maxProperties": "name the properties",
    "nullable": 'write "type": ["string", "null"]',
    "$defs": "definitions stand at the root of the schema",
    "definitions": "definitions stand at the root of the schema",
    "$schema": "it stands at the root of the schema only",
    "$id": "it stands at the root of the schema only",
    "$dynamicRef": "use a $ref to a definition of this schema",
    "$anchor": "use a $ref to a definition of this schema",
}


def _is_count(largest: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and 0 <= value <= largest


def _is_bound(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return False
    return value == 0 or SMALLEST_NUMBER <= abs(value) <= LARGEST_NUMBER


def _is_type(value: Any) -> bool:
    if isinstance(value, list):
        return 0 < len(value) == len(set(map(str, value))) and all(name in TYPES for name in value)
    return value in TYPES


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (str, bool, type(None))) or _is_bound(value)


def _is_enum(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(map(_is_scalar, value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


_COUNT_OF_CHARACTERS = _is_count(LONGEST_TEXT), f"a whole number from 0 to {LONGEST_TEXT}"
_COUNT_OF_ITEMS = _is_count(MOST_ITEMS), f"a whole number from 0 to {MOST_ITEMS}"
_NUMBER = f"number from {SMALLEST_NUMBER:g} to {LARGEST_NUMBER}, or 0, or the same below 0"
_BOUND = _is_bound, f"a {_NUMBER}"
_NOTE = _is_text, "a text"

SERVED: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "type": (_is_type, f"one of {', '.join(TYPES)}, or a list of some of them"),
    "title": _NOTE,
    "description": _NOTE,
    "enum": (_is_enum, f"a list of at least one text, {_NUMBER}, true, false or null"),
    "const": (_is_scalar, f"a text, a {_NUMBER}, true, false or null"),
    "anyOf": (lambda value: isinstance(value, list), "a list of schemas"),
    "properties": (lambda value: isinstance(value, Mapping), "an object of schemas"),
    "required": (_is_names, "a list of names of properties"),
    "additionalProperties": (lambda value: value is False, "false, which is also what its absence means here"),
    "items": (lambda value: isinstance(value, Mapping), "one schema"),
    "minItems": _COUNT_OF_ITEMS,
    "maxItems": _COUNT_OF_ITEMS,
    "minLength": _COUNT_OF_CHARACTERS,
    "maxLength": _COUNT_OF_CHARACTERS,
    "minimum": _BOUND,
    "maximum": _BOUND,
    "exclusiveMinimum": _BOUND,
    "exclusiveMaximum": _BOUND,
    "format": (lambda value: value in FORMATS, f"one of {', '.join(FORMATS)}"),
}
"""Each keyword that constrains an answer or explains it to the model: what its value may be, and the same in words."""


def check_values(read: Mapping[str, Any], pointer: str, wrong: WrongPlaces) -> bool:
    """Whether every keyword has a value that it may have; those that don't are noted."""
    fine = True
    for name, value in read.items():
        is_right, words = SERVED[name]
        if not is_right(value):
            fine = False
            wrong.add(below(pointer, name), "keyword_value", f"{name} must be {words}")
    return fine
