"""Whether one JSON Schema takes all that another takes.

Containment of JSON Schemas is hard in general. This decides the keywords that prompts use, and answers
'may be refused' wherever it can't decide.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator

__all__ = ["ANNOTATIONS", "REQUIRED", "Narrowing", "find_narrowings", "narrowings"]

_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
ANNOTATIONS = frozenset({
    "$comment", "$id", "$schema", "default", "deprecated", "description", "examples", "format", "readOnly", "title",
    "writeOnly",
})  # fmt: skip
"""Keywords that refuse nothing."""

REQUIRED = "is required"
"""The reason of a property that may be absent no more."""

_UPPER = {"maximum": "number", "exclusiveMaximum": "number", "maxLength": "string", "maxItems": "array"}
_LOWER = {"minimum": "number", "exclusiveMinimum": "number", "minLength": "string", "minItems": "array"}
_DECIDED = ANNOTATIONS.union(
    _UPPER, _LOWER, {"additionalProperties", "const", "enum", "items", "properties", "required", "type"}
)
_RELAXING = frozenset({"maxContains", "minContains", "patternProperties", "prefixItems", "then"})
"""Keywords that can take what another keyword beside them would refuse."""

_RELATIVE = frozenset({"unevaluatedItems", "unevaluatedProperties"})
"""Keywords that mean something else as soon as anything beside them changes."""


class Narrowing(NamedTuple):
    """Why a value may be refused, and the place of the schema that refuses it: `labels[].name`."""

    place: str
    reason: str


def narrowings(before: Mapping[str, Any], after: Mapping[str, Any], place: str, *, closed: bool = True) -> list[str]:
    """Why a value that `before` takes may be refused by `after`, a phrase each; none where `after` takes them all.

    `place` names the schema in the phrases: `max_words`. A property that `before` leaves open but doesn't declare
    counts as never sent, so that `after` may declare it. Without `closed`, a property that `after` doesn't declare
    is no reason either, unless it has a schema for all others: whoever reads objects ignores what he doesn't know.
    """
    return [f"{place}: {reason}" for place, reason in find_narrowings(before, after, place, closed=closed)]


def find_narrowings(before: Any, after: Any, place: str, *, closed: bool = True) -> list[Narrowing]:
    """The same with each phrase's place by itself."""
    return list(_narrowings(before, after, place, closed))


def _narrowings(before: Any, after: Any, place: str, closed: bool) -> Iterator[Narrowing]:
    before, after = _as_object(before), _as_object(after)
    values = _values(before)
    if values is not None:
        validator = Draft202012Validator(after)
        refused = (value for value in values if not validator.is_valid(value))
        yield from (Narrowing(place, f"{value!r} is not taken") for value in refused)
        return
    only = _values(after)
    if only is not None:
        words = f"only {', '.join(map(repr, only))}" if only else "nothing"
        yield Narrowing(place, f"{words} {'are' if len(only) > 1 else 'is'} taken")
        return
    types = _types(before)
    lost = sorted(name for name in types if not _takes_type(_types(after), name))
    if lost:
        yield Narrowing(place, f"the type {' or '.join(lost)} is not taken")
    yield from _bounds(before, after, types, place)
    if "object" in types:
        yield from _objects(before, after, place, closed)
    if "array" in types and "items" in after and before.get("items") != after["items"]:
        yield from _narrowings(before.get("items", {}), after["items"], f"{place}[]", closed)
    yield from _undecided(before, after, place)


def _undecided(before: Mapping[str, Any], after: Mapping[str, Any], place: str) -> Iterator[Narrowing]:
    for key in sorted((after.keys() - _DECIDED) | (before.keys() & _RELAXING)):
        changed = before != after if key in _RELATIVE else before.get(key) != after.get(key)
        if changed:
            yield Narrowing(place, f"{key} may refuse more")


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


def _bounds(
    before: Mapping[str, Any], after: Mapping[str, Any], types: frozenset[str], place: str
) -> Iterator[Narrowing]:
    for key, kind in {**_UPPER, **_LOWER}.items():
        concerned = types.intersection({kind, "integer"} if kind == "number" else {kind})
        if not concerned or key not in after:
            continue
        old, new = before.get(key), after[key]
        if old is None or (new < old if key in _UPPER else new > old):
            yield Narrowing(place, f"{key} is {new}, not {'free' if old is None else old}")


def _objects(before: Mapping[str, Any], after: Mapping[str, Any], place: str, closed: bool) -> Iterator[Narrowing]:
    had, has = before.get("properties", {}), after.get("properties", {})
    for name in sorted(set(after.get("required", ())) - set(before.get("required", ()))):
        yield Narrowing(f"{place}.{name}", REQUIRED)
    others, rest = before.get("additionalProperties", True), after.get("additionalProperties", True)
    ignored = not closed and isinstance(rest, bool)
    for name, schema in had.items():
        if name in has:
            yield from _narrowings(schema, has[name], f"{place}.{name}", closed)
        elif not ignored:
            yield from _narrowings(schema, rest, f"{place}.{name}", closed)
    for name in () if others in (True, {}) else has.keys() - had.keys():
        yield from _narrowings(others, has[name], f"{place}.{name}", closed)
    if not ignored and rest is not True and others != rest:
        yield from _narrowings(others, rest, f"{place}.*", closed)
