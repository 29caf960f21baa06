"""What a schema asks for, in words for the model: names, kinds and descriptions, one property a line."""

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["outline"]

_WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}
_FORMATS = {
    "date": "date as YYYY-MM-DD",
    "date-time": "time as YYYY-MM-DDThh:mm:ssZ",
    "email": "email address",
    "uuid": "UUID",
}
_MOST_LISTED = 50


def outline(schema: Mapping[str, Any]) -> str:
    """The lines of an object's schema that has passed the gate, such as `- "total" (number): what is to be paid`."""
    return "\n".join(_properties(schema, ""))


def _properties(part: Mapping[str, Any], indent: str) -> list[str]:
    lines = []
    required = part.get("required", ())
    for name, inner in part.get("properties", {}).items():
        may = "" if name in required else ", may be left out"
        about = inner.get("description") or inner.get("title")
        lines.append(f"{indent}- {_json(name)} ({_kind(inner)}{may})" + (f": {_one_line(about)}" if about else ""))
        lines += _inside(inner, f"{indent}  ")
    return lines


def _inside(part: Mapping[str, Any], indent: str) -> list[str]:
    """The properties of the objects in a part, however deep in lists and alternatives."""
    lines = _properties(part, indent)
    for inner in [*([part["items"]] if "items" in part else ()), *part.get("anyOf", ())]:
        lines += _inside(inner, indent)
    return lines


def _kind(part: Mapping[str, Any]) -> str:
    if "anyOf" in part:
        return " or ".join(dict.fromkeys(_kind(one) for one in part["anyOf"]))
    values = part.get("enum", [part["const"]] if "const" in part else [])
    if values:
        more = ", ..." if len(values) > _MOST_LISTED else ""
        return f"one of {', '.join(map(_json, values[:_MOST_LISTED]))}{more}" if len(values) > 1 else _json(values[0])
    types = part["type"] if isinstance(part["type"], list) else [part["type"]]
    return " or ".join(_of_type(name, part) for name in types)


def _of_type(name: str, part: Mapping[str, Any]) -> str:
    if name == "array":
        return f"list of {_kind(part['items'])}"
    if name == "object":
        return "object"
    if name == "string" and "format" in part:
        return _FORMATS[part["format"]]
    return _WORDS[name]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _one_line(text: str) -> str:
    return " ".join(text.split())
