"""Finds what no answer could obey, or what says nothing, within one part of a schema."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from chains.schema_gate.keywords import TYPES
from chains.schema_gate.wrong_places import WrongPlaces, below

__all__ = ["check_sense", "listed", "types_of"]

_OF_TYPES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("properties", "required", "additionalProperties"), frozenset({"object"})),
    **dict.fromkeys(("items", "minItems", "maxItems"), frozenset({"array"})),
    **dict.fromkeys(("minLength", "maxLength", "format"), frozenset({"string"})),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), frozenset({"integer", "number"})),
}
"""The types that a keyword says something about."""


def types_of(read: Mapping[str, Any]) -> tuple[str, ...]:
    """The types that a part allows: those that it names, else those of its enum; none where it doesn't say."""
    named = read.get("type")
    if named is not None:
        return tuple(named) if isinstance(named, list) else (named,)
    values = listed(read)
    return tuple(name for name in TYPES if any(_is(name, value) for value in values))


def check_sense(read: Mapping[str, Any], types: tuple[str, ...], pointer: str, wrong: WrongPlaces) -> None:
    """Note the contradictions of one part of the types. Its parts are not looked at."""
    for name in read:
        if name in _OF_TYPES and _OF_TYPES[name].isdisjoint(types):
            meant = " or ".join(sorted(_OF_TYPES[name]))
            wrong.add(below(pointer, name), "contradictory", f"{name} is for a type {meant}, which this is not")
    _check_pairs(read, pointer, wrong)
    _check_required(read, pointer, wrong)
    if "integer" in types or "number" in types:
        _check_range(read, types, pointer, wrong)
    for place, value in _values(read, pointer):
        reason = _breaks(value, read, types)
        if reason:
            wrong.add(place, "contradictory", f"This value breaks the {reason} beside it")


def _check_pairs(read: Mapping[str, Any], pointer: str, wrong: WrongPlaces) -> None:
    for low, high in (("minItems", "maxItems"), ("minLength", "maxLength")):
        if read.get(low, 0) > read.get(high, math.inf):
            wrong.add(below(pointer, low), "contradictory", f"{low} is larger than {high}: nothing could obey")
    for first, second in (("enum", "const"), ("format", "minLength"), ("format", "maxLength"), ("format", "enum")):
        if first in read and second in read:
            wrong.add(below(pointer, second), "contradictory", f"Send either {first} or {second}, not both")


def _check_required(read: Mapping[str, Any], pointer: str, wrong: WrongPlaces) -> None:
    names = read.get("properties", {})
    for number, name in enumerate(read.get("required", ())):
        if name not in names:
            message = f"{name[:100]!r} is required, but not among the properties, and others aren't allowed: add it"
            wrong.add(below(pointer, "required", number), "contradictory", message)


def _check_range(read: Mapping[str, Any], types: tuple[str, ...], pointer: str, wrong: WrongPlaces) -> None:
    lower = max(read.get("minimum", -math.inf), read.get("exclusiveMinimum", -math.inf))
    upper = min(read.get("maximum", math.inf), read.get("exclusiveMaximum", math.inf))
    open_ended = read.get("exclusiveMinimum") == lower or read.get("exclusiveMaximum") == upper
    empty = lower > upper or (lower == upper and open_ended)
    if not empty and "number" not in types and math.isfinite(lower) and math.isfinite(upper):
        first = math.floor(lower) + 1 if read.get("exclusiveMinimum") == lower else math.ceil(lower)
        last = math.ceil(upper) - 1 if read.get("exclusiveMaximum") == upper else math.floor(upper)
        empty = first > last
    if empty:
        name = next(name for name in ("minimum", "exclusiveMinimum") if name in read)
        kind = "number" if "number" in types else "whole number"
        wrong.add(below(pointer, name), "contradictory", f"No {kind} lies within these bounds")


def listed(read: Mapping[str, Any]) -> list[Any]:
    """The values of its enum, or of its const."""
    return [*read.get("enum", ()), *([read["const"]] if "const" in read else ())]


def _values(read: Mapping[str, Any], pointer: str) -> Iterator[tuple[str, Any]]:
    yield from ((below(pointer, "enum", number), value) for number, value in enumerate(read.get("enum", ())))
    if "const" in read:
        yield below(pointer, "const"), read["const"]


def _breaks(value: Any, read: Mapping[str, Any], types: tuple[str, ...]) -> str | None:
    """The keyword that a listed value breaks."""
    if not any(_is(name, value) for name in types):
        return "type"
    if isinstance(value, str):
        if len(value) < read.get("minLength", 0):
            return "minLength"
        if len(value) > read.get("maxLength", math.inf):
            return "maxLength"
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        return _breaks_bound(value, read)
    return None


def _breaks_bound(value: float, read: Mapping[str, Any]) -> str | None:
    broken = {
        "minimum": value < read.get("minimum", -math.inf),
        "maximum": value > read.get("maximum", math.inf),
        "exclusiveMinimum": value <= read.get("exclusiveMinimum", -math.inf),
        "exclusiveMaximum": value >= read.get("exclusiveMaximum", math.inf),
    }
    return next((name for name, is_broken in broken.items() if is_broken), None)


def _is(name: str, value: Any) -> bool:
    """Whether a scalar is of a type of JSON Schema."""
    if isinstance(value, bool):
        return name == "boolean"
    if isinstance(value, str):
        return name == "string"
    if value is None:
        return name == "null"
    if isinstance(value, int):
        return name in ("integer", "number")
    return isinstance(value, float) and (name == "number" or (name == "integer" and value.is_integer()))
