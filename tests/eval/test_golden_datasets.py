"""The golden datasets: every case is valid input, and its references are answers that its own scorers would praise."""

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from chains.schema_gate import gate
from chains.tasks import load_tasks
from chains.text import count_words
from eval.datasets import Case, load_dataset
from eval.metrics.metric import Scored
from eval.metrics.table import metrics_of
from eval.scorers.instructions import facts_stated, obeys_schema
from eval.scorers.language import language_of
from eval.scorers.tokens import folded
from tests.conftest import ROOT

DATASETS = ROOT / "eval" / "datasets"
TASKS = ("classify", "extract", "generate", "rewrite", "summarize")
LANGUAGES = {"en", "de", "zh", "ar", "ja"}
FEWEST = 40
FAULTLESS = {
    *("valid_output", "facts_stated", "forbidden_absent", "numbers_kept", "names_kept", "number_precision"),
    *("name_precision", "negation_kept", "length_compliance", "language_kept", "form"),
}
"""Metrics that are at their best for a faultless answer, whatever its words."""

HARD = re.compile(r"^- `([^`]+)`: ", re.MULTILINE)


@cache
def cases_of(task: str) -> list[Case]:
    return load_dataset(DATASETS / task)


def every_case(*tasks: str) -> list[Any]:
    return [pytest.param(case, id=case.id) for task in tasks or TASKS for case in cases_of(task)]


def told_language(text: str) -> str | None:
    return {"Arabic": "ar"}.get(found := language_of(text) or "", found) or None


def strings(value: Any) -> list[str]:
    """All texts and numbers of a JSON value, as texts."""
    if isinstance(value, dict):
        return [text for item in value.values() for text in strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [str(value)]


@pytest.mark.parametrize("task", TASKS)
def test_a_set_has_cases_of_all_languages_and_names_what_is_hard(task: str) -> None:
    cases = cases_of(task)
    assert len(cases) >= FEWEST
    assert {case.language for case in cases} == LANGUAGES
    assert min(Counter(case.language for case in cases).values()) >= 4
    assert set(HARD.findall((DATASETS / "README.md").read_text())) >= {case.hard for case in cases if case.hard}
    readme = " ".join((DATASETS / task / "README.md").read_text().split())
    assert f"{len(cases)} cases, written by hand" in readme
    assert "Apache-2.0" in readme
    assert {case.hard for case in cases if case.hard} == set(
        readme.split("Hard cases: ")[1].removesuffix(".").split(", ")
    )


def test_every_hard_name_that_is_documented_is_used() -> None:
    used = {case.hard for task in TASKS for case in cases_of(task)}
    assert set(HARD.findall((DATASETS / "README.md").read_text())) <= used


@pytest.mark.parametrize("case", every_case())
def test_a_case_is_valid_input_in_the_language_that_it_names(case: Case) -> None:
    assert re.fullmatch(rf"{case.task}-{case.language}-[a-z0-9-]+", case.id)
    assert case.request(load_tasks()[case.task])
    # Names alone tell no language of those in Latin script.
    if case.task != "extract" and case.hard not in {"mixed languages", "code inside", "odd structure"}:
        assert told_language(case.input.text) in {case.language, None}


@pytest.mark.parametrize("case", every_case("summarize", "rewrite"))
def test_references_state_the_facts_and_obey_the_case(case: Case) -> None:
    expected = case.expected
    source = "\n".join([case.input.text, *strings(case.input.params)])
    forbidden = expected.get("forbidden", ())
    # A part of a word of the source isn't found in the answer either.
    words = [wrong for wrong in forbidden if any(map(str.isalnum, wrong)) and folded(wrong) in folded(source)]
    assert [wrong for wrong in words if not facts_stated(source, [wrong])] == []
    if "language" not in expected:
        assert [fact for fact in expected.get("facts", ()) if facts_stated(source, [fact]) != 1] == []
    for reference in expected["references"]:
        assert [fact for fact in expected.get("facts", ()) if facts_stated(reference, [fact]) != 1] == []
        assert [wrong for wrong in forbidden if folded(wrong) in folded(reference)] == []
        assert told_language(reference) in {expected.get("language", case.language), None}
        assert reference == reference.strip()


@pytest.mark.parametrize("case", every_case("summarize", "rewrite"))
def test_metrics_find_nothing_wrong_with_a_reference(case: Case) -> None:
    """Else a perfect answer would lose points for what the case or the metric gets wrong."""
    field = {"summarize": "summary", "rewrite": "text"}[case.task]
    shape = {
        "shortened": False,
        "unsupported": [],
        "coverage": {"chunks": 1, "chunks_used": 0, "spans": []},
        "lost": [],
    }
    for reference in case.expected["references"]:
        scored = Scored(case, {**shape, field: reference})
        values = {name: metrics_of(case.task)[name].score(scored) for name in FAULTLESS & metrics_of(case.task).keys()}
        assert {name: value for name, value in values.items() if value not in {1, None}} == {}


@pytest.mark.parametrize("case", every_case("summarize"))
def test_a_summary_is_of_the_length_and_form_that_was_asked_for(case: Case) -> None:
    request = case.request(load_tasks()["summarize"]).model_dump()
    for reference in case.expected["references"]:
        assert count_words(reference) <= request["max_words"]
        lines = reference.splitlines()
        if request["style"] == "bullets":
            assert all(line.startswith("- ") for line in lines)
        if request["style"] == "headline":
            assert len(lines) == 1
            assert not reference.endswith((".", "。"))


@pytest.mark.parametrize("case", every_case("generate"))
def test_what_is_generated_can_be_what_is_expected(case: Case) -> None:
    expected, params = case.expected, case.input.params
    for wrong in expected.get("forbidden", ()):
        assert not any(folded(wrong) in folded(fact) for fact in expected.get("facts", ()))
    if limit := params.get("max_words"):
        assert sum(map(count_words, expected.get("facts", ()))) <= limit
    assert ("output" in expected) <= ("output_schema" in params)
    if "output_schema" in params:
        gate(params["output_schema"], "/output_schema")
        properties = params["output_schema"]["properties"]
        assert expected["output"].keys() <= properties.keys()
        definitions = {"$defs": params["output_schema"].get("$defs", {})}
        wrong_values = [
            name
            for name, value in expected["output"].items()
            if not obeys_schema(value, {**definitions, **properties[name]})
        ]
        assert wrong_values == []


@pytest.mark.parametrize("case", every_case("classify"))
def test_labels_are_among_those_that_are_offered(case: Case) -> None:
    offered = {label["name"] for label in case.input.params["labels"]}
    expected = case.expected["labels"]
    assert set(expected) <= offered
    assert len(expected) == len(set(expected))
    if not case.input.params.get("multi_label"):
        assert len(expected) <= 1


@pytest.mark.parametrize("case", every_case("extract"))
def test_entities_have_offered_types_and_stand_where_they_are_said_to(case: Case) -> None:
    entities = case.expected["entities"]
    if types := case.input.params.get("types"):
        assert {entity["label"] for entity in entities} <= {kind["name"] for kind in types}
    assert [case.input.text[entity["start"] : entity["end"]] for entity in entities] == [
        entity["text"] for entity in entities
    ]
    starts = [entity["start"] for entity in entities]
    assert starts == sorted(starts)


@pytest.mark.parametrize("case", every_case("classify", "extract", "rewrite", "summarize"))
def test_no_prompt_shows_a_golden_case_as_an_example(case: Case) -> None:
    """A model that had the answer before it would be measured on its memory."""
    assert json.dumps(case.input.text, ensure_ascii=False)[1:-1] not in prompts()


@cache
def prompts() -> str:
    return "\n".join(path.read_text() for path in Path(ROOT, "prompts").rglob("few_shot-*.yaml"))
