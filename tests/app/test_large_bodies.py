"""Bodies at their limits: how many values, how long a number, and how soon that is told."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.problems import ProblemError
from app.strict_json import MOST_VALUES, _read
from tests.chains.effort import little_work

MEGABYTES = 5 << 20


def filled(piece: str) -> bytes:
    return ('{"data": {"a": [' + piece * (MEGABYTES // len(piece)) + "1]}}").encode()


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        pytest.param(filled("1,"), "body_too_large", "JSON values", id="numbers"),
        pytest.param(filled("0.1,"), "body_too_large", "JSON values", id="fractions"),
        pytest.param(filled("{},"), "body_too_large", "JSON values", id="empty objects"),
        pytest.param(filled('{"a":1},'), "body_too_large", "JSON values", id="objects"),
        pytest.param(filled('"a\\\\",'), "body_too_large", "JSON values", id="texts that end in a backslash"),
        pytest.param(filled('"a\\"[,",'), "body_too_large", "JSON values", id="texts with quotes"),
        pytest.param(filled("9" * 4000 + ","), "invalid_json", "400 digits", id="long numbers"),
        pytest.param(filled("1e999,")[:200] + b"1]}}", "invalid_json", "too large", id="a number beyond all"),
        pytest.param(filled('{"a":1,"a":2},')[:200] + b"1]}}", "invalid_json", "'a' stands twice", id="a key twice"),
    ],
)
def test_what_would_take_long_to_read_is_refused_soon(body: bytes, code: str, words: str) -> None:
    with little_work(), pytest.raises(ProblemError, match=words) as caught:
        _read(body)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("word " * (MEGABYTES // 5), id="a text"),
        pytest.param("," * MEGABYTES, id="commas"),
        pytest.param('[{"' * (MEGABYTES // 3), id="brackets and quotes"),
        pytest.param("\\" * (MEGABYTES // 2), id="backslashes"),
        pytest.param('\\"' * (MEGABYTES // 4), id="backslashes before quotes"),
        pytest.param("😀" * (MEGABYTES // 12), id="escaped pairs"),
        pytest.param([1] * (MOST_VALUES - 2), id="as many values as there may be"),
        pytest.param([12345678901234567890123, -1, 0.5, 1e22], id="numbers"),
    ],
)
@pytest.mark.parametrize("dumped", [json.dumps, lambda value: json.dumps(value, ensure_ascii=False)])
def test_what_may_be_large_is_read_as_it_is(value: Any, dumped: Callable[[Any], str]) -> None:
    body = dumped({"a": value}).encode()
    with little_work():
        read = _read(body)
    assert read == {"a": value}


def test_a_large_body_is_served(scripted: httpx.Client) -> None:
    assert scripted.post("/v1/generate", json={"instruction": "x", "data": {"a": "," * 200_000}}).status_code == 200


def test_thousands_of_unknown_fields_are_told_in_one_line(scripted: httpx.Client) -> None:
    fields = {f"f{number}": 1 for number in range(40_000)}
    answer = scripted.post("/v1/generate", json={"instruction": "x", **fields})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "too_many_fields"
    assert len(answer.content) < 2000


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        pytest.param(
            {"output_schema": {"type": "object", "properties": {"a": {"type": "string", "pattern": "(a+)+$"}}}},
            "schema_unsupported",
            "/output_schema/properties/a/pattern",
            id="pattern",
        ),
        pytest.param({"output_schema": {"type": "array"}}, "schema_unsupported", "/output_schema", id="no object"),
        pytest.param({"output_schema": [1]}, "invalid_request", "/output_schema", id="no schema"),
    ],
)
def test_a_schema_that_cannot_be_used_is_a_problem_with_its_place(
    scripted: httpx.Client, body: dict[str, Any], code: str, pointer: str
) -> None:
    problem = scripted.post("/v1/generate", json={"instruction": "x", **body}).json()
    assert (problem["status"], problem["code"], problem["errors"][0]["pointer"]) == (422, code, pointer)
