"""The OpenAPI document and the generated pages: committed, valid, and shaped for Java generators."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import validate

from app.error_page import errors_markdown
from app.problem_codes import CODES
from app.service import create_app
from app.settings import Settings
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(Settings.model_validate({"backends": {"local": {"kind": "scripted", "answers": [{}]}}})).openapi()


def schemas(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from schemas(value)
    if isinstance(node, list):
        for item in node:
            yield from schemas(item)


def test_the_committed_document_is_current(document: dict[str, Any]) -> None:
    committed = json.loads((ROOT / "openapi.json").read_text())
    assert committed == json.loads(json.dumps(document)), "run `make contract` and review the difference"


def test_the_committed_page_of_errors_is_current() -> None:
    assert (ROOT / "docs" / "errors.md").read_text() == errors_markdown(), "run `make contract`"


def test_it_is_valid_openapi_3_0(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.0.3"
    validate(document)


def test_it_has_nothing_that_java_generators_stumble_over(document: dict[str, Any]) -> None:
    for schema in schemas(document["components"]["schemas"]):
        assert not {"anyOf", "oneOf", "prefixItems", "const"} & schema.keys(), schema
        assert schema.get("type") != "null"
        assert schema.get("type") not in ("integer", "number") or "format" in schema, schema
        assert not isinstance(schema.get("title"), str), schema


def test_every_operation_is_named_and_its_errors_are_problems(document: dict[str, Any]) -> None:
    names = []
    for path, operations in document["paths"].items():
        for operation in operations.values():
            names.append(operation["operationId"])
            assert operation["tags"]
            if path.startswith("/v1/") and "requestBody" in operation:
                for status in ("4XX", "5XX"):
                    assert list(operation["responses"][status]["content"]) == ["application/problem+json"]
    assert len(set(names)) == len(names)
    assert {"summarize", "rewrite", "extract", "classify", "generate", "listTasks"} <= set(names)


def test_callers_see_every_code_on_the_page() -> None:
    page = errors_markdown()
    assert [code for code in CODES if f"## {code}\n" not in page] == []
