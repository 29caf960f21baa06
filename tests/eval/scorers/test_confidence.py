"""Brier score, ECE and the curve of abstention against scikit-learn and published values."""

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from eval.scorers.confidence import RiskPoint, area_under_risk, brier, calibration_error, risk_curve

CASES = st.lists(st.tuples(st.integers(0, 100).map(lambda percent: percent / 100), st.booleans()), min_size=1)


def test_published_values() -> None:
    """The examples of scikit-learn's brier_score_loss and of torchmetrics' BinaryCalibrationError (norm l1)."""
    assert brier([0.1, 0.9, 0.8, 0.3], [False, True, True, False]) == pytest.approx(0.0375)
    confidences, right = [0.25, 0.25, 0.55, 0.75, 0.75], [False, False, True, True, True]
    assert calibration_error(confidences, right, bins=2, binning="equal_width") == pytest.approx(0.29)


@given(CASES)
@settings(deadline=None)
def test_brier_is_that_of_scikit_learn(cases: list[tuple[float, bool]]) -> None:
    confidences, right = map(list, zip(*cases, strict=True))
    assert brier(confidences, right) == pytest.approx(brier_score_loss(right, confidences, pos_label=True))


@given(CASES, st.integers(1, 12))
@settings(deadline=None)
def test_equal_width_bins_are_those_of_scikit_learn(cases: list[tuple[float, bool]], bins: int) -> None:
    confidences, right = map(np.array, zip(*cases, strict=True))
    accuracy, confidence = calibration_curve(right, confidences, n_bins=bins, strategy="uniform", pos_label=True)
    counts = np.bincount(np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidences), minlength=bins)
    expected = float(np.sum(np.abs(accuracy - confidence) * counts[counts > 0]) / len(cases))
    assert calibration_error(list(confidences), list(right), bins=bins, binning="equal_width") == pytest.approx(
        expected
    )


@pytest.mark.parametrize(
    ("confidences", "right", "bins", "expected"),
    [
        pytest.param([1.0, 1.0], [True, True], 10, 0.0, id="sure and right"),
        pytest.param([1.0, 1.0], [False, False], 10, 1.0, id="sure and wrong"),
        pytest.param([0.5, 0.5], [True, False], 1, 0.0, id="as sure as right"),
        pytest.param([0.2, 0.4, 0.6, 0.8], [False, False, True, True], 2, (0.6 + 0.6) / 4, id="two bins of two"),
        pytest.param([0.3], [True], 10, 0.7, id="one case"),
        pytest.param([0.1, 0.2, 0.9], [False, True, True], 2, (0.1 + 0.9 - 0.0 + 0.0) / 3, id="bins of one and two"),
    ],
)
def test_equal_mass_bins(confidences: list[float], right: list[bool], bins: int, expected: float) -> None:
    assert calibration_error(confidences, right, bins=bins, binning="equal_mass") == pytest.approx(expected)


@given(CASES, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_cases_does_not_matter(cases: list[tuple[float, bool]], chance: random.Random) -> None:
    shuffled = list(cases)
    chance.shuffle(shuffled)
    found = [calibration_error(*map(list, zip(*some, strict=True)), bins=5) for some in (cases, shuffled)]
    assert found[0] == pytest.approx(found[1])


def test_the_curve_of_a_small_example() -> None:
    points = risk_curve([0.9, 0.6, 0.9, 0.1], [True, False, False, True])
    assert points == [RiskPoint(0.9, 0.5, 0.5), RiskPoint(0.6, 0.75, 2 / 3), RiskPoint(0.1, 1.0, 0.5)]
    assert area_under_risk(points) == pytest.approx(0.5 * 0.5 + 0.25 * 2 / 3 + 0.25 * 0.5)


@given(CASES)
@settings(deadline=None)
def test_the_curve_is_what_answering_above_each_threshold_gives(cases: list[tuple[float, bool]]) -> None:
    confidences, right = map(list, zip(*cases, strict=True))
    points = risk_curve(confidences, right)
    for point in points:
        answered = [hit for sure, hit in cases if sure >= point.threshold]
        assert point.coverage == pytest.approx(len(answered) / len(cases))
        assert point.risk == pytest.approx(answered.count(False) / len(answered))
    assert all(one.threshold > other.threshold for one, other in pairwise(points))
    assert points[-1].coverage == 1
    assert 0 <= area_under_risk(points) <= 1


def test_confidence_that_tells_nothing_has_the_error_rate_as_area() -> None:
    assert area_under_risk(risk_curve([0.5] * 4, [True, False, True, True])) == pytest.approx(0.25)
    assert area_under_risk([]) == 0


@pytest.mark.parametrize(
    ("confidences", "right", "message"),
    [
        pytest.param([], [], "at least one", id="no case"),
        pytest.param([0.5], [True, False], "as many confidences", id="lengths"),
        pytest.param([1.5], [True], "outside 0 to 1", id="above one"),
        pytest.param([float("nan")], [True], "outside 0 to 1", id="not a number"),
    ],
)
def test_what_is_no_confidence_is_refused(confidences: list[float], right: list[bool], message: str) -> None:
    for score in (brier, calibration_error, risk_curve):
        with pytest.raises(ValueError, match=message):
            score(confidences, right)


def test_bins_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match="bins must be at least 1, not 0"):
        calibration_error([0.5], [True], bins=0)
