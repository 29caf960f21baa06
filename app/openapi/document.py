"""The whole document: what FastAPI knows of the operations, and what all of them have in common."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.openapi.dialect import as_3_0, leave_containers_out
from app.openapi.headers import HEADERS, PARAMETERS, headers_of, parameters_of
from app.openapi.refusals import OPEN_PATHS, refusals_of
from app.problems import Problem
from chains.task import Task

__all__ = ["describe", "request_example"]

_DESCRIPTION = (
    "Summaries, rewrites, entities, classes and generated text from language models, as typed operations over "
    "versioned prompts. Every error is an `application/problem+json`; its codes are explained at "
    "[/docs/errors](/docs/errors). Responses leave out absent fields, and may gain fields and enum values: a client "
    "has to ignore those that it doesn't know."
)
_TAGS = {
    "tasks": "One text, one answer.",
    "streams": "The same while it is written, as server-sent events.",
    "batches": "Many requests of one task in one call.",
    "jobs": "Durable work: thousands of items that survive restarts.",
    "prompts": "The prompts that are served, and what a model would read.",
    "backends": "The model servers behind the tasks.",
    "usage": "What requests took and cost.",
    "operations": "Health, readiness and metrics.",
}
_SECURITY_SCHEMES = {
    "bearerAuth": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key that `copydesk keys create` printed: `cdk_<id>_<secret>`.",
    },
    "apiKeyAuth": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The same key, for callers whose gateway needs `Authorization` for itself.",
    },
}
_SECURITY: list[dict[str, Any]] = [{"bearerAuth": []}, {"apiKeyAuth": []}, {}]
"""The empty one is a service without keys, on loopback."""


def describe(app: FastAPI, backend: str) -> None:
    """Make the application serve the reshaped document; `backend` is one that requests may name, for the examples."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            generated = get_openapi(title=app.title, version=app.version, description=_DESCRIPTION, routes=app.routes)
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
    document: dict[str, Any] = as_3_0(generated)
    document["openapi"] = "3.0.3"
    document["info"]["license"] = {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"}
    document["servers"] = [{"url": "/"}]
    document["security"] = _SECURITY
    schemas = document["components"]["schemas"]
    for method, path, operation in _operations(document):
        _complete(method, path, operation)
        _move_example(operation, schemas)
    used = {tag for _, _, operation in _operations(document) for tag in operation["tags"]}
    document["tags"] = [{"name": name, "description": about} for name, about in _TAGS.items() if name in used]
    for unused in ("HTTPValidationError", "ValidationError", "JsonValue"):
        schemas.pop(unused, None)
    for schema in schemas.values():
        if schema.get("additionalProperties") is False:  # closed: what callers send
            leave_containers_out(schema)
    schemas.setdefault("Problem", as_3_0(Problem.model_json_schema(ref_template="#/components/schemas/{model}")))
    document["components"] |= {
        "parameters": PARAMETERS,
        "headers": HEADERS,
        "securitySchemes": _SECURITY_SCHEMES,
    }
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield method, path, operation


def _complete(method: str, path: str, operation: dict[str, Any]) -> None:
    """Add what every operation has: headers, problems, and who may call it."""
    operation["parameters"] = [*operation.get("parameters", []), *parameters_of(method, path)]
    responses = operation["responses"]
    # FastAPI documents a validation error of its own form; ours is a Problem, within 4XX.
    responses.pop("422", None)
    refusals = dict(refusals_of(method, path))
    responses.update(refusals)
    for status, response in responses.items():
        if status[0] in "45":  # an answer of the operation's own doesn't rule out a problem
            response["content"] |= refusals[f"{status[0]}XX"]["content"]
        response["headers"] = {**response.get("headers", {}), **headers_of(method, path, status)}
        if response["description"] == "Successful Response":
            response["description"] = operation["summary"] + "."
    if path in OPEN_PATHS:
        operation["security"] = []


def _move_example(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """From the body to its schema, where Java's generator reads it; beside a schema it warns of it."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    if "example" in body:
        schemas[body["schema"]["$ref"].rpartition("/")[2]]["example"] = body.pop("example")
