"""The keywords of JSON Schema 2020-12, and those of a schema that are none."""

import difflib
from collections.abc import Iterator
from typing import Any

__all__ = ["nearest_keyword", "unknown_keywords"]

_OF_ONE = frozenset({
    "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames", "then",
    "unevaluatedItems", "unevaluatedProperties",
})  # fmt: skip
_OF_MANY = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_BY_NAME = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})
_OTHERS = frozenset({
    "$anchor", "$comment", "$dynamicAnchor", "$dynamicRef", "$id", "$recursiveAnchor", "$recursiveRef", "$ref",
    "$schema", "$vocabulary", "const", "contentEncoding", "contentMediaType", "default", "dependencies",
    "dependentRequired", "deprecated", "description", "enum", "examples", "exclusiveMaximum", "exclusiveMinimum",
    "format", "maxContains", "maxItems", "maxLength", "maxProperties", "maximum", "minContains", "minItems",
    "minLength", "minProperties", "minimum", "multipleOf", "pattern", "readOnly", "required", "title", "type",
    "uniqueItems", "writeOnly",
})  # fmt: skip
_KEYWORDS = _OF_ONE | _OF_MANY | _BY_NAME | _OTHERS


def unknown_keywords(schema: Any) -> Iterator[str]:
    """The keys of a schema and of all schemas in it that are no keywords. Names of properties, and values that the
    schema only quotes, may be anything."""
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if not isinstance(part, dict):
            continue
        yield from (key for key in part if key not in _KEYWORDS)
        for key, value in part.items():
            if key in _OF_ONE:
                waiting.append(value)
            elif key in _OF_MANY and isinstance(value, list):
                waiting.extend(value)
            elif key in _BY_NAME and isinstance(value, dict):
                waiting.extend(value.values())


def nearest_keyword(key: str) -> str | None:
    """The keyword that was probably meant."""
    near = difflib.get_close_matches(key[:50], sorted(_KEYWORDS), 1, 0.6)
    return near[0] if near else None
