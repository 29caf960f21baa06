"""The document under test, and its parts by their places."""

import json
from collections.abc import Iterator
from typing import Any

from tests.conftest import ROOT

Document = dict[str, Any]


def committed() -> Document:
    """`openapi.json`; a test holds it against the service."""
    document: Document = json.loads((ROOT / "openapi.json").read_text())
    return document


def operations(document: Document) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def responses(document: Document) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Operation id, status and response."""
    for _, _, operation in operations(document):
        for status, response in operation["responses"].items():
            yield operation["operationId"], status, response


def schemas(document: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of the document with its place, also those within others."""
    for name, schema in document["components"]["schemas"].items():
        yield from _within(f"#/{name}", schema)
    for kind in ("parameters", "headers"):
        for name, part in document["components"].get(kind, {}).items():
            yield from _within(f"#/{kind}/{name}", part["schema"])
    for method, path, operation in operations(document):
        for parameter in operation.get("parameters", []):
            if "schema" in parameter:
                yield from _within(f"{method} {path} {parameter['name']}", parameter["schema"])
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for content in (content for body in bodies for content in body.get("content", {}).values()):
            yield from _within(f"{method} {path}", content["schema"])


def _within(place: str, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield place, schema
    for name, inner in schema.get("properties", {}).items():
        yield from _within(f"{place}/{name}", inner)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from _within(f"{place}/{key}", schema[key])
    for inner in schema.get("allOf", []):
        yield from _within(f"{place}/allOf", inner)


def references(node: Any) -> Iterator[str]:
    """Everything that the node refers to."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def resolved(document: Document, reference: str) -> dict[str, Any]:
    """What `#/components/...` names. Raises KeyError where it names nothing."""
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    assert isinstance(found, dict)
    return found


def reached(document: Document, name: str) -> set[str]:
    """The names of all schemas that a schema is made of, and its own."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            inner = references(document["components"]["schemas"][current])
            waiting += [reference.rpartition("/")[2] for reference in inner]
    return found
