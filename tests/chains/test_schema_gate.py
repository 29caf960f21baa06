"""The gate before callers' schemas: what is refused, where and how fast; what passes, and as what."""

import json
import re
from typing import Any

import pytest

from chains.errors import SchemaUnsupported
from chains.schema_gate import gate
from chains.schema_gate.keywords import NOTES, ROOT_ONLY, SERVED
from chains.schema_gate.limits import LONGEST_SCHEMA_BYTES, MOST_PLACES
from chains.tasks.generate import GenerateRequest
from tests.chains.effort import little_work
from tests.chains.schema_attacks import REFUSED, WORST, array, deep, object_of
from tests.conftest import ROOT

TEXT = {"type": "string"}
POINTER = "/output_schema"


def refused(schema: dict[str, Any]) -> SchemaUnsupported:
    with pytest.raises(SchemaUnsupported) as caught:
        gate(schema, POINTER)
    return caught.value


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_names_its_place_and_what_to_do(name: str) -> None:
    schema, place, code = REFUSED[name]
    with little_work():
        error = refused(schema)
    first = error.errors[0]
    assert first.code == code
    assert first.pointer.startswith(POINTER + place)
    assert first.message in str(error)
    assert 20 < len(first.message) < 400
    assert len(error.errors) <= MOST_PLACES + 1


@pytest.mark.parametrize("name", WORST)
def test_the_worst_that_passes_passes_soon(name: str) -> None:
    with little_work():
        passed = gate(WORST[name], POINTER)
    assert passed["properties"].keys() == WORST[name]["properties"].keys()


def test_every_wrong_place_is_told_up_to_a_number() -> None:
    error = refused(object_of({f"p{n}": {"type": "string", "pattern": "a"} for n in range(50)}))
    assert [field.pointer for field in error.errors[:2]] == [
        "/output_schema/properties/p0/pattern",
        "/output_schema/properties/p1/pattern",
    ]
    assert len(error.errors) == MOST_PLACES + 1
    assert error.errors[-1].code == "more"


def test_a_definition_that_is_used_twice_is_wrong_once() -> None:
    schema = object_of({"a": {"$ref": "#/$defs/x"}, "b": {"$ref": "#/$defs/x"}}, **{"$defs": {"x": {"type": "no"}}})
    assert [field.pointer for field in refused(schema).errors] == ["/output_schema/$defs/x/type"]


def test_pointers_are_escaped() -> None:
    error = refused(object_of({"a/b~c": {"type": "string", "pattern": "a"}}))
    assert error.errors[0].pointer == "/output_schema/properties/a~1b~0c/pattern"


@pytest.mark.parametrize(
    ("part", "passed"),
    [
        pytest.param(TEXT, TEXT, id="text"),
        pytest.param({**TEXT, "default": "a", "examples": ["b"], "$comment": "c"}, TEXT, id="notes go"),
        pytest.param(
            {**TEXT, "title": "T", "description": "D"}, {**TEXT, "title": "T", "description": "D"}, id="words"
        ),
        pytest.param({"$ref": "#/$defs/x"}, {"enum": ["a"], "title": "X"}, id="reference"),
        pytest.param(
            {"$ref": "#/$defs/x", "title": "Y"}, {"enum": ["a"], "title": "Y"}, id="what stands beside it goes first"
        ),
        pytest.param({"$ref": "#/definitions/a~1b"}, {"type": "null"}, id="reference with a slash"),
        pytest.param(
            {"anyOf": [TEXT, {"$ref": "#/$defs/x"}]},
            {"anyOf": [TEXT, {"enum": ["a"], "title": "X"}]},
            id="alternatives",
        ),
        pytest.param(
            {"type": "object", "properties": {"b": TEXT}},
            {"type": "object", "properties": {"b": TEXT}, "additionalProperties": False},
            id="an inner object is closed",
        ),
        pytest.param(
            {"type": ["string", "null"], "maxLength": 0, "enum": ["", None]},
            {"type": ["string", "null"], "maxLength": 0, "enum": ["", None]},
            id="bounds for one of the types",
        ),
        pytest.param(
            {"type": "integer", "minimum": 0.5, "maximum": 1.5},
            {"type": "integer", "minimum": 0.5, "maximum": 1.5},
            id="one whole number between",
        ),
        pytest.param({"const": 2**53 - 1}, {"const": 2**53 - 1}, id="the largest number"),
    ],
)
def test_what_passes(part: dict[str, Any], passed: dict[str, Any]) -> None:
    definitions = {"$defs": {"x": {"enum": ["a"], "title": "X"}}, "definitions": {"a/b": {"type": "null"}}}
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **object_of({"a": part}), **definitions}
    before = json.dumps(schema)
    assert gate(schema, POINTER) == {**object_of({"a": passed}), "additionalProperties": False}
    assert json.dumps(schema) == before


def test_the_deepest_that_passes() -> None:
    assert gate(object_of({"a": deep(14)}), POINTER)["properties"]["a"] == deep(14)


def test_references_are_counted_where_they_are_written_out() -> None:
    long = {**TEXT, "description": "x" * (LONGEST_SCHEMA_BYTES // 3)}
    once = object_of({"a": {"$ref": "#/$defs/x"}}, **{"$defs": {"x": long}})
    assert gate(once, POINTER)["properties"]["a"] == long
    error = refused({**once, "properties": {name: {"$ref": "#/$defs/x"} for name in "abcd"}})
    assert error.errors[0].code == "too_large"
    assert "written out" in str(error)


def test_a_long_array_in_a_property_keeps_its_order() -> None:
    assert list(gate(object_of({"z": array(TEXT), "a": TEXT}), POINTER)["properties"]) == ["z", "a"]


def test_the_page_shows_a_request_that_passes_and_every_keyword() -> None:
    page = (ROOT / "docs" / "schemas.md").read_text(encoding="utf-8")
    request = GenerateRequest.model_validate_json(page.split("```json")[1].split("```")[0])
    assert request.output_schema is not None
    assert gate(request.output_schema, POINTER)["required"] == ["customer", "lines", "due", "urgency"]
    keywords = page.split("## Keywords")[1].split("Every other keyword")[0]
    cells = [line.split("|")[1] for line in keywords.splitlines() if line.startswith("| `")]
    told = {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}
    assert told == {*SERVED, *NOTES, *ROOT_ONLY, "$ref"}
