"""Inputs of any kind and size are checked in bounded time, and told of in few words."""

import time
from typing import Any

import pytest

from tests.chains.conftest import FRONT, Load

LABEL = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "description": {"type": "string"}},
    "required": ["name"],
    "additionalProperties": False,
}


def codes(load: Load, schema: str, value: Any) -> list[str]:
    """The codes of what is wrong with a value of the input `text`; the messages must be short, and come quickly."""
    prompt = load(front=FRONT.replace("{type: string}", schema)).get("demo")
    start = time.process_time()
    found = prompt.validate({"text": value})
    assert time.process_time() - start < 2
    assert all(len(error.message) < 400 for error in found)
    return [error.code for error in found]


def test_the_first_fifty_places_are_told(load: Load) -> None:
    schema = "{items: {type: integer}}"
    assert codes(load, schema, ["x"] * 50) == ["type"] * 50
    assert codes(load, schema, ["x"] * 51) == ["type"] * 50 + ["more"]
    assert codes(load, schema, ["x"] * 100_000) == ["type"] * 50 + ["more"]


@pytest.mark.parametrize(
    ("schema", "value", "code"),
    [
        pytest.param("{type: integer}", "x" * 8_000_000, "type", id="a text of 8 MB"),
        pytest.param("{maxLength: 5}", "x" * 8_000_000, "maxLength", id="too long a text"),
        pytest.param("{type: integer}", [["x" * 50] * 300] * 300, "type", id="a large list"),
        pytest.param("{type: integer}", {str(number): 1 for number in range(90_000)}, "type", id="a large object"),
        pytest.param("{maxProperties: 0}", {"x" * 5_000_000: 1}, "maxProperties", id="a long key"),
        pytest.param("{additionalProperties: false}", {"x" * 5_000_000: 1}, "additionalProperties", id="an extra one"),
        pytest.param("{type: array}", [1] * 2_000_000, "too_much", id="two million items"),
        pytest.param("{allOf: [{items: {}}, {items: {}}]}", [1] * 200_000, "too_much", id="many items often"),
        pytest.param("{items: {enum: [%s]}}" % ("a, " * 5000 + "b"), ["b"] * 10_000, "too_much", id="a large enum"),
        pytest.param("{anyOf: [{type: 'null'}, {items: {type: object}}]}", [1] * 90_000, "too_much", id="anyOf"),
        pytest.param("{contains: {type: integer}, unevaluatedItems: false}", [1] * 20_000, "too_much", id="looked up"),
        pytest.param("{items: {pattern: '^(a|aa)+$'}}", ["a" * 25 + "c"] * 1000, "pattern", id="patterns"),
        pytest.param("{type: number, multipleOf: 0.5}", 10**400, "multipleOf", id="a huge number"),
    ],
)  # fmt: skip
def test_the_cost_and_the_message_are_bounded(load: Load, schema: str, value: Any, code: str) -> None:
    assert codes(load, schema, value) == [code]


def test_a_value_nested_without_end_is_told(load: Load) -> None:
    value: list[Any] = []
    for _ in range(10_000):
        value = [value]
    assert codes(load, "{type: array}", value) == ["depth"]


def test_as_many_values_as_a_prompt_can_go_through_are_checked(load: Load) -> None:
    label = {"name": "a name", "description": "x" * 200}
    assert codes(load, str({"type": "array", "items": LABEL}), [label] * 10_000) == []


@pytest.mark.parametrize(
    ("items", "unique"),
    [
        pytest.param([], True, id="none"),
        pytest.param([1, 1.0], False, id="1 and 1.0"),
        pytest.param([1, True], True, id="1 and true"),
        pytest.param([[0], [False]], True, id="0 and false in lists"),
        pytest.param([{"a": 1, "b": [2]}, {"b": [2.0], "a": 1}], False, id="order of keys"),
        pytest.param(["1", 1], True, id="text and number"),
        pytest.param([None, "null"], True, id="text and null"),
        pytest.param([{"a": number, "b": [number]} for number in range(10_000)], True, id="ten thousand objects"),
        pytest.param([number * (2**61 - 1) for number in range(50_000)], True, id="numbers with one hash"),
    ],
)
def test_unique_items(load: Load, items: list[Any], unique: bool) -> None:
    assert codes(load, "{uniqueItems: true}", items) == ([] if unique else ["uniqueItems"])
