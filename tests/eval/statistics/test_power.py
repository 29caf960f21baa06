"""McNemar's test, Holm's correction and power against scipy, R and the design's own figures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, norm

from eval.statistics.holm import holm
from eval.statistics.mcnemar import mcnemar
from eval.statistics.power import cases_for, detectable_difference, detectable_loss, mcnemar_power


@pytest.mark.parametrize(
    ("lost", "gained", "expected"),
    [
        pytest.param(0, 0, 1.0, id="nothing changed"),
        pytest.param(0, 5, 1.0, id="only gained"),
        pytest.param(5, 0, 1 / 32, id="only lost: 2^-5"),
        pytest.param(8, 3, 232 / 2048, id="8 of 11: (165 + 55 + 11 + 1) / 2^11"),
        pytest.param(4, 0, 0.0625, id="four cases can't show a loss"),
    ],
)
def test_mcnemar_counts_outcomes(lost: int, gained: int, expected: float) -> None:
    assert mcnemar(lost, gained) == pytest.approx(expected)


def test_holm_is_that_of_r() -> None:
    """p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") and the same with equal ones, in R."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.5, 0.02]) == pytest.approx([1.0, 1.0, 0.06])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_the_p_values_and_bonferroni(p_values: list[float]) -> None:
    for p_value, adjusted in zip(p_values, holm(p_values), strict=True):
        assert p_value <= adjusted <= max(1.0, p_value)
        assert adjusted <= len(p_values) * max(p_values)
    assert min(holm(p_values)) == pytest.approx(min(1.0, len(p_values) * min(p_values)))


@pytest.mark.parametrize(("cases", "stated"), [(100, 0.32), (200, 0.63), (500, 0.96)])
def test_the_power_that_the_design_states(cases: int, stated: float) -> None:
    """8 % lost, 3 % gained, one-sided at 5 %."""
    assert mcnemar_power(cases, 0.08, 0.03) == pytest.approx(stated, abs=0.01)


@pytest.mark.parametrize(("cases", "lost", "gained", "level"), [(40, 0.1, 0.02, 0.05), (25, 0.3, 0.1, 0.05 / 6)])
def test_power_is_the_sum_over_all_tables(cases: int, lost: float, gained: float, level: float) -> None:
    total = sum(
        binom.pmf(changed, cases, lost + gained) * binom.pmf(number, changed, lost / (lost + gained))
        for changed in range(1, cases + 1)
        for number in range(changed + 1)
        if mcnemar(number, changed - number) <= level
    )
    assert mcnemar_power(cases, lost, gained, level) == pytest.approx(total, rel=1e-9)


def test_the_detectable_loss_is_found_as_often_as_said() -> None:
    loss = detectable_loss(200, 0.11)
    assert loss is not None
    assert mcnemar_power(200, (0.11 + loss) / 2, (0.11 - loss) / 2) == pytest.approx(0.8, abs=0.001)
    fewer = detectable_loss(100, 0.11)
    assert fewer is not None
    assert fewer > loss


def test_a_loss_beyond_what_changes_is_all_lost() -> None:
    loss = detectable_loss(100, 0.0)
    assert loss is not None
    assert mcnemar_power(100, loss, 0.0) == pytest.approx(0.8, abs=0.001)


def test_four_cases_show_no_loss() -> None:
    assert detectable_loss(4, 0.5) is None


def test_nothing_that_changes_has_no_power() -> None:
    assert mcnemar_power(100, 0.0, 0.0) == 0.0
    with pytest.raises(ValueError, match="shares of all cases"):
        mcnemar_power(100, 0.8, 0.3)


def test_the_detectable_difference_is_the_textbook_one() -> None:
    """(1.645 + 0.842) standard errors."""
    assert detectable_difference(100, 0.5) == pytest.approx((norm.ppf(0.95) + norm.ppf(0.8)) * 0.05)


@pytest.mark.parametrize(
    ("difference", "margin", "expected"),
    [
        pytest.param(0.0, 0.05, 223, id="equal: ((1.645 + 0.842) * 0.3 / 0.05)^2"),
        pytest.param(-0.04, 0.05, 348, id="a loss within the margin: is it one at all"),
        pytest.param(-0.05, 0.05, 223, id="a loss of the margin"),
        pytest.param(0.05, 0.05, 56, id="better"),
        pytest.param(0.0, 0.0, None, id="equal, and no margin"),
    ],
)
def test_cases_that_would_settle_it(difference: float, margin: float, expected: int | None) -> None:
    assert cases_for(difference, margin, 0.3) == expected


def test_a_loss_among_several_tests_needs_more_cases_and_a_pass_does_not() -> None:
    alone, among = cases_for(-0.09, 0.1, 0.3), cases_for(-0.09, 0.1, 0.3, loss_level=0.05 / 6)
    assert (alone, among) == (69, 117)
    assert cases_for(0.05, 0.1, 0.3) == cases_for(0.05, 0.1, 0.3, loss_level=0.05 / 6)
    # Where telling the loss needs more than telling that it is within the margin, the latter counts.
    assert cases_for(-0.049, 0.1, 0.3, loss_level=0.05 / 6) == cases_for(-0.049, 0.1, 0.3)
