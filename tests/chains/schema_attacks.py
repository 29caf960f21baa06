"""Schemas that callers send, in bad faith or by mistake: those to be refused, and the worst of those that pass."""

import random
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

__all__ = ["REFUSED", "WORST", "array", "deep", "object_of"]

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}


def object_of(properties: Mapping[str, Any], **more: Any) -> Schema:
    """An object that must have all the properties."""
    return {"type": "object", "properties": dict(properties), "required": list(properties), **more}


def array(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def deep(levels: int, **more: Any) -> Schema:
    """Arrays within arrays."""
    return reduce(lambda inner, _: array(inner, **more), range(levels), TEXT)


def numbered(count: int, part: Callable[[int], Schema]) -> dict[str, Schema]:
    return {f"p{number}": part(number) for number in range(count)}


def any_of(count: int, part: Callable[[int], Schema]) -> Schema:
    return {"anyOf": [part(number) for number in range(count)]}


def doubling(levels: int) -> Schema:
    """Definitions of which each refers to the next one twice."""
    twice = [object_of({"a": _to(f"d{number + 1}"), "b": _to(f"d{number + 1}")}) for number in range(levels)]
    definitions = {f"d{number}": part for number, part in enumerate(twice)}
    return object_of({"a": _to("d0")}, **{"$defs": {**definitions, f"d{levels}": TEXT}})


def _to(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def chain(length: int) -> Schema:
    """Definitions that are nothing but references to the next one."""
    definitions = {f"d{number}": _to(f"d{number + 1}") for number in range(length)}
    return object_of({"a": _to("d0")}, **{"$defs": {**definitions, f"d{length}": TEXT}})


def _words(count: int, characters: int) -> list[str]:
    draw = random.Random(1)
    return ["".join(draw.choice("abcdefghij é😀") for _ in range(characters)) for _ in range(count)]


def _wide(number: int) -> Schema:
    return {"type": "number", "minimum": -number * 1234567.1234567, "maximum": 2**52 - number * 12345}


REFUSED: Mapping[str, tuple[Schema, str, str]] = {
    "nested quantifiers": (
        object_of({"a": {"type": "string", "pattern": "^((a+)+)+$"}}),
        "/properties/a/pattern",
        "keyword_unsupported",
    ),
    "20,000 nested arrays": (object_of({"a": deep(20_000)}), "", "too_deep"),
    "17 levels": (object_of({"a": deep(15)}), f"/properties/a{'/items' * 15}", "too_deep"),
    "enum of 100,000": (object_of({"a": {"enum": [str(n) for n in range(100_000)]}}), "", "too_large"),
    "enum of 501": (object_of({"a": {"enum": list(range(501))}}), "/properties/a", "too_large"),
    "201 properties": (object_of(numbered(201, lambda _: TEXT)), "/properties", "too_large"),
    "33 KiB": (object_of({"a": {**TEXT, "description": "x" * (33 << 10)}}), "", "too_large"),
    "5 MB": (object_of({"a": {**TEXT, "description": "x" * 5_000_000}}), "", "too_large"),
    "a million small values": (object_of({"a": {"enum": [0] * 1_000_000}}), "", "too_large"),
    "http reference": (object_of({"a": {"$ref": "http://127.0.0.1:9/x.json"}}), "/properties/a/$ref", "reference"),
    "file reference": (object_of({"a": {"$ref": "file:///etc/passwd"}}), "/properties/a/$ref", "reference"),
    "reference to the root": (object_of({"a": {"$ref": "#"}}), "/properties/a/$ref", "reference"),
    "reference to nothing": (object_of({"a": _to("b")}), "/properties/a/$ref", "reference"),
    "reference that is no text": (object_of({"a": {"$ref": 1}}), "/properties/a/$ref", "reference"),
    "dynamic reference": (object_of({"a": {"$dynamicRef": "#x"}}), "/properties/a/$dynamicRef", "keyword_unsupported"),
    "recursive": (
        object_of({"a": _to("n")}, **{"$defs": {"n": object_of({"next": _to("n")})}}),
        "/$defs/n/properties/next/$ref",
        "recursive",
    ),
    "recursive by two": (
        object_of({"a": _to("b")}, **{"$defs": {"b": array(_to("c")), "c": array(_to("b"))}}),
        "/$defs/c/items/$ref",
        "recursive",
    ),
    "a reference to itself": (object_of({"a": _to("b")}, **{"$defs": {"b": _to("b")}}), "/$defs/b/$ref", "recursive"),
    "definitions that double": (doubling(12), "/$defs/d11", "too_large"),
    "a chain of references": (chain(900), "/$defs/d31/$ref", "too_deep"),
    "minimum over maximum": (
        object_of({"a": {"type": "integer", "minimum": 3, "maximum": 2}}),
        "/properties/a/minimum",
        "contradictory",
    ),
    "no whole number between": (
        object_of({"a": {"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 2}}),
        "/properties/a/exclusiveMinimum",
        "contradictory",
    ),
    "minItems over maxItems": (
        object_of({"a": array(TEXT, minItems=3, maxItems=2)}),
        "/properties/a/minItems",
        "contradictory",
    ),
    "minLength over maxLength": (
        object_of({"a": {"type": "string", "minLength": 3, "maxLength": 2}}),
        "/properties/a/minLength",
        "contradictory",
    ),
    "enum against its type": (
        object_of({"a": {"type": "integer", "enum": [1, "b"]}}),
        "/properties/a/enum/1",
        "contradictory",
    ),
    "enum against its bound": (
        object_of({"a": {"type": "integer", "enum": [1, 9], "maximum": 5}}),
        "/properties/a/enum/1",
        "contradictory",
    ),
    "const against its length": (
        object_of({"a": {"type": "string", "const": "abc", "maxLength": 2}}),
        "/properties/a/const",
        "contradictory",
    ),
    "required but absent": ({**object_of({"a": TEXT}), "required": ["a", "b"]}, "/required/1", "contradictory"),
    "a bound for another type": (
        object_of({"a": {"type": "integer", "maxLength": 2}}),
        "/properties/a/maxLength",
        "contradictory",
    ),
    "a format with a length": (
        object_of({"a": {"type": "string", "format": "date", "maxLength": 2}}),
        "/properties/a/maxLength",
        "contradictory",
    ),
    "maxLength of a billion": (
        object_of({"a": {"type": "string", "maxLength": 10**9}}),
        "/properties/a/maxLength",
        "keyword_value",
    ),
    "maxItems of a billion": (object_of({"a": array(TEXT, maxItems=10**9)}), "/properties/a/maxItems", "keyword_value"),
    "a bound beyond 2^53": (
        object_of({"a": {"type": "integer", "minimum": 2**53 + 1}}),
        "/properties/a/minimum",
        "keyword_value",
    ),
    "an enum value beyond 2^53": (object_of({"a": {"enum": [2**53 + 1]}}), "/properties/a/enum", "keyword_value"),
    "an infinite bound": (
        object_of({"a": {"type": "number", "minimum": float("inf")}}),
        "/properties/a/minimum",
        "keyword_value",
    ),
    "a number of 300 zeros": (object_of({"a": {"const": 1e-300}}), "/properties/a/const", "keyword_value"),
    "4 arrays of 1,000": (
        object_of(numbered(4, lambda _: array(TEXT, maxItems=1000))),
        "/properties/p3",
        "too_large",
    ),
    "30 times 14 levels": (object_of(numbered(30, lambda _: deep(14, maxItems=1000))), "/properties/p0", "too_large"),
    "41 ranges": (object_of(numbered(41, _wide)), "/properties/p40", "too_large"),
    "41 formats": (
        object_of(numbered(41, lambda _: {**TEXT, "format": "date"})),
        "/properties/p40",
        "too_large",
    ),
    "an empty enum": (object_of({"a": {"enum": []}}), "/properties/a/enum", "keyword_value"),
    "no type at all": (object_of({"a": {"description": "anything"}}), "/properties/a", "type_missing"),
    "an unknown type": (object_of({"a": {"type": "text"}}), "/properties/a/type", "keyword_value"),
    "types that aren't texts": (object_of({"a": {"type": [[], {}]}}), "/properties/a/type", "keyword_value"),
    "an array of anything": (object_of({"a": {"type": "array"}}), "/properties/a", "items_missing"),
    "an object of anything": (object_of({"a": {"type": "object"}}), "/properties/a", "properties_missing"),
    "open to other keys": (
        {**object_of({"a": TEXT}), "additionalProperties": True},
        "/additionalProperties",
        "keyword_value",
    ),
    "true as a schema": (object_of({"a": True}), "/properties/a", "keyword_value"),
    "a list at the root": ({"type": "array", "items": TEXT}, "", "root_type"),
    "nothing": ({}, "", "type_missing"),
    "guidance to the compiler": ({**object_of({"a": TEXT}), "x-guidance": {}}, "/x-guidance", "keyword_unsupported"),
    "oneOf": (object_of({"a": {"oneOf": [TEXT]}}), "/properties/a/oneOf", "keyword_unsupported"),
    "uniqueItems": (
        object_of({"a": array(TEXT, uniqueItems=True)}),
        "/properties/a/uniqueItems",
        "keyword_unsupported",
    ),
    "another format": (
        object_of({"a": {"type": "string", "format": "regex"}}),
        "/properties/a/format",
        "keyword_value",
    ),
    "an empty anyOf": (object_of({"a": {"anyOf": []}}), "/properties/a/anyOf", "keyword_value"),
    "definitions that are none": ({**object_of({"a": TEXT}), "$defs": []}, "/$defs", "keyword_value"),
}
"""Each with the place, below the schema's own, and the code of what is found first."""

WORST: Mapping[str, Schema] = {
    "one text": object_of({"a": TEXT}),
    "200 texts": object_of(numbered(200, lambda _: TEXT)),
    "200 optional texts": {**object_of(numbered(200, lambda _: TEXT)), "required": []},
    "200 long texts": object_of(numbered(200, lambda n: {**TEXT, "minLength": 5000 + n, "maxLength": 9000 + n})),
    "500 enum values of 35 characters": object_of({"a": {"enum": _words(500, 35)}}),
    "5 enums of 100": object_of(numbered(5, lambda n: {"enum": _words(500, 35)[n * 100 : n * 100 + 100]})),
    "3 arrays of 1,000": object_of(numbered(3, lambda n: array(TEXT, maxItems=1000 - n))),
    "200 arrays of 15": object_of(numbered(200, lambda n: array(TEXT, minItems=n % 5, maxItems=15))),
    "200 arrays of at least 15": object_of(numbered(200, lambda n: array(TEXT, minItems=15))),
    "14 levels of 200": object_of({"a": deep(14, maxItems=200)}),
    "1,000 of 20 alternatives": object_of(
        numbered(3, lambda m: array(any_of(20, lambda n: {**TEXT, "maxLength": 3000 + 99 * n + m}), maxItems=1000 - m))
    ),
    "20 alternatives of text": object_of(
        {"a": any_of(20, lambda n: {**TEXT, "minLength": 100 * n, "maxLength": 9000 - n})}
    ),
    "400 alternatives of text": object_of(
        {"a": any_of(20, lambda n: any_of(20, lambda m: {**TEXT, "maxLength": 5000 + 20 * n + m}))}
    ),
    "20 alternatives of lists": object_of(
        {"a": any_of(20, lambda n: array({**TEXT, "maxLength": 1000 + n}, maxItems=150 - n))}
    ),
    "6 levels of two alternatives": object_of(
        {"a": reduce(lambda inner, n: any_of(2, lambda m: array(inner, maxItems=22 + (n + m) % 2)), range(6), TEXT)}
    ),
    "40 ranges": object_of(numbered(40, _wide)),
    "20 alternatives of numbers": object_of({"a": any_of(20, _wide)}),
    "40 times": object_of(numbered(40, lambda _: {**TEXT, "format": "date-time"})),
    "40 addresses": object_of(numbered(40, lambda _: {**TEXT, "format": "email"})),
    "everything at its bound": object_of(
        {
            **numbered(40, _wide),
            **{f"q{number}": {**TEXT, "format": "email"} for number in range(40)},
            **{f"r{number}": array(TEXT, maxItems=25) for number in range(119)},
            "s": {"enum": _words(400, 15)},
        }
    ),
}
"""All of them pass. What they cost a model server is measured by bench/schema_gate.py."""
