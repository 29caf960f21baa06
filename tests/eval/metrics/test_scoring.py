"""From outcomes to values: repeats, failures, what doesn't fit; and the mean over cases."""

import time

import pytest

from eval.datasets import Case, load_dataset
from eval.metrics.memory import overlap
from eval.metrics.metric import Kind, Metric, Value
from eval.metrics.scoring import mean_value, score_outcomes
from eval.metrics.table import metrics_of
from eval.outcomes import Failure, Outcome
from tests.conftest import ROOT
from tests.eval.metrics.answers import labels, made, perfect, summary

FAILED = Failure(code="output_invalid", message="it broke the schema")
OFFERED = [{"name": name} for name in "ab"]


def case_of(name: str, right: str = "a", **params: object) -> Case:
    case = made("classify", "text", {"labels": [right]}, labels=OFFERED, **params)
    return case.model_copy(update={"id": name})


def outcome(case: str, *given: str, variant: str = "one", repeat: int = 0) -> Outcome:
    if not given:
        return Outcome(variant=variant, case=case, repeat=repeat, error=FAILED)
    return Outcome(variant=variant, case=case, repeat=repeat, output=labels(*given))


METRICS = metrics_of("classify")
CASES = [case_of("first"), case_of("second"), case_of("third", "b")]


def test_values_by_variant_metric_and_case() -> None:
    outcomes = [outcome("second", "a"), outcome("first", "b"), outcome("first", "a", variant="two"), outcome("third")]
    found = score_outcomes(METRICS, CASES, outcomes, {})
    assert found["one"]["accuracy"] == {"first": 0.0, "second": 1.0, "third": 0.0}
    assert list(found["one"]["accuracy"]) == ["first", "second", "third"], "in the order of the cases"
    assert found["two"]["accuracy"] == {"first": 1.0}, "a case without an outcome isn't there"
    assert found["one"]["exact_match"] == {"first": None, "second": None, "third": None}
    assert set(found["one"]) == set(METRICS)


def test_repeats_are_averaged_within_the_case() -> None:
    outcomes = [outcome("first", given, repeat=number) for number, given in enumerate("aab")]
    found = score_outcomes(METRICS, CASES, [*outcomes, outcome("first", repeat=3)], {})
    assert found["one"]["accuracy"]["first"] == 0.5
    counts = found["one"]["macro_f1"]["first"]
    assert counts == pytest.approx((0.5, 0.0, 1.0, 0.0, 0.5, 0.5, 0.0)), "labels a and b: hits, right, given, others"


def test_counts_of_labels_go_by_all_cases_of_the_suite() -> None:
    found = score_outcomes(METRICS, CASES, [outcome(case.id, "a") for case in CASES], {})
    assert METRICS["macro_f1"].over(found["one"]["macro_f1"].values()) == pytest.approx((2 * 2 / (2 + 3) + 0) / 2)


def test_the_examples_are_those_of_the_variant() -> None:
    example = "the night train from Vienna was two hours late"
    case = made("summarize", "text", {"references": ["x"]})
    outcomes = [Outcome(variant=name, case="case", output=summary(example)) for name in ("with", "without")]
    found = score_outcomes(metrics_of("summarize"), [case], outcomes, {"with": [example]})
    assert found["with"]["leak_free"] == {"case": 0.0}
    assert found["without"]["leak_free"] == {"case": 1.0}


def test_a_metric_is_asked_about_its_own_tasks_only() -> None:
    cases = [case_of("first"), made("summarize", "text", {"references": ["x y"]})]
    outcomes = [outcome("first", "a"), Outcome(variant="one", case="case", output=summary("x y"))]
    found = score_outcomes({**METRICS, **metrics_of("summarize")}, cases, outcomes, {})
    assert found["one"]["accuracy"] == {"first": 1.0}
    assert found["one"]["rouge1"] == {"case": 1.0}
    assert found["one"]["answered"] == {"first": 1.0, "case": 1.0}


@pytest.mark.parametrize(
    ("outcomes", "message"),
    [
        pytest.param([outcome("other", "a")], "one: no case is called 'other'", id="unknown case"),
        pytest.param([outcome("first", "a")] * 2, "one: repeat 0 of 'first' stands twice", id="twice"),
    ],
)
def test_what_does_not_fit_is_refused(outcomes: list[Outcome], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        score_outcomes(METRICS, CASES, outcomes, {})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([1.0, 0.0], 0.5, id="numbers"),
        pytest.param([1.0, None], 1.0, id="where it is defined"),
        pytest.param([None, None], None, id="nowhere"),
        pytest.param([(1.0, 2.0), (0.0, 4.0)], (0.5, 3.0), id="counts"),
    ],
)
def test_the_mean_of_a_case(values: list[Value], expected: Value) -> None:
    assert mean_value(values) == expected


def counted(name: str = "share") -> Metric:
    return Metric(name, name, Kind.COUNTS, lambda _: None, "A share.", aggregate=lambda sums: sums[0] / sums[1])


@pytest.mark.parametrize(
    ("metric", "values", "expected"),
    [
        pytest.param(METRICS["accuracy"], [1.0, None, 0.0], 0.5, id="the mean where it is defined"),
        pytest.param(METRICS["accuracy"], [], None, id="no case"),
        pytest.param(METRICS["accuracy"], [None], None, id="nowhere defined"),
        pytest.param(counted(), [(1.0, 1.0), None, (0.0, 3.0)], 0.25, id="the ratio of sums, not the mean of ratios"),
    ],
)
def test_over_many_cases(metric: Metric, values: list[Value], expected: float | None) -> None:
    assert metric.over(values) == expected


@pytest.mark.parametrize(
    "values", [pytest.param([(1.0,), (1.0, 2.0)], id="lengths"), pytest.param([(1.0, 1.0), 1.0], id="no counts")]
)
def test_values_that_cannot_be_added_up_are_refused(values: list[Value]) -> None:
    with pytest.raises(ValueError, match=r"argument|counts"):
        counted().over(values)


def test_one_call_of_rouge_serves_all_its_metrics() -> None:
    cases = load_dataset(ROOT / "eval" / "datasets" / "summarize")[:8]
    outcomes = [Outcome(variant="one", case=case.id, output=perfect(case, 1)) for case in cases]
    overlap.cache_clear()
    score_outcomes(metrics_of("summarize"), cases, outcomes, {})
    assert overlap.cache_info().misses == len(cases)
    score_outcomes(metrics_of("summarize"), cases, outcomes, {})
    assert overlap.cache_info().misses == len(cases), "and none again"
    assert overlap.cache_info().maxsize is not None


def test_rescoring_takes_milliseconds_a_case() -> None:
    """500 outcomes in 3 s is the aim; processor time, with room for a machine that does other things."""
    cases = load_dataset(ROOT / "eval" / "datasets" / "rewrite")
    outcomes = [Outcome(variant="one", case=case.id, output=perfect(case)) for case in cases]
    metrics = metrics_of("rewrite")
    score_outcomes(metrics, cases, outcomes, {})
    start = time.process_time()
    score_outcomes(metrics, cases, outcomes, {})
    assert time.process_time() - start < 0.05 * len(cases)
