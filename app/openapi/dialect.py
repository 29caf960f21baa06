"""OpenAPI 3.0.3 out of the 3.1 that FastAPI writes, in the part of it that Java's generators turn into clean code.

An optional field is simply not required, numbers carry a format, and no schema has a generated title.
"""

from typing import Any

__all__ = ["as_3_0", "leave_containers_out"]

_INT32_LIMIT = 2**31 - 1


def as_3_0(node: Any) -> Any:
    """The node of a 3.1 document, and all below it, in 3.0.3."""
    if isinstance(node, float) and node.is_integer():
        return int(node)
    if isinstance(node, list):
        return [as_3_0(item) for item in node]
    if not isinstance(node, dict):
        return node
    reshaped = {key: as_3_0(value) for key, value in _without_null(node).items()}
    if isinstance(reshaped.get("title"), str) and ("type" in reshaped or "$ref" in reshaped or len(reshaped) == 1):
        del reshaped["title"]
    if reshaped.get("type") in ("integer", "number"):
        _reshape_number(reshaped)
    if "const" in reshaped:
        reshaped["enum"] = [reshaped.pop("const")]
    if isinstance(reshaped.get("examples"), list):
        reshaped["example"] = reshaped.pop("examples")[0]
    if reshaped.get("additionalProperties") == {"$ref": "#/components/schemas/JsonValue"}:
        reshaped["additionalProperties"] = True  # any value; a schema of its own would be a class of its own
    return reshaped


def _reshape_number(schema: dict[str, Any]) -> None:
    """A generator takes a number without a format for a BigDecimal. An exclusive bound is a flag in 3.0."""
    if "format" not in schema:
        is_int32 = schema.get("maximum", _INT32_LIMIT) <= _INT32_LIMIT
        schema["format"] = "double" if schema["type"] == "number" else "int32" if is_int32 else "int64"
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if exclusive in schema and not isinstance(schema[exclusive], bool):
            schema[bound], schema[exclusive] = schema[exclusive], True


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    """`anyOf: [X, null]` is X, optional. A `$ref` in 3.0 tolerates no siblings, so it moves into `allOf`."""
    variants = node.get("anyOf")
    if isinstance(variants, list) and {"type": "null"} in variants:
        rest = [variant for variant in variants if variant != {"type": "null"}]
        if len(rest) == 1:
            siblings = {key: value for key, value in node.items() if key not in {"anyOf", "default", "title"}}
            node = {**rest[0], **siblings}
    if "$ref" in node and len(node) > 1:
        siblings = {key: value for key, value in node.items() if key not in {"$ref", "title"}}
        node = {"allOf": [{"$ref": node["$ref"]}], **siblings} if siblings else {"$ref": node["$ref"]}
    return node


def leave_containers_out(schema: dict[str, Any]) -> None:
    """Say of a request's optional lists and objects that they may be null, which they may. Java's generator makes an
    empty one of each that may not, and sends it: `preserve: []` is something else than no `preserve`."""
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        if name not in required and field.get("type") in ("array", "object") and "default" not in field:
            field["nullable"] = True
