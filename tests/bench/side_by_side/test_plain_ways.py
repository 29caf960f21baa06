"""The plain way beside each task: which golden cases it takes, and which of a model's answers can be used."""

import pytest

from bench.side_by_side.sections.plain_ways import PLAIN_WAYS, cases_of
from eval.datasets import Case


def case(task: str, name: str) -> Case:
    return next(each for each in cases_of(task) if each.id == name)


@pytest.mark.parametrize("task", PLAIN_WAYS)
def test_there_are_enough_short_cases_in_english(task: str) -> None:
    assert len(cases_of(task)) >= 6
    assert all(len(each.input.text) <= 400 and each.language == "en" for each in cases_of(task))
    assert all(each.input.text in PLAIN_WAYS[task].prompt(each) for each in cases_of(task))


@pytest.mark.parametrize(
    ("task", "name", "answer", "expected"),
    [
        pytest.param("classify", "classify-en-complaint", '{"label": "Complaint"}', True, id="label"),
        pytest.param("classify", "classify-en-complaint", '{"label": "anger"}', False, id="label that isn't offered"),
        pytest.param("classify", "classify-en-complaint", "complaint", False, id="no JSON"),
        pytest.param("extract", "extract-en-people", '[{"text": "Ada Lovelace", "type": "PERSON"}]', True, id="entity"),
        pytest.param("extract", "extract-en-people", '[{"text": "Ada King", "type": "PERSON"}]', False, id="not in it"),
        pytest.param("extract", "extract-en-people", "[]", False, id="none, where there are some"),
        pytest.param("summarize", "summarize-en-news", "A bridge closes.", True, id="short summary"),
        pytest.param("summarize", "summarize-en-news", "word " * 31, False, id="too long"),
        pytest.param("summarize", "summarize-en-news", "...", False, id="without words"),
    ],
)
def test_which_answers_can_be_used(task: str, name: str, answer: str, expected: bool) -> None:
    assert PLAIN_WAYS[task].is_usable(case(task, name), answer) is expected
