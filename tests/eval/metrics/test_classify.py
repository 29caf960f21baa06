"""Metrics of labels against the scorers of whole lists, which are tested against scikit-learn."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.datasets import Case
from eval.metrics.metric import Value
from eval.metrics.table import metrics_of
from eval.scorers.classification import INVALID, label_scores, label_set_scores
from eval.scorers.confidence import brier, calibration_error, risk_curve
from tests.eval.metrics.answers import labels, made, scored, value

METRICS = metrics_of("classify")
OFFERED = [{"name": name} for name in "abcd"]
LABELS = st.sampled_from("abc")
SINGLE = st.lists(st.tuples(LABELS, st.one_of(LABELS, st.just("d"), st.none())), min_size=1, max_size=12)
SETS = st.lists(st.tuples(st.frozensets(LABELS), st.frozensets(st.sampled_from("abcd"))), min_size=1, max_size=12)


def single(right: str | None, **params: Any) -> Case:
    return made("classify", "text", {"labels": [right] if right else []}, labels=OFFERED, **params)


def several(*right: str) -> Case:
    return made("classify", "text", {"labels": sorted(right)}, labels=OFFERED, multi_label=True)


def over(name: str, answers: Sequence[tuple[Case, dict[str, object] | None]]) -> float | None:
    metric = METRICS[name]
    scorer = metric.scorer([case for case, _ in answers])
    return metric.over(scorer(scored(case, output)) for case, output in answers)


@given(SINGLE)
@settings(deadline=None)
def test_one_label(pairs: list[tuple[str, str | None]]) -> None:
    right, named = zip(*pairs, strict=True)
    expected = label_scores(right, named)
    answers = [(single(one), None if name is None else labels(name)) for one, name in pairs]
    assert over("accuracy", answers) == pytest.approx(expected.accuracy)
    assert over("mcc", answers) == pytest.approx(expected.mcc)


@given(SINGLE)
@settings(deadline=None)
def test_macro_f1_of_one_label(pairs: list[tuple[str, str | None]]) -> None:
    """An answer without a label here: what a failure counts as is tested below."""
    right, named = zip(*pairs, strict=True)
    answers = [(single(one), labels(*([name] if name else []))) for one, name in pairs]
    assert over("macro_f1", answers) == pytest.approx(label_scores(right, named).macro_f1)


@given(SETS)
@settings(deadline=None)
def test_several_labels(pairs: list[tuple[frozenset[str], frozenset[str]]]) -> None:
    right, named = zip(*pairs, strict=True)
    expected = label_set_scores(right, named)
    answers = [(several(*one), labels(*name)) for one, name in pairs]
    assert over("exact_match", answers) == pytest.approx(expected.exact_match)
    counted = any(right) or any(named)
    assert over("micro_f1", answers) == pytest.approx(expected.micro_f1 if counted else 1.0)
    if any(right):
        assert over("macro_f1", answers) == pytest.approx(expected.macro_f1)
    else:
        assert over("macro_f1", answers) == (0.0 if any(named) else 1.0)


def test_published_values() -> None:
    """The examples of scikit-learn's pages on f1_score and matthews_corrcoef, as in the scorers' tests."""
    names = dict(zip("012", "abc", strict=True))
    answers = [(single(names[r]), labels(names[g])) for r, g in zip("012012", "021001", strict=True)]
    assert over("macro_f1", answers) == pytest.approx(0.26666666666666666)
    signs = {"+": "a", "-": "b"}
    answers = [(single(signs[r]), labels(signs[g])) for r, g in zip("+++-", "+-++", strict=True)]
    assert over("mcc", answers) == pytest.approx(-1 / 3)


CONFIDENT = st.lists(st.tuples(st.integers(0, 100).map(lambda percent: percent / 100), st.booleans()), min_size=1)


@given(CONFIDENT)
@settings(deadline=None)
def test_confidence(cases: list[tuple[float, bool]]) -> None:
    confidences, right = map(list, zip(*cases, strict=True))
    answers = [(single("a"), labels("a" if hit else "b", confidence=sure)) for sure, hit in cases]
    assert over("brier", answers) == pytest.approx(brier(confidences, right))
    expected = calibration_error(confidences, right, binning="equal_width")
    assert over("calibration_error", answers) == pytest.approx(expected)


@given(CONFIDENT, st.integers(0, 100).map(lambda percent: percent / 100))
@settings(deadline=None)
def test_coverage_and_risk_are_a_point_of_the_curve(cases: list[tuple[float, bool]], threshold: float) -> None:
    confidences, right = map(list, zip(*cases, strict=True))
    case = single("a", abstain_below=threshold)
    answers = [
        (case, labels("a" if hit else "b", confidence=sure) if sure >= threshold else labels(abstained=True))
        for sure, hit in cases
    ]
    point = next((one for one in reversed(risk_curve(confidences, right)) if one.threshold >= threshold), None)
    assert over("coverage", answers) == pytest.approx(point.coverage if point else 0)
    assert over("risk", answers) == pytest.approx(point.risk if point else 0)


@pytest.mark.parametrize(
    ("case", "output", "name", "expected"),
    [
        pytest.param(single("a"), labels("a"), "accuracy", 1.0, id="right"),
        pytest.param(single("a"), labels("b"), "accuracy", 0.0, id="wrong"),
        pytest.param(single("a"), labels(), "accuracy", 0.0, id="none given"),
        pytest.param(single(None), labels(), "accuracy", 1.0, id="none is right and none given"),
        pytest.param(single(None), labels("a"), "accuracy", 0.0, id="none is right and one given"),
        pytest.param(several("a"), labels("a"), "accuracy", None, id="accuracy is of one label"),
        pytest.param(single("a"), labels("a"), "exact_match", None, id="exact match is of several"),
        pytest.param(several("a", "b"), labels("b", "a"), "exact_match", 1.0, id="in any order"),
        pytest.param(several("a", "b"), labels("a"), "micro_f1", (1.0, 2.0, 1.0), id="one missing"),
        pytest.param(several("a", "b"), None, "micro_f1", (0.0, 2.0, 2.0), id="a failure names as many wrong ones"),
        pytest.param(several(), None, "micro_f1", (0.0, 0.0, 1.0), id="a failure names at least one"),
        pytest.param(single("a"), labels("a"), "brier", None, id="no confidence"),
        pytest.param(single("a"), labels("b", confidence=0.5), "brier", 0.25, id="unsure and wrong"),
        pytest.param(single("a"), labels("a"), "coverage", None, id="nobody asked to abstain"),
        pytest.param(single("a", abstain_below=0.5), None, "risk", (1.0, 1.0), id="a failure is a wrong answer"),
        pytest.param(single("a", abstain_below=0.5), labels(abstained=True), "risk", (0.0, 0.0), id="abstained"),
    ],
)
def test_one_case(case: Case, output: dict[str, object] | None, name: str, expected: Value) -> None:
    assert value(name, case, output) == expected


@pytest.mark.parametrize("name", ["accuracy", "macro_f1"])
@pytest.mark.parametrize("wrong", ["b", "d"])
def test_a_failure_is_no_better_than_a_wrong_answer(name: str, wrong: str) -> None:
    right = [(single(label), labels(label)) for label in "abc"]
    failed, answered = (over(name, [*right, (single("a"), output)]) for output in (None, labels(wrong)))
    assert failed is not None
    assert answered is not None
    assert failed <= answered < 1


def test_a_label_that_was_not_offered_is_invalid() -> None:
    case = made("classify", "text", {"labels": ["a"]}, labels=[{"name": "a"}, {"name": "b"}])
    assert over("mcc", [(case, labels("z")), (case, labels("a"))]) == label_scores("aa", [None, "a"]).mcc
    assert value("valid_output", case, labels("z")) == 0.0
    assert INVALID not in {label["name"] for label in OFFERED}


def test_counts_of_one_suite_have_one_length() -> None:
    cases = [single("a"), several("a", "b"), single(None), several()]
    for name in ("macro_f1", "mcc"):
        scorer = METRICS[name].scorer(cases)
        counts = [scorer(scored(case, output)) for case in cases for output in (labels("c"), None)]
        assert len({len(one) for one in counts if isinstance(one, tuple)}) == 1
