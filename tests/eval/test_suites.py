"""Suites: what is read from their files, what is told of wrong ones, which cases take part."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from chains.errors import ConfigurationError
from chains.tasks import load_tasks
from eval.case_files import load_cases
from eval.metrics.table import metrics_of
from eval.suites import find_suite, read_suite
from tests.conftest import ROOT
from tests.eval.planted import cases_of, suite_of, write_cases

TASKS = load_tasks()
PROJECTS = sorted((ROOT / "eval" / "suites").glob("*.yaml"))
SMALL = "task: summarize\ndatasets: [summarize]\nmetrics:\n  answered: {gate: true}\n"


@pytest.mark.parametrize("path", PROJECTS, ids=lambda path: path.stem)
def test_the_projects_suites_are_of_their_tasks(path: Path) -> None:
    suite = read_suite(path)
    assert suite.name == suite.task == path.stem
    assert 3 <= len(suite.gated) <= 6
    cases = load_cases(suite, TASKS[suite.task], [ROOT / "eval" / "datasets"]).cases
    assert len(cases) >= 40
    for name in suite.gated:  # under 30 cases nothing is ever settled
        scorer = metrics_of(suite.task)[name].scorer(cases)
        assert sum(scorer(failed(case)) is not None for case in cases) >= 30, name


def failed(case: Any) -> Any:
    from eval.metrics.metric import Scored

    return Scored(case, None, "output_invalid")


def test_each_task_has_a_suite() -> None:
    assert [path.stem for path in PROJECTS] == sorted(TASKS)


def test_a_suite_is_read_with_its_defaults(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(SMALL + "  compression:\n")
    suite = read_suite(path)
    assert (suite.name, suite.gated, suite.repeats, suite.limit) == ("mine", ("answered",), 1, None)
    assert suite.matrix.prompts == ("production",)
    assert suite.metrics["compression"].margin_for(199, 1) == 0.1
    assert suite.metrics["compression"].margin_for(200, 100) == 5


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("task: [", ":1:8: not valid YAML", id="no YAML"),
        pytest.param("- task", ":1:1: a suite is a mapping with the keys task, ", id="a list"),
        pytest.param(SMALL + "name: x\n", ":5:1: name: unknown key: a suite is named like its file", id="a name"),
        pytest.param(SMALL + "metric: {}\n", ":5:1: metric: unknown key", id="misspelt"),
        pytest.param(SMALL.replace("task: summarize\n", ""), ":1:1: task: this is required", id="no task"),
        pytest.param(SMALL + "  answerd: {gate: true}\n", ":5:3: metrics.answerd: summarize has no such", id="metric"),
        pytest.param(SMALL + "  chrf:\n", ":5:3: metrics.chrf: summarize has no such metric", id="other task's metric"),
        pytest.param(SMALL.replace("gate: true", "gate: 1"), ":4:14: metrics.answered.gate", id="no boolean"),
        pytest.param(SMALL.replace("gate: true", "margin: 0"), "answered.margin: Input should be greater", id="margin"),
        pytest.param(SMALL.replace("gate: true", "margin: .nan"), "is not a number of JSON's", id="not a number"),
        pytest.param(SMALL + "thresholds: {rouge9: {at_least: 1}}\n", ":5:14: thresholds.rouge9", id="threshold"),
        pytest.param(
            SMALL + "thresholds: {answered: {}}\n", ":5:14: thresholds.answered: give at_least", id="no bound"
        ),
        pytest.param(
            SMALL + "thresholds: {answered: {at_least: 1, at_most: 0}}\n", "at_least is more than at_most", id="bounds"
        ),
        pytest.param(SMALL + "repeats: 0\n", ":5:1: repeats: Input should be greater", id="no repeat"),
        pytest.param(SMALL + "limit: '5'\n", ":5:1: limit: Input should be a valid integer", id="limit"),
        pytest.param(SMALL.replace("[summarize]", "[../x]"), "datasets: '../x' leads out of its folder", id="outside"),
        pytest.param(SMALL.replace("[summarize]", "[]"), ":2:1: datasets: ", id="no dataset"),
        pytest.param(SMALL + "matrix: {prompts: []}\n", ":5:10: matrix.prompts", id="no prompt"),
        pytest.param(
            SMALL + "matrix:\n  parameters:\n    - {temperature: 3}\n", ":7:8: matrix.parameters.0", id="parameters"
        ),
    ],
)
def test_a_wrong_suite_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        read_suite(path)
    assert told in str(refused.value)
    assert str(path) in str(refused.value)


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(SMALL + "repeats: 0\nlimit: 0\nextra: 1\n")
    with pytest.raises(ConfigurationError) as refused:
        read_suite(path)
    assert len(refused.value.problems) == 3


def test_a_suite_that_isnt_there_is_told() -> None:
    with pytest.raises(ConfigurationError, match="no suite 'summarise': give one of classify, extract"):
        find_suite("summarise")
    with pytest.raises(ConfigurationError, match="the suite cannot be read: No such file"):
        read_suite(Path("absent.yaml"))


@pytest.mark.parametrize(
    ("change", "is_another"),
    [
        ({"metrics": {"answered": {"margin": 0.2}}}, False),
        ({"thresholds": {"answered": {"at_least": 1}}}, False),
        ({"name": "renamed"}, False),
        ({"limit": 3}, True),
        ({"seed": 3}, True),
        ({"repeats": 3}, True),
        ({"datasets": ["other"]}, True),
    ],
)
def test_the_digest_is_of_what_outcomes_depend_on(change: dict[str, Any], is_another: bool) -> None:
    assert (suite_of(**change).digest != suite_of().digest) is is_another


def test_a_sample_is_the_same_for_the_same_seed_and_grows(tmp_path: Path) -> None:
    data = write_cases(tmp_path, cases_of(40))

    def ids(**sample: Any) -> list[str]:
        return [case.id for case in load_cases(suite_of(**sample), TASKS["summarize"], [data]).cases]

    ten, twenty = ids(limit=10), ids(limit=20)
    assert ten == ids(limit=10)
    assert ten != ids(limit=10, seed=1)
    assert (len(ten), len(twenty)) == (10, 20)
    assert set(ten) < set(twenty)
    assert twenty == sorted(twenty)  # in the order of the file
    assert ids(limit=500) == ids()
    found = load_cases(suite_of(limit=10), TASKS["summarize"], [data])
    assert (found.sampled, found.datasets[0].cases) == (True, 10)
    assert not load_cases(suite_of(), TASKS["summarize"], [data]).sampled


PUBLIC = {
    "classify": {"label_set": "cards", "multi_label": False},
    "extract": {"labels": ["person"]},
    "summarize": {"style": "clinical_note_section", "focus": "the plan", "section": "PLAN"},
}
EXPECTED: dict[str, Any] = {
    "classify": {"label": "lost"},
    "extract": {"entities": [{"text": "Ada", "label": "person", "start": 0, "end": 3}]},
    "summarize": {"references": ["Ada rests."], "focused": []},
}


@pytest.mark.parametrize(
    ("task", "params", "expected", "left_out"),
    [
        pytest.param(
            "classify",
            {"labels": [{"name": "lost", "description": "It is gone"}, {"name": "late"}], "multi_label": False},
            {"labels": ["lost"]},
            {},
            id="classify",
        ),
        pytest.param("extract", {"types": [{"name": "person"}]}, EXPECTED["extract"], {}, id="extract"),
        pytest.param(
            "summarize",
            {"focus": "the plan"},
            {"references": ["Ada rests."]},
            {"input.style=clinical_note_section": 1, "input.section": 1, "expected.focused": 1},
            id="summarize",
        ),
    ],
)
def test_a_public_case_becomes_one_of_ours(
    tmp_path: Path, task: str, params: dict[str, Any], expected: dict[str, Any], left_out: dict[str, int]
) -> None:
    line = {"id": "a", "task": task, "input": {"text": "Ada rests.", "params": PUBLIC[task]}, "source": "x"}
    (tmp_path / f"{task}_set.jsonl").write_text(json.dumps({**line, "expected": EXPECTED[task]}) + "\n")
    (tmp_path / "labels.json").write_text(json.dumps({"cards": {"lost": "It is gone", "late": ""}}))
    suite = suite_of(task=task, datasets=[f"{task}_*.jsonl"])
    found = load_cases(suite, TASKS[task], [tmp_path])
    assert found.cases[0].input.params == params
    assert found.cases[0].expected == expected
    assert found.left_out == left_out
    before = found.datasets[0].digest
    (tmp_path / "labels.json").write_text(json.dumps({"cards": {"lost": "Stolen", "late": ""}}))
    assert load_cases(suite, TASKS[task], [tmp_path]).datasets[0].digest != before


def good(**others: Any) -> str:
    return json.dumps({"id": "a", "task": "summarize", "input": {"text": "x"}, "expected": {}, **others})


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        pytest.param([], "there is no dataset 'set.jsonl' in", id="absent"),
        pytest.param(["{"], "set.jsonl:1: Invalid JSON", id="no JSON"),
        pytest.param([good(), good(id=1)], "set.jsonl:2: id: Input should be a valid string", id="no case"),
        pytest.param([good(), good()], "set.jsonl:2: the id 'a' stands twice", id="twice"),
        pytest.param([good(task="rewrite")], "case a: is one of rewrite, and the suite is about summarize", id="task"),
        pytest.param([good(input={"text": " "})], "case a: text: The text is empty", id="no request"),
        pytest.param([good(language="English")], "set.jsonl:1: language", id="language"),
    ],
)
def test_a_wrong_public_set_is_told_with_its_place(tmp_path: Path, lines: list[str], told: str) -> None:
    if lines:
        (tmp_path / "set.jsonl").write_text("\n".join(lines) + "\n")
    with pytest.raises(ConfigurationError) as refused:
        load_cases(suite_of(datasets=["set.jsonl"]), TASKS["summarize"], [tmp_path])
    assert told in str(refused.value)


def test_a_label_set_that_isnt_there_is_told(tmp_path: Path) -> None:
    case = {"id": "a", "task": "classify", "input": {"text": "x", "params": {"label_set": "cards"}}, "expected": {}}
    (tmp_path / "set.jsonl").write_text(json.dumps(case))
    with pytest.raises(ConfigurationError, match=r"set.jsonl:1: labels.json beside it holds no label set 'cards'"):
        load_cases(suite_of(task="classify", datasets=["set.jsonl"]), TASKS["classify"], [tmp_path])


def test_two_datasets_may_not_share_an_id(tmp_path: Path) -> None:
    data = write_cases(tmp_path, cases_of(3))
    (data / "other").mkdir()
    (data / "other" / "golden.jsonl").write_text((data / "summarize" / "golden.jsonl").read_text())
    with pytest.raises(ConfigurationError, match="other: the id 'case-000' is one of summarize too"):
        load_cases(suite_of(datasets=["summarize", "other"]), TASKS["summarize"], [data])


def test_the_projects_suites_are_yaml_that_others_read() -> None:
    for path in PROJECTS:
        assert yaml.safe_load(path.read_text())["task"] == path.stem
