"""Records by a caller's schema: the source's texts, no row lost or doubled, no schema past the gate."""

from typing import Any

import pytest

from chains.errors import InvalidInput, SchemaUnsupported
from tests.chains.extracting import extracted, records

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "state": {"enum": ["open", "shut"]},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 9},
        "count": {"type": "integer"},
    },
    "required": ["name"],
}


def found(text: str, *rows: dict[str, Any], **settings: Any) -> tuple[list[dict[str, Any]], list[tuple[str, Any]]]:
    request = {"text": text, "record_schema": SCHEMA}
    output, _ = extracted([{"answer": records(*rows)}], request, **settings)
    assert not output.entities
    return list(output.records), [(one.text, one.pointer) for one in output.ungrounded]


@pytest.mark.parametrize(
    ("text", "row", "record", "ungrounded"),
    [
        pytest.param("Ada, 3", {"name": "Ada", "count": 3}, {"name": "Ada", "count": 3}, [], id="exact"),
        pytest.param("ADA", {"name": "Ada"}, {"name": "ADA"}, [], id="the source's case"),
        pytest.param("Charles Babbage", {"name": "Charles Babage"}, {"name": "Charles Babbage"}, [], id="fuzzy"),
        pytest.param("Bob", {"name": "Ada"}, {"name": "Ada"}, [("Ada", "/records/0/name")], id="not there"),
        pytest.param(
            "Ada: x",
            {"name": "Ada", "tags": ["x", "y~/"]},
            {"name": "Ada", "tags": ["x", "y~/"]},
            [("y~/", "/records/0/tags/1")],
            id="in a list",
        ),
        pytest.param(
            "Ada OPEN", {"name": "Ada", "state": "open"}, {"name": "Ada", "state": "open"}, [], id="an enum stays"
        ),
        pytest.param(
            "Ada",
            {"name": "Ada", "state": "shut"},
            {"name": "Ada", "state": "shut"},
            [("shut", "/records/0/state")],
            id="an enum that isn't there",
        ),
        pytest.param("Ada", {"name": "Ada", "tags": ["", "Ada"]}, {"name": "Ada", "tags": ["", "Ada"]}, [], id="empty"),
    ],
)
def test_every_text_is_the_source_s_or_told(
    text: str, row: dict[str, Any], record: dict[str, Any], ungrounded: list[tuple[str, str]]
) -> None:
    assert found(text, row) == ([record], ungrounded)


def test_rows_that_an_answer_holds_twice_are_two() -> None:
    assert found("one tea, one tea", {"name": "tea"}, {"name": "tea"})[0] == [{"name": "tea"}] * 2


def test_rows_of_an_overlap_are_there_once_and_those_beyond_it_again() -> None:
    text = " ".join(f"Line {number:03} says p{number:03}q." for number in range(60)) + " one tea. one tea."
    script: list[dict[str, Any]] = [
        {"when": "p000q", "answer": records({"name": "p000q"}, {"name": "tea"})},
        {"when": "p059q", "answer": records({"name": "p059q"}, {"name": "tea"}, {"name": "tea"})},
        {"answer": records()},
    ]
    request = {"text": text, "record_schema": SCHEMA}
    output, usage = extracted(script, request, context_tokens=1310)
    assert usage.model_calls > 1
    names = [record["name"] for record in output.records]
    assert (names.count("p000q"), names.count("p059q")) == (1, 1)
    again, _ = extracted(script[1:], {**request, "passes": 2})
    assert [record["name"] for record in again.records] == ["p059q", "tea", "tea"]


def test_a_schema_passes_the_gate_before_anything_else() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}
    with pytest.raises(SchemaUnsupported) as caught:
        extracted([{"answer": "never asked"}], {"text": "Ada", "record_schema": schema})
    assert [error.pointer for error in caught.value.errors] == ["/record_schema/properties/a/pattern"]


def test_a_version_that_knows_no_records_says_so() -> None:
    with pytest.raises(InvalidInput) as caught:
        extracted([{"answer": records()}], {"text": "Ada", "record_schema": SCHEMA}, version="1.0.0")
    assert [error.pointer for error in caught.value.errors] == ["/record_schema"]
