"""Reports of runs: scores with intervals, verdicts, flipped cases, bounds; repeats are averaged within a case."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from chains.prompts.lifecycle.evidence import Verdict
from chains.result import Usage
from eval.comparison import build_report, score_run
from eval.datasets import Case
from eval.outcomes import Failure, Outcome, Source
from eval.report import Comparison, Report
from eval.run_file import RunHeader
from tests.eval.planted import cases_of, suite_of

DIGEST = "sha256:" + "0" * 64
CASES = [Case.model_validate(case) for case in cases_of(40)]

Answer = Callable[[Case, int], str | None]


def good(case: Case, repeat: int) -> str:
    return str(case.expected["references"][0])


def header(names: Sequence[str], repeats: int = 1) -> RunHeader:
    variants = [
        {
            "name": name,
            "task": "summarize",
            "version": "1.3.0",
            "digest": DIGEST,
            "backend": "b",
            "kind": "scripted",
            "model": "m",
            "model_digest": DIGEST,
        }
        for name in names
    ]
    return RunHeader.model_validate(
        {
            "suite": "try",
            "suite_digest": DIGEST,
            "datasets": [{"name": "summarize", "digest": DIGEST, "cases": len(CASES)}],
            "repeats": repeats,
            "variants": variants,
            "copydesk": "0.1.0",
            "created_at": datetime(2026, 11, 30, tzinfo=UTC),
        }
    )


def outcome(name: str, case: Case, repeat: int, text: str | None, **others: Any) -> Outcome:
    output: dict[str, Any] = {"summary": text, "shortened": False, "unsupported": [], "coverage": {"chunks": 1}}
    failure = Failure(code="output_invalid", message="no text")
    answered: dict[str, Any] = {"error": failure} if text is None else {"output": output}
    return Outcome(variant=name, case=case.id, repeat=repeat, **answered, **others)


def report_of(
    answers: Mapping[str, Answer], *, repeats: int = 1, cases: Sequence[Case] = CASES, **suite: Any
) -> Report:
    outcomes = [
        outcome(name, case, repeat, answer(case, repeat))
        for name, answer in answers.items()
        for case in cases
        for repeat in range(repeats)
    ]
    names = list(answers)
    scored = score_run(suite_of(**suite), header(names, repeats), cases, outcomes)
    return build_report(scored, [(names[0], other) for other in names[1:]])


def failing(every: int) -> Answer:
    """Fails in one of so many cases."""
    return lambda case, repeat: None if int(case.id[-3:]) % every == 0 else good(case, repeat)


def only(report: Report) -> Comparison:
    (comparison,) = report.comparisons
    return comparison


@pytest.mark.parametrize(
    ("candidate", "verdict", "worse", "better"),
    [
        pytest.param(good, Verdict.PASS, 0, 0, id="equal"),
        pytest.param(failing(2), Verdict.REGRESSED, 20, 0, id="fails in half of the cases"),
        pytest.param(failing(14), Verdict.INCONCLUSIVE, 3, 0, id="fails in three cases"),
    ],
)
def test_the_verdict_is_that_of_the_gated_metrics(candidate: Answer, verdict: Verdict, worse: int, better: int) -> None:
    report = report_of({"a": good, "b": candidate}, metrics={"answered": {"gate": True}, "rouge1": {}})
    comparison = only(report)
    assert (report.verdict, comparison.verdict) == (verdict, verdict)
    assert [flip.is_worse for flip in comparison.flips] == [True] * worse + [False] * better
    answered, rouge = comparison.metrics
    assert (answered.gated, rouge.gated) == (True, False)
    assert answered.lower <= answered.difference <= answered.upper
    assert answered.difference == pytest.approx(-worse / 40)
    if verdict is Verdict.INCONCLUSIVE:
        assert answered.detectable is not None or answered.cases_needed is not None


def test_a_better_candidate_passes_and_shows_its_gains() -> None:
    comparison = only(report_of({"a": failing(2), "b": good}))
    assert comparison.verdict is Verdict.PASS
    assert {flip.is_worse for flip in comparison.flips} == {False}
    assert comparison.flips[0].before == "[output_invalid]"
    assert comparison.flips[0].after.startswith("The council closes bridge")


def test_a_metric_that_is_only_reported_decides_nothing() -> None:
    report = report_of({"a": good, "b": failing(2)}, metrics={"valid_output": {"gate": False}, "rouge1": {}})
    assert report.verdict is Verdict.INCONCLUSIVE  # nothing is gated: nothing was found out
    assert only(report).flips == ()


def test_a_lower_value_is_better_where_the_metric_says_so() -> None:
    def long(case: Case, repeat: int) -> str:
        return case.input.text

    comparison = only(report_of({"a": good, "b": long}, metrics={"compression": {"gate": True, "margin": 0.01}}))
    (metric,) = comparison.metrics
    assert metric.candidate > metric.baseline
    assert metric.difference < 0
    assert all(flip.is_worse for flip in comparison.flips)


def test_repeats_are_one_case() -> None:
    """A case that fails in one of four repeats counts a quarter, and as one case."""

    def sometimes(case: Case, repeat: int) -> str | None:
        return None if repeat == 0 else good(case, repeat)

    report = report_of({"a": good, "b": sometimes}, repeats=4)
    (metric,) = only(report).metrics
    assert (metric.cases, metric.baseline, metric.candidate) == (40, 1.0, 0.75)
    assert {flip.candidate for flip in only(report).flips} == {0.75}
    assert report.cases[0].answers[1].error is not None  # the first repeat's
    assert report.variants[1].failures == {"output_invalid": 40}


def test_a_metric_that_no_case_has_is_inconclusive() -> None:
    report = report_of({"a": good, "b": good}, metrics={"forbidden_absent": {"gate": True}})
    (metric,) = only(report).metrics
    assert (metric.cases, metric.left_out, metric.verdict) == (0, 40, Verdict.INCONCLUSIVE)
    assert report.variants[0].scores[0].value is None


def test_under_thirty_cases_nothing_is_settled() -> None:
    assert report_of({"a": good, "b": good}, cases=CASES[:29]).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("bound", "kept", "verdict"),
    [
        ({"at_least": 0.5}, True, Verdict.PASS),
        ({"at_least": 0.51}, False, Verdict.REGRESSED),
        ({"at_most": 0.5}, True, Verdict.PASS),
        ({"at_most": 0.49}, False, Verdict.REGRESSED),
        ({"at_least": 0.4, "at_most": 0.6}, True, Verdict.PASS),
    ],
)
def test_bounds_hold_whatever_the_baseline_has(bound: dict[str, float], kept: bool, verdict: Verdict) -> None:
    report = report_of({"a": failing(2), "b": failing(2)}, thresholds={"answered": bound})
    assert [(result.variant, result.value, result.kept) for result in report.thresholds] == [
        ("a", 0.5, kept),
        ("b", 0.5, kept),
    ]
    assert report.verdict is verdict
    alone = report_of({"a": failing(2)}, thresholds={"answered": bound})
    assert alone.verdict is verdict


def test_only_the_judged_variants_bounds_decide() -> None:
    outcomes = [outcome("a", case, 0, failing(2)(case, 0)) for case in CASES]
    outcomes += [outcome("b", case, 0, good(case, 0)) for case in CASES]
    suite = suite_of(thresholds={"answered": {"at_least": 0.9}})
    scored = score_run(suite, header(["a", "b"]), CASES, outcomes)
    assert build_report(scored, [("a", "b")], ["b"]).verdict is Verdict.PASS
    assert build_report(scored, [("a", "b")]).verdict is Verdict.REGRESSED


def test_a_bound_of_what_no_case_has_isnt_kept() -> None:
    report = report_of({"a": good}, thresholds={"forbidden_absent": {"at_least": 0.1}})
    assert [(result.value, result.kept) for result in report.thresholds] == [(None, False)]


def test_without_comparisons_and_bounds_there_is_no_verdict() -> None:
    report = report_of({"a": good})
    assert (report.verdict, report.comparisons, report.thresholds) == (None, (), ())


def test_costs_and_times_are_of_the_variant() -> None:
    usage = Usage(input_tokens=10, output_tokens=3, model_calls=1)
    outcomes = [
        outcome("a", case, 0, "x", usage=usage, cost_nano_usd=7, total_ms=place, source=Source.RECORDED)
        for place, case in enumerate(CASES, 1)
    ]
    found = build_report(score_run(suite_of(), header(["a"]), CASES, outcomes), []).variants[0]
    assert found.usage == Usage(input_tokens=400, output_tokens=120, model_calls=40)
    assert (found.cost_nano_usd, found.median_ms, found.p95_ms, found.source) == (280, 20.5, 38, Source.RECORDED)


@pytest.mark.parametrize("name", ["answered", "rouge1"])
def test_a_score_has_an_interval_around_it(name: str) -> None:
    report = report_of({"a": failing(3)}, metrics={name: {}})
    score = report.variants[0].scores[0]
    assert score.value is not None
    assert score.lower is not None
    assert score.upper is not None
    assert score.lower < score.value < score.upper
    assert 0.1 < score.upper - score.lower < 0.5


def test_a_report_is_read_back_from_its_json() -> None:
    report = report_of({"a": good, "b": failing(3)}, metrics={"answered": {"gate": True}, "rouge1": {}})
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_the_same_outcomes_give_the_same_report() -> None:
    first, second = (
        report_of({"a": good, "b": failing(3)}, metrics={"answered": {"gate": True}, "rouge1": {"gate": True}})
        for _ in range(2)
    )
    assert first.model_dump_json() == second.model_dump_json()


CLASSIFY = [
    Case.model_validate(
        {
            "id": f"case-{number:03}",
            "task": "classify",
            "input": {"text": "x", "params": {"labels": [{"name": "a"}, {"name": "b"}]}},
            "expected": {"labels": ["ab"[number % 2]]},
        }
    )
    for number in range(60)
]


def test_metrics_of_counts_are_compared_by_their_totals() -> None:
    """F1 of all cases together: the mean of the cases' own values would be another number."""

    def given(name: str, case: Case, number: int) -> Outcome:
        right = case.expected["labels"][0]
        label = "a" if name == "b" and number % 3 == 0 else right
        output: dict[str, Any] = {
            "labels": [{"name": label}],
            "abstained": False,
            "confidence_method": "none",
            "chunks": 1,
        }
        return Outcome(variant=name, case=case.id, output=output)

    outcomes = [given(name, case, number) for name in ("a", "b") for number, case in enumerate(CLASSIFY)]
    suite = suite_of(task="classify", metrics={"macro_f1": {"gate": True}})
    report = build_report(score_run(suite, header(["a", "b"]), CLASSIFY, outcomes), [("a", "b")])
    (metric,) = only(report).metrics
    # b: 30 cases are a, 10 of the 30 others are called a as well: F1(a) = 60/70, F1(b) = 40/50
    assert metric.baseline == 1
    assert metric.candidate == pytest.approx((60 / 70 + 40 / 50) / 2)
    assert metric.verdict is Verdict.REGRESSED
    assert {flip.is_worse for flip in only(report).flips} == {True}
    score = report.variants[1].scores[0]
    assert score.value == pytest.approx(metric.candidate)
    assert score.lower is not None
    assert score.lower < metric.candidate


def test_a_threshold_of_what_no_case_has_settles_nothing() -> None:
    found = report_of({"a": good}, thresholds={"form": {"at_least": 0.5}})
    assert [(bound.value, bound.kept) for bound in found.thresholds] == [(None, False)]
    assert found.verdict is Verdict.INCONCLUSIVE
