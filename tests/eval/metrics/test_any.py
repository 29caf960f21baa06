"""Metrics of every task: answers, their form, and leaks of the prompt."""

from typing import Any

import pytest

from eval.datasets import Case
from eval.metrics.table import metrics_of
from tests.eval.metrics.answers import entities, labels, made, summary, text, value

EXAMPLE = "Could you please send it to Petra Lang by the fourth of June?"
OFFERED = [{"name": "billing"}, {"name": "repair"}]
TASKS = ("classify", "extract", "generate", "rewrite", "summarize")


def classified(*right: str, **params: Any) -> Case:
    return made("classify", "text", {"labels": list(right)}, labels=OFFERED, **params)


@pytest.mark.parametrize(
    ("case", "output", "expected"),
    [
        pytest.param(made("summarize", "x", {}), summary("y"), 1.0, id="summarize"),
        pytest.param(made("summarize", "x", {}), {"summary": "y"}, 0.0, id="something is missing"),
        pytest.param(made("summarize", "x", {}), {**summary("y"), "summary": 3}, 0.0, id="of another type"),
        pytest.param(made("rewrite", "x", {}), text("y"), 1.0, id="rewrite"),
        pytest.param(made("generate", "x", {}), text("y", "generate"), 1.0, id="generate"),
        pytest.param(made("extract", "x", {}), entities(), 1.0, id="extract"),
        pytest.param(made("extract", "x", {}), entities(("x", "A", -1)), 0.0, id="an offset before the beginning"),
        pytest.param(classified("billing"), labels("billing"), 1.0, id="classify"),
        pytest.param(classified("billing"), labels("else"), 0.0, id="a label that nobody offered"),
        pytest.param(classified("billing"), labels(), 0.0, id="no label"),
        pytest.param(classified("billing"), labels(abstained=True), 1.0, id="abstained"),
        pytest.param(classified(), labels(), 1.0, id="no label applies"),
        pytest.param(classified("billing", multi_label=True), labels(), 1.0, id="several may be none"),
        pytest.param(made("translate", "x", {}), {"anything": 1}, 1.0, id="a task that isn't known"),
        pytest.param(classified("billing"), None, 0.0, id="a failure"),
    ],
)
def test_valid_output(case: Case, output: dict[str, Any] | None, expected: float) -> None:
    assert value("valid_output", case, output) == expected


@pytest.mark.parametrize("task", TASKS)
def test_answered(task: str) -> None:
    case = made(task, "x", {"labels": []})
    assert value("answered", case, {}) == 1.0
    assert value("answered", case, None) == 0.0


@pytest.mark.parametrize(
    ("case", "output", "expected"),
    [
        pytest.param(made("summarize", "x", {}), summary(f"Yes. {EXAMPLE}"), 0.0, id="in a summary"),
        pytest.param(made("summarize", EXAMPLE, {}), summary(EXAMPLE), 1.0, id="the source says so itself"),
        pytest.param(made("summarize", "x", {}, focus=EXAMPLE), summary(EXAMPLE), 1.0, id="a parameter says so"),
        pytest.param(
            made("generate", "x", {}, data={"a": [{"b": EXAMPLE}]}), text(EXAMPLE, "generate"), 1.0, id="the data do"
        ),
        pytest.param(
            made("generate", "x", {}, output_schema={}), text("", "generate", output={"a": {"b": [EXAMPLE]}}), 0.0,
            id="in an object",
        ),
        pytest.param(made("extract", "x", {}), entities(ungrounded=[("Petra Lang", "P")]), 0.0, id="as an entity"),
        pytest.param(classified(), labels("billing"), 1.0, id="a label"),
        pytest.param(made("rewrite", "x", {}), text("Nothing of it"), 1.0, id="nothing"),
        pytest.param(made("rewrite", "x", {}), None, 0.0, id="a failure"),
    ],
)  # fmt: skip
def test_leak_free(case: Case, output: dict[str, Any] | None, expected: float) -> None:
    assert value("leak_free", case, output, [EXAMPLE]) == expected


def test_a_prompt_without_fixed_texts_cannot_leak() -> None:
    assert value("leak_free", made("rewrite", "x", {}), text(EXAMPLE)) == 1.0


@pytest.mark.parametrize(
    "output",
    [
        pytest.param({"something": "else", "labels": None, "entities": None}, id="nothing of it"),
        pytest.param(
            {"labels": 3, "entities": {"a": 1}, "summary": ["x"], "text": None, "output": [1]}, id="other types"
        ),
        pytest.param({"labels": ["a"], "entities": ["b"], "ungrounded": "c", "output": "d"}, id="texts for objects"),
        pytest.param({"labels": [{}], "entities": [{}], "ungrounded": [{}], "output": {}}, id="empty objects"),
        pytest.param(
            {"labels": [{"name": 1, "confidence": "x"}], "entities": [{"offset": "0", "length": None}]}, id="of text"
        ),
    ],
)
@pytest.mark.parametrize("task", TASKS)
def test_an_output_that_is_not_the_tasks_own_is_bad_and_raises_nothing(task: str, output: dict[str, Any]) -> None:
    """A run file of another version, or a task that changed: nothing is found in it."""
    expected = {"labels": ["a"], "references": ["y"], "facts": ["z"], "output": {"a": 2}, "entities": []}
    case = made(task, "x", expected, labels=OFFERED, output_schema={"type": "object", "required": ["a"]})
    for name in metrics_of(task):
        value(name, case, output)
    assert value("valid_output", case, output) == 0.0
