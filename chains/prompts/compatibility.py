"""Whether one JSON Schema takes all that another takes.

Containment of JSON Schemas is hard in general. This decides the keywords that prompts use, and answers
'may be refused' wherever it can't decide.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator

__all__ = ["narrowings"]

_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_ANNOTATIONS = frozenset({
    "$comment", "default", "deprecated", "description", "examples", "format", "readOnly", "title", "writeOnly",
})  # fmt: skip
_UPPER = {"maximum": "number", "exclusiveMaximum": "number", "maxLength": "string", "maxItems": "array"}
_LOWER = {"minimum": "number", "exclusiveMinimum": "number", "minLength": "string", "minItems": "array"}
_DECIDED = _ANNOTATIONS.union(
    _UPPER, _LOWER, {"additionalProperties", "const", "enum", "items", "properties", "required", "type"}
)


def narrowings(before: Mapping[str, Any], after: Mapping[str, Any], place: str, *, closed: bool = True) -> list[str]:
    """Why a value that `before` takes may be refused by `after`, a phrase each; none where `after` takes them all.

    `place` names the schema in the phrases: `max_words`. Without `closed`, a property that `after` doesn't
    declare is no reason: whoever reads objects ignores what he doesn't know.
    """
    return list(_narrowings(before, after, place, closed))


def _narrowings(before: Any, after: Any, place: str, closed: bool) -> Iterator[str]:
    before, after = _as_object(before), _as_object(after)
    values = _values(before)
    if values is not None:
        validator = Draft202012Validator(after)
        yield from (f"{place}: {value!r} is not taken" for value in values if not validator.is_valid(value))
        return
    only = _values(after)
    if only is not None:
        yield f"{place}: only {', '.join(map(repr, only))} {'are' if len(only) > 1 else 'is'} taken"
        return
    types = _types(before)
    lost = sorted(name for name in types if not _takes_type(_types(after), name))
    if lost:
        yield f"{place}: the type {' or '.join(lost)} is not taken"
    yield from _bounds(before, after, types, place)
    if "object" in types:
        yield from _objects(before, after, place, closed)
    if "array" in types and "items" in after and before.get("items") != after["items"]:
        yield from _narrowings(before.get("items", {}), after["items"], f"{place}[]", closed)
    for key in after.keys() - _DECIDED:
        if before.get(key) != after[key]:
            yield f"{place}: {key} may refuse more"


def _as_object(schema: Any) -> Mapping[str, Any]:
    if isinstance(schema, bool):
        return {} if schema else {"enum": []}
    found: Mapping[str, Any] = schema
    return found


def _values(schema: Mapping[str, Any]) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _types(schema: Mapping[str, Any]) -> frozenset[str]:
    declared = schema.get("type", _TYPES)
    return frozenset({declared} if isinstance(declared, str) else declared)


def _takes_type(types: frozenset[str], name: str) -> bool:
    return name in types or (name == "integer" and "number" in types)


def _bounds(before: Mapping[str, Any], after: Mapping[str, Any], types: frozenset[str], place: str) -> Iterator[str]:
    for key, kind in {**_UPPER, **_LOWER}.items():
        concerned = types.intersection({kind, "integer"} if kind == "number" else {kind})
        if not concerned or key not in after:
            continue
        old, new = before.get(key), after[key]
        if old is None or (new < old if key in _UPPER else new > old):
            yield f"{place}: {key} is {new}, not {'free' if old is None else old}"


def _objects(before: Mapping[str, Any], after: Mapping[str, Any], place: str, closed: bool) -> Iterator[str]:
    had, has = before.get("properties", {}), after.get("properties", {})
    for name in sorted(set(after.get("required", ())) - set(before.get("required", ()))):
        yield f"{place}.{name}: is required"
    rest = after.get("additionalProperties", True)
    for name, schema in had.items():
        if name in has:
            yield from _narrowings(schema, has[name], f"{place}.{name}", closed)
        elif closed:
            yield from _narrowings(schema, rest, f"{place}.{name}", closed)
    if closed and rest is not True and before.get("additionalProperties", True) != rest:
        yield from _narrowings(before.get("additionalProperties", True), rest, f"{place}.*", closed)
