"""The OpenAPI document, in the form that Java's generators turn into clean code.

FastAPI writes OpenAPI 3.1 with a null type for everything optional. This makes it 3.0.3: an optional field is
simply not required, integers and numbers carry a format, and no schema has a generated title.
"""

import json
import sys
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from chains.task import Task

__all__ = ["describe", "request_example"]

_DESCRIPTION = (
    "Summaries, rewrites, entities, classes and generated text from language models, as typed operations over "
    "versioned prompts. Every error is an `application/problem+json`; its codes are explained at "
    "[/docs/errors](/docs/errors)."
)
_INT32_LIMIT = 2**31 - 1
_API_KEY = {
    "type": "http",
    "scheme": "bearer",
    "description": "A key that `copydesk keys create` printed: `cdk_<id>_<secret>`. `X-API-Key` takes it too.",
}


def describe(app: FastAPI, backend: str) -> None:
    """Make the application serve the reshaped document; `backend` is one that requests may name, for the examples."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            generated = get_openapi(
                title=app.title,
                version=app.version,
                description=_DESCRIPTION,
                routes=app.routes,
                license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
            )
            app.openapi_schema = _reshaped(generated)
            for schema in app.openapi_schema["components"]["schemas"].values():
                named = schema.get("properties", {}).get("backend", {})
                if "minLength" in named:  # that of a request, not what a response tells
                    named["example"] = backend
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def request_example(task: Task[Any, Any]) -> dict[str, Any]:
    """What an operation's document shows as its request: without it, /docs makes one up of all fields together."""
    return {"requestBody": {"content": {"application/json": {"example": dict(task.example)}}}} if task.example else {}


def _reshaped(generated: dict[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = _as_3_0(generated)
    document["openapi"] = "3.0.3"
    document["info"]["license"] = {"name": "Apache-2.0"}
    document["servers"] = [{"url": "/"}]
    # The empty one is the service without keys, on loopback.
    document["security"] = [{"apiKey": []}, {}]
    document["components"]["securitySchemes"] = {"apiKey": _API_KEY}
    for path in ("/healthz", "/readyz"):
        document["paths"][path]["get"]["security"] = []
    schemas = document["components"]["schemas"]
    for operation in (operation for path in document["paths"].values() for operation in path.values()):
        # FastAPI documents a validation error of its own form; ours is a Problem, within 4XX.
        operation["responses"].pop("422", None)
        for response in operation["responses"].values():
            content = response.get("content", {})
            if "application/problem+json" in content:
                content["application/problem+json"] = content.pop("application/json")
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return document


def _as_3_0(node: Any) -> Any:
    if isinstance(node, float) and node.is_integer():
        return int(node)
    if isinstance(node, list):
        return [_as_3_0(item) for item in node]
    if not isinstance(node, dict):
        return node
    reshaped = {key: _as_3_0(value) for key, value in _without_null(node).items()}
    if isinstance(reshaped.get("title"), str) and ("type" in reshaped or "$ref" in reshaped or len(reshaped) == 1):
        del reshaped["title"]
    if reshaped.get("type") == "integer" and "format" not in reshaped:
        reshaped["format"] = "int32" if reshaped.get("maximum", _INT32_LIMIT) <= _INT32_LIMIT else "int64"
    if reshaped.get("type") == "number" and "format" not in reshaped:
        reshaped["format"] = "double"
    if "const" in reshaped:
        reshaped["enum"] = [reshaped.pop("const")]
    return reshaped


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


def _main() -> None:
    from app.service import create_app
    from app.settings import Settings

    json.dump(create_app(Settings()).openapi(), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


if __name__ == "__main__":
    _main()
