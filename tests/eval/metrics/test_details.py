"""Entities by type, and what abstaining buys."""

import pytest

from eval.metrics.details import scores_by_type, trade_off
from eval.scorers.confidence import RiskPoint
from tests.eval.metrics.answers import entities, labels, made, scored

OFFERED = [{"name": name} for name in "ab"]


def test_entities_by_type() -> None:
    expected = [{"text": "Ada", "label": "PERSON", "start": 0, "end": 3}]
    case = made("extract", "Ada in Rome", {"entities": expected})
    answers = [scored(case, entities(("Ada", "PERSON", 0), ("Rome", "CITY", 7))), scored(case, None)]
    found = scores_by_type(answers)
    assert {kind: (one["strict"].precision, one["strict"].recall) for kind, one in found.items()} == {
        "PERSON": (1.0, 0.5),
        "CITY": (0.0, 0.0),
    }


def test_the_trade_off_of_abstaining() -> None:
    case = made("classify", "x", {"labels": ["a"]}, labels=OFFERED)
    answers = [scored(case, labels("a", confidence=0.9)), scored(case, labels("b", confidence=0.5))]
    assert trade_off([*answers, scored(case, labels("a")), scored(case, None)]) == [
        RiskPoint(0.9, 0.5, 0.0),
        RiskPoint(0.5, 1.0, 0.5),
    ]
    assert trade_off([]) == []


@pytest.mark.parametrize("task", ["classify", "extract"])
def test_no_answer(task: str) -> None:
    case = made(task, "x", {"labels": ["a"], "entities": []}, labels=OFFERED)
    assert trade_off([scored(case, None)]) == []
    assert scores_by_type([scored(case, None)]) == {}
