"""The document by the rules that Java's generators and its readers need (docs/adr/0023-contract.md)."""

import re
from typing import Any

import pytest
from openapi_schema_validator import OAS30Validator

from app.openapi.refusals import OF_NO_OPERATION
from app.problem_codes import CODES
from tests.app.openapi.nodes import Document, committed, operations, reached, references, resolved, responses, schemas

PROBLEM = "application/problem+json"
# Of the keywords of Java, those that an API is likely to hit.
JAVA_WORDS = {
    "abstract",
    "assert",
    "boolean",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "default",
    "double",
    "enum",
    "extends",
    "final",
}
JAVA_WORDS |= {
    "float",
    "for",
    "import",
    "instanceof",
    "int",
    "interface",
    "long",
    "native",
    "new",
    "package",
    "private",
}
JAVA_WORDS |= {
    "protected",
    "public",
    "return",
    "short",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "transient",
    "void",
}


@pytest.fixture(scope="module")
def document() -> Document:
    return committed()


def requests_and_responses(document: Document) -> tuple[set[str], set[str]]:
    """The names of all schemas that callers send, and of those that they get."""
    sent: set[str] = set()
    got: set[str] = set()
    for _, _, operation in operations(document):
        for reference in references(operation.get("requestBody", {})):
            sent |= reached(document, reference.rpartition("/")[2])
        for response in operation["responses"].values():
            for reference in references(response.get("content", {})):
                got |= reached(document, reference.rpartition("/")[2])
    return sent, got


def test_no_schema_is_a_union_a_tuple_or_nullable(document: Document) -> None:
    forbidden = {"anyOf", "oneOf", "not", "prefixItems", "const", "patternProperties", "discriminator"}
    forbidden |= {"uniqueItems", "title"}  # a Set that loses the order; a name that nobody chose
    for place, schema in schemas(document):
        assert not forbidden & schema.keys(), place
        assert isinstance(schema.get("type", ""), str), place
        assert isinstance(schema.get("items", {}), dict), place


def test_only_optional_containers_of_requests_may_be_null(document: Document) -> None:
    """Java's generator sends an empty one for each that may not: docs/adr/0023-contract.md."""
    sent, _ = requests_and_responses(document)
    for name, schema in document["components"]["schemas"].items():
        for field, inner in schema.get("properties", {}).items():
            is_optional = field not in schema.get("required", ()) and "default" not in inner
            is_container = inner.get("type") in ("array", "object")
            assert inner.get("nullable", False) == (name in sent and is_optional and is_container), (name, field)


def test_every_schema_has_one_type(document: Document) -> None:
    for place, schema in schemas(document):
        if "$ref" in schema:
            assert len(schema) == 1, place  # 3.0 ignores what stands beside it
        elif "allOf" in schema:
            assert [list(part) for part in schema["allOf"]] == [["$ref"]], place
        else:
            assert schema["type"] in {"string", "integer", "number", "boolean", "array", "object"}, place
            assert schema["type"] != "array" or "items" in schema, place
            assert schema["type"] != "object" or {"properties", "additionalProperties"} & schema.keys(), place


def test_every_enum_is_a_schema_of_its_own(document: Document) -> None:
    named = {f"#/{name}" for name in document["components"]["schemas"]}
    for place, schema in schemas(document):
        if "enum" in schema:
            assert place in named, place
            assert schema["type"] == "string", place
            assert all(re.fullmatch(r"[a-z0-9_./+-]+", value) for value in schema["enum"]), place


def test_every_number_has_a_format(document: Document) -> None:
    formats = {"integer": {"int32", "int64"}, "number": {"double"}}
    for place, schema in schemas(document):
        if schema.get("type") in formats:
            assert schema.get("format") in formats[schema["type"]], place


def test_times_are_epoch_milliseconds(document: Document) -> None:
    for place, schema in schemas(document):
        if place.endswith("_at"):
            assert (schema["type"], schema["format"]) == ("integer", "int64"), place
            assert "epoch milliseconds" in schema["description"], place
        assert schema.get("format") not in {"date-time", "time", "duration", "decimal"}, place


def test_no_schema_comes_twice_for_input_and_output(document: Document) -> None:
    names = document["components"]["schemas"]
    assert [name for name in names if not re.fullmatch(r"[A-Z][A-Za-z0-9]+", name)] == []
    assert [name for name in names if re.search(r"(Input|Output)\d*$", name)] == []
    assert len({name.lower() for name in names}) == len(names)


def test_every_field_can_be_named_in_java(document: Document) -> None:
    for name, schema in document["components"]["schemas"].items():
        for field in schema.get("properties", {}):
            assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", field), (name, field)
            assert field not in JAVA_WORDS, (name, field)


def test_what_callers_send_is_closed_and_what_they_get_is_open(document: Document) -> None:
    sent, got = requests_and_responses(document)
    for name, schema in document["components"]["schemas"].items():
        if "properties" not in schema:
            continue
        assert name in sent or name in got, name
        assert (name in sent) == (schema.get("additionalProperties") is False), name
    both = {name for name in sent & got if "enum" not in document["components"]["schemas"][name]}
    assert both == set(), "a closed schema in a response could never gain a field"


def test_everything_that_is_referred_to_is_there_and_used(document: Document) -> None:
    used = set(references(document))
    for reference in used:
        assert resolved(document, reference)
    parts = document["components"]
    listed = {f"#/components/{kind}/{name}" for kind in parts if kind != "securitySchemes" for name in parts[kind]}
    assert listed == used


def test_every_operation_is_named_as_java_names_methods(document: Document) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert [name for name in names if not re.fullmatch(r"[a-z]+([A-Z][a-z0-9]*)*", name)] == []
    assert len({name.lower() for name in names}) == len(names)


def test_every_operation_belongs_to_one_described_tag(document: Document) -> None:
    described = {tag["name"] for tag in document["tags"] if tag["description"]}
    used = set()
    for _, path, operation in operations(document):
        assert len(operation["tags"]) == 1, path
        used.add(operation["tags"][0])
    assert used == described


def test_every_response_has_a_schema_and_a_description(document: Document) -> None:
    for operation, status, response in responses(document):
        assert response["description"], operation
        assert response["description"] != "Successful Response", operation
        assert ("content" in response) == (status != "204"), (operation, status)
        for media_type, content in response.get("content", {}).items():
            if media_type.endswith("json"):
                assert list(content["schema"]) == ["$ref"], (operation, status)
            else:
                as_it_is = {"format": "binary"} if media_type == "text/event-stream" else {}
                assert content["schema"] == {"type": "string", **as_it_is}, (operation, status)


def test_every_operation_may_answer_a_problem(document: Document) -> None:
    told = set()
    for name, status, response in responses(document):
        if status in ("4XX", "5XX"):
            assert list(response["content"]) == [PROBLEM], name
            codes = response["x-problem-codes"]
            assert codes, name
            assert [code for code in codes if f"`{code}`" not in response["description"]] == []
            assert {str(CODES[code].status)[0] for code in codes} == {status[0]}
            told |= set(codes)
    for _, path, operation in operations(document):
        assert {"4XX", "5XX"} <= operation["responses"].keys(), path
        assert "422" not in operation["responses"], path
    assert told == set(CODES) - OF_NO_OPERATION


def test_bodies_are_required_json_of_a_named_schema(document: Document) -> None:
    for method, path, operation in operations(document):
        body = operation.get("requestBody")
        assert (body is None) or method == "post", path
        if body is not None:
            assert body["required"] is True, path
            assert list(body["content"]) == ["application/json"], path
            assert list(body["content"]["application/json"]) == ["schema"], path
            assert list(body["content"]["application/json"]["schema"]) == ["$ref"], path


def header_names(document: Document, operation: dict[str, Any]) -> set[str]:
    found = [resolved(document, item["$ref"]) if "$ref" in item else item for item in operation["parameters"]]
    return {item["name"] for item in found if item["in"] == "header"}


def test_headers_are_documented(document: Document) -> None:
    for method, path, operation in operations(document):
        if path.startswith("/v1/"):
            assert "X-Request-Id" in header_names(document, operation), path
            assert ("Idempotency-Key" in header_names(document, operation)) == (method == "post"), path
        for status, response in operation["responses"].items():
            assert "X-Request-Id" in response["headers"], path
            assert ("Retry-After" in response["headers"]) == (status[0] in "45"), path
            assert ("RateLimit-Remaining" in response["headers"]) == path.startswith("/v1/"), path


def test_all_but_health_needs_a_key(document: Document) -> None:
    assert document["security"] == [{"bearerAuth": []}, {"apiKeyAuth": []}, {}]
    assert set(document["components"]["securitySchemes"]) == {"bearerAuth", "apiKeyAuth"}
    for _, path, operation in operations(document):
        assert operation.get("security") == ([] if path in ("/healthz", "/readyz") else None), path


def test_streams_tell_their_events(document: Document) -> None:
    streams = {path: operation for _, path, operation in operations(document) if path.endswith("/stream")}
    assert set(streams) == {f"/v1/{task}/stream" for task in ("summarize", "rewrite", "generate")}
    for path, operation in streams.items():
        response = operation["responses"]["200"]
        assert list(response["content"]) == ["text/event-stream"], path
        for word in ("`delta`", "`done`", "`error`", "Problem", "Response"):
            assert word in response["description"], (path, word)


def test_examples_are_what_they_are_examples_of(document: Document) -> None:
    seen = set()
    for place, schema in schemas(document):
        if "example" in schema:
            seen.add(place)
            OAS30Validator({**schema, "components": document["components"]}).validate(schema["example"])
    sent = {
        reference.rpartition("/")[2]
        for _, _, operation in operations(document)
        for reference in references(operation.get("requestBody", {}))
    }
    assert {f"#/{name}" for name in sent} <= seen, "without one, /docs makes a request of all fields together"


def test_everything_is_described(document: Document) -> None:
    missing = []
    for method, path, operation in operations(document):
        missing += [f"{method} {path} {key}" for key in ("summary", "description") if not operation.get(key)]
        assert not operation["summary"].endswith("."), path
        for parameter in operation.get("parameters", []):
            if "$ref" not in parameter and not parameter.get("description"):
                missing.append(f"{method} {path} {parameter['name']}")
    for name, schema in document["components"]["schemas"].items():
        missing += [] if schema.get("description") else [name]
        for field, inner in schema.get("properties", {}).items():
            if "$ref" not in inner and not inner.get("description"):
                missing.append(f"{name}.{field}")
    for kind in ("parameters", "headers", "securitySchemes"):
        missing += [name for name, part in document["components"][kind].items() if not part["description"]]
    assert missing == []
