"""The confusion of labels, entities by type, and what abstaining buys."""

import pytest

from eval.metrics.details import confusion, scores_by_type, trade_off
from eval.scorers.classification import INVALID, label_scores
from eval.scorers.confidence import RiskPoint
from tests.eval.metrics.answers import entities, labels, made, scored

OFFERED = [{"name": name} for name in "ab"]


def test_confusion() -> None:
    a, b, none = (made("classify", "x", {"labels": right}, labels=OFFERED) for right in (["a"], ["b"], []))
    several = made("classify", "x", {"labels": ["a"]}, labels=OFFERED, multi_label=True)
    answers = [
        scored(a, labels("a")),
        scored(a, labels("a")),
        scored(a, labels("z")),
        scored(a, labels()),
        scored(b, labels("a")),
        scored(b, None),
        scored(none, labels()),
        scored(none, labels("b")),
        scored(several, labels("a")),
    ]
    assert confusion(answers) == {
        ("a", "a"): 2, ("a", INVALID): 2, ("b", "a"): 1, ("b", INVALID): 1, ("NONE", "NONE"): 1, ("NONE", "b"): 1,
    }  # fmt: skip
    assert confusion(answers[:3]) == label_scores("aaa", ["a", "a", None]).confusion
    assert confusion([]) == {}


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
    assert confusion([scored(case, None)]) == {("a", INVALID): 1}
    assert scores_by_type([scored(case, None)]) == {}
