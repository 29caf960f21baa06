"""What is concluded, from the clear cases to those with nothing to conclude from."""

import subprocess
import sys
from math import nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.statistics.paired import Kind, Value, averaged, default_margin
from eval.statistics.resampled import micro_f1
from eval.statistics.verdict import Comparison, Paired, Verdict, compare, compare_all, overall


def binary(both: int, lost: int, gained: int, neither: int, **settings: object) -> Paired:
    sides = [(1, 1)] * both + [(1, 0)] * lost + [(0, 1)] * gained + [(0, 0)] * neither
    return Paired("right", "binary", [one for one, _ in sides], [other for _, other in sides], **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("paired", "verdict", "note"),
    [
        pytest.param(binary(180, 2, 2, 16), Verdict.PASS, "", id="hardly a change in 200"),
        pytest.param(binary(20, 0, 0, 20), Verdict.PASS, "", id="no change in 40"),
        pytest.param(binary(20, 0, 0, 20, margin=0.05), Verdict.INCONCLUSIVE, "", id="no change in 40, margin 5"),
        pytest.param(binary(60, 30, 0, 10), Verdict.REGRESSED, "", id="30 of 100 lost"),
        pytest.param(
            binary(900, 25, 5, 70), Verdict.PASS, "worse, within the margin", id="2 points lost in 1,000, margin 5"
        ),
        pytest.param(binary(900, 25, 5, 70, margin=0.01), Verdict.REGRESSED, "", id="2 points lost in 1,000, margin 1"),
        pytest.param(binary(60, 8, 3, 29), Verdict.INCONCLUSIVE, "", id="5 points lost in 100"),
        pytest.param(binary(10, 10, 0, 9), Verdict.INCONCLUSIVE, "fewer than 30 cases", id="29 cases, 10 lost"),
        pytest.param(binary(10, 11, 0, 9), Verdict.REGRESSED, "", id="30 cases, 11 lost"),
        pytest.param(binary(29, 0, 0, 0), Verdict.INCONCLUSIVE, "fewer than 30 cases", id="29 cases, no change"),
        pytest.param(binary(0, 0, 20, 20), Verdict.PASS, "", id="20 of 40 gained"),
        pytest.param(
            binary(56, 4, 0, 40, margin=0.0),
            Verdict.INCONCLUSIVE,
            "worse by its interval, not by its test",
            id="4 of 100 lost: no test shows that",
        ),
    ],
)
def test_a_metric_of_right_and_wrong(paired: Paired, verdict: Verdict, note: str) -> None:
    found = compare(paired)
    assert (found.verdict, found.note) == (verdict, note)
    assert (found.cases_needed is None) == (verdict is not Verdict.INCONCLUSIVE)


def turned(values: list[float]) -> list[Value]:
    return [-value for value in values]


BEFORE = [0.5 + 0.004 * (number * 37 % 100) for number in range(100)]
NOISE = [0.1 * ((number * 61 % 100) / 99 - 0.5) for number in range(100)]


@pytest.mark.parametrize(
    ("shift", "cases", "verdict"),
    [
        pytest.param(0.0, 100, Verdict.PASS, id="as good"),
        pytest.param(-0.3, 100, Verdict.REGRESSED, id="much worse"),
        pytest.param(-0.03, 100, Verdict.PASS, id="worse, within the margin"),
        pytest.param(-0.1, 100, Verdict.REGRESSED, id="worse by the margin"),
        pytest.param(-0.3, 40, Verdict.REGRESSED, id="much worse in 40"),
        pytest.param(0.1, 40, Verdict.PASS, id="better in 40"),
        pytest.param(-0.3, 29, Verdict.INCONCLUSIVE, id="much worse in 29"),
    ],
)
def test_a_metric_of_means(shift: float, cases: int, verdict: Verdict) -> None:
    now = [before + noise + shift for before, noise in zip(BEFORE, NOISE, strict=True)]
    found = compare(Paired("rouge", "continuous", BEFORE[:cases], now[:cases]))
    assert found.verdict is verdict
    lower_is_better = compare(
        Paired("errors", "continuous", turned(BEFORE[:cases]), turned(now[:cases]), higher_is_better=False)
    )
    assert lower_is_better.verdict is verdict
    assert lower_is_better.difference == pytest.approx(found.difference)
    assert lower_is_better.candidate == pytest.approx(-(found.candidate or 0))


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        pytest.param((2.0, 2.0, 2.0), Verdict.PASS, id="as good"),
        pytest.param((1.0, 2.0, 2.0), Verdict.REGRESSED, id="half of the entities"),
        pytest.param((0.0, 0.0, 2.0), Verdict.REGRESSED, id="none"),
    ],
)
@pytest.mark.parametrize("cases", [40, 60])
def test_a_metric_of_totals(now: tuple[float, ...], verdict: Verdict, cases: int) -> None:
    before = [(2.0, 2.0, 2.0), (1.0, 2.0, 2.0)] * (cases // 2)
    candidate = [now, (1.0, 2.0, 2.0)] * (cases // 2)
    assert compare(Paired("f1", "counts", before, candidate, score=micro_f1)).verdict is verdict


def test_a_rate_of_errors_is_better_the_lower_it_is() -> None:
    errors = binary(0, 40, 2, 60, higher_is_better=False)
    found = compare(errors)
    assert found.verdict is Verdict.PASS
    assert found.difference == pytest.approx(38 / 102)
    assert found.baseline == pytest.approx(40 / 102)
    assert found.candidate == pytest.approx(2 / 102)
    assert compare(binary(0, 2, 40, 60, higher_is_better=False)).verdict is Verdict.REGRESSED


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        pytest.param("binary", [], id="no cases"),
        pytest.param("continuous", [None, None], id="nothing defined"),
        pytest.param("counts", [None], id="no counts"),
    ],
)
def test_without_cases_there_are_no_numbers(kind: Kind, values: list[Value]) -> None:
    found = compare(Paired("none", kind, values, values, score=micro_f1 if kind == "counts" else None))
    assert (found.verdict, found.cases, found.left_out) == (Verdict.INCONCLUSIVE, 0, len(values))
    assert found.difference is None
    assert found.metric() is None
    assert found.note.startswith("no case where both are defined")


@pytest.mark.parametrize("cases", [1, 2, 4, 30, 50, 250])
@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param(0.0, 0.0, id="all wrong"),
        pytest.param(1.0, 1.0, id="all right"),
        pytest.param(1.0, 0.0, id="all lost"),
        pytest.param(0.0, 1.0, id="all gained"),
        pytest.param(0.5, 0.5, id="all equal"),
        pytest.param(0.5, 0.25, id="all as much worse"),
    ],
)
def test_where_all_cases_are_alike(cases: int, before: float, now: float) -> None:
    kinds: list[Kind] = ["binary", "continuous"]
    for kind in kinds:
        found = compare(Paired("alike", kind, [before] * cases, [now] * cases))
        assert_fits_a_record(found)
        if cases < 30:
            assert found.verdict is Verdict.INCONCLUSIVE
        else:
            assert found.verdict is (Verdict.REGRESSED if now < before else Verdict.PASS)


def test_pairs_with_an_undefined_value_are_left_out_and_told() -> None:
    before: list[Value] = [*[1.0] * 30, None, 1.0, None]
    now: list[Value] = [*[1.0] * 30, 1.0, None, None]
    found = compare(Paired("some", "continuous", before, now))
    assert (found.cases, found.left_out) == (30, 3)
    assert found.note == "3 of 33 cases left out, for they have no value"


def test_averaged_repeats_of_right_and_wrong_are_compared_by_their_means() -> None:
    repeats = [averaged([True, True, False]), averaged([True, None]), averaged([None]), *[1.0] * 40]
    assert repeats[:3] == [pytest.approx(2 / 3), 1.0, None]
    found = compare(Paired("right", "binary", repeats, repeats))
    assert found.method.startswith("permutation")
    assert averaged([(1.0, 2.0), (2.0, 4.0)]) == (1.5, 3.0)


def test_the_margin_is_wider_for_few_cases() -> None:
    assert [default_margin(cases) for cases in (1, 199, 200, 5000)] == [0.10, 0.10, 0.05, 0.05]
    assert compare(Paired("bleu", "continuous", [50.0] * 40, [50.0] * 40, span=100)).margin == 10
    assert compare(Paired("right", "binary", [*[None] * 160, *[1.0] * 40], [1.0] * 200)).margin == 0.05


@pytest.mark.parametrize(
    ("given_values", "problem"),
    [
        pytest.param({"baseline": [1], "candidate": []}, "1 values of the baseline, 0", id="lengths"),
        pytest.param({"baseline": [nan], "candidate": [1]}, "must be finite", id="not a number"),
        pytest.param({"baseline": [(1.0,)], "candidate": [1]}, "no value of the kind", id="a row for a number"),
        pytest.param({"margin": -0.1}, "margin", id="negative margin"),
        pytest.param({"span": 0}, "span", id="no span"),
        pytest.param({"kind": "counts"}, "need a score", id="counts without a score"),
        pytest.param({"score": micro_f1}, "need a score", id="a score without counts"),
        pytest.param(
            {"kind": "counts", "score": micro_f1, "baseline": [(1.0, 1.0)], "candidate": [(1.0, 1.0, 1.0)]},
            "as many as the others",
            id="ragged counts",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(given_values: dict[str, object], problem: str) -> None:
    values = {"name": "some", "kind": "binary", "baseline": [1], "candidate": [1], **given_values}
    with pytest.raises(ValueError, match=f"^some: .*{problem}"):
        Paired(**values)  # type: ignore[arg-type]


def test_one_of_many_metrics_has_to_be_clearer() -> None:
    """Seven of seven lost has p = 0.008: enough for one metric and for six, not for seven."""
    lost, same = binary(58, 7, 0, 35, margin=0.01), binary(50, 2, 2, 46, margin=0.01)
    assert compare(lost).verdict is Verdict.REGRESSED
    assert compare_all([lost, *[same] * 5])[0].verdict is Verdict.REGRESSED
    found = compare_all([lost, *[same] * 6])
    assert found[0].verdict is Verdict.INCONCLUSIVE
    assert found[0].note == "worse by its interval, not by its test corrected for 7 metrics"
    assert found[0].adjusted == pytest.approx(7 / 128)


def test_metrics_that_are_not_tested_cost_the_others_nothing() -> None:
    lost, short = binary(58, 7, 0, 35, margin=0.01), binary(10, 0, 0, 10)
    assert compare_all([lost, *[short] * 10])[0].verdict is Verdict.REGRESSED


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        pytest.param([], "UNEVALUATED", id="none"),
        pytest.param(["PASS", "PASS"], "PASS", id="all pass"),
        pytest.param(["PASS", "INCONCLUSIVE"], "INCONCLUSIVE", id="one unknown"),
        pytest.param(["INCONCLUSIVE", "REGRESSED", "PASS"], "REGRESSED", id="one worse"),
    ],
)
def test_all_metrics_together(verdicts: list[str], expected: str) -> None:
    cases = {"PASS": binary(250, 0, 0, 0), "REGRESSED": binary(10, 200, 0, 40), "INCONCLUSIVE": binary(5, 5, 5, 5)}
    assert overall([compare(cases[verdict]) for verdict in verdicts]) is Verdict(expected)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=80),
    st.sampled_from([0.0, 0.05, 0.3]),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_what_comes_out_fits_a_record(values: list[tuple[int, int]], margin: float, up: bool) -> None:
    before, now = [one / 4 for one, _ in values], [other / 4 for _, other in values]
    gated = [
        Paired("mean", "continuous", before, now, margin, up),
        Paired("right", "binary", [one > 0.5 for one in before], [one > 0.5 for one in now], margin, up),
        Paired(
            "f1", "counts", [(min(one, 2), one, 2) for one, _ in values], [(min(one, 2), one, 2) for _, one in values],
            margin, up, score=micro_f1,
        ),
    ]  # fmt: skip
    for found in compare_all(gated):
        assert_fits_a_record(found)


def assert_fits_a_record(found: Comparison) -> None:
    metric = found.metric()
    assert metric is not None
    assert metric.lower <= metric.difference <= metric.upper
    assert 0 < (found.p_value or 0) <= (found.adjusted or 0) <= 1
    if found.cases < 30:
        assert found.verdict is Verdict.INCONCLUSIVE
    if found.cases_needed:
        assert found.cases_needed > found.cases or found.cases_needed == 30


def test_no_library_is_loaded_on_import() -> None:
    code = """
import importlib, pkgutil, sys
import eval.statistics
for found in pkgutil.iter_modules(eval.statistics.__path__):
    importlib.import_module(f"eval.statistics.{found.name}")
print(*sorted({"sklearn", "scipy", "numpy"} & set(sys.modules)))
"""
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == ""
