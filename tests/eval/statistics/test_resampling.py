"""The bootstrap, sign flips and metrics of totals against scipy, scikit-learn and full enumeration."""

import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import f1_score

from eval.scorers.classification import label_set_scores
from eval.statistics.bootstrap import bca
from eval.statistics.permutation import flip
from eval.statistics.resampled import Counted, counted, label_counts, macro_f1, micro_f1, ratio

LABELS = ["a", "b", "c"]


def means(differences: list[float]) -> Counted:
    return counted([(0.0, 1.0)] * len(differences), [(value, 1.0) for value in differences], ratio)


def drawn(cases: int, seed: int = 1) -> list[float]:
    return [float(value) for value in np.random.default_rng(seed).exponential(0.3, cases) - 0.2]


def test_bca_is_that_of_scipy() -> None:
    differences = drawn(60)
    ours = bca(means(differences), 0.05, resamples=40_000)
    chance = np.random.default_rng(2)
    theirs = stats.bootstrap((differences,), np.mean, n_resamples=40_000, confidence_level=0.9, rng=chance)
    assert ours is not None
    assert tuple(ours) == pytest.approx(tuple(theirs.confidence_interval), abs=0.003)


def test_bca_of_f1_is_that_of_scipy() -> None:
    chance = np.random.default_rng(5)
    rows = [tuple(map(float, (min(one), *one))) for one in chance.integers(0, 4, (80, 2))]
    others = [tuple(map(float, (min(one), *one))) for one in chance.integers(0, 4, (80, 2))]

    def difference(places: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]") -> float:
        return float(micro_f1(np.array(others)[places].sum(0)) - micro_f1(np.array(rows)[places].sum(0)))

    theirs = stats.bootstrap(
        (np.arange(80),), difference, n_resamples=5_000, confidence_level=0.9, vectorized=False, rng=chance
    )
    ours = bca(counted(rows, others, micro_f1), 0.05)
    assert ours is not None
    assert tuple(ours) == pytest.approx(tuple(theirs.confidence_interval), abs=0.012)


@pytest.mark.parametrize("value", [0.0, 0.25, -1.0])
def test_bca_of_equal_differences_is_not_defined(value: float) -> None:
    assert bca(means([value] * 60)) is None
    assert bca(means([value])) is None


def test_the_p_value_is_that_of_scipy() -> None:
    differences = drawn(12, 4)
    theirs = stats.permutation_test(
        (differences, np.zeros(12)), lambda a, b, axis: (a - b).mean(axis), vectorized=True,
        permutation_type="samples", alternative="less", n_resamples=np.inf,
    )  # fmt: skip
    assert flip(means(differences)).p_value == pytest.approx(theirs.pvalue, abs=0.015)


def test_the_interval_holds_what_the_test_does_not_reject() -> None:
    """The test inverted by search, over every subset of eleven cases."""
    differences = drawn(11, 3)
    signs = np.array(list(itertools.product([1, -1], repeat=11)))

    def p_value(shift: float) -> float:
        moved = np.array(differences) - shift
        return float((signs @ moved >= moved.sum() - 1e-12).mean())

    interval = flip(means(differences), flips=60_000).interval(0.05)
    assert interval is not None
    assert p_value(interval.lower - 0.01) <= 0.05 < p_value(interval.lower + 0.01)
    assert 1 - p_value(interval.upper + 0.01) < 0.051
    assert 1 - p_value(interval.upper - 0.01) > 0.05 - 0.02


def test_so_few_cases_that_nothing_can_be_rejected_have_no_interval() -> None:
    assert flip(means([0.1, 0.2, 0.3, 0.2])).interval(0.05) is None
    assert flip(means([0.1, 0.2, 0.3, 0.2, 0.1])).interval(0.05) is not None


def test_exchanging_the_sides_turns_the_test() -> None:
    differences = drawn(40)
    p_value, turned = flip(means(differences)).p_value, flip(means([-value for value in differences])).p_value
    assert p_value + turned == pytest.approx(1.0, abs=0.02)


@given(st.integers(0, 2**32), st.integers(2, 60))
@settings(max_examples=10, deadline=None)
def test_the_order_of_cases_does_not_matter(seed: int, cases: int) -> None:
    rows = [tuple(float(number) for number in row) for row in np.random.default_rng(seed).integers(0, 4, (cases, 6))]
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)
    one, other = (counted([row[:3] for row in some], [row[3:] for row in some], micro_f1) for some in (rows, shuffled))
    assert bca(one, resamples=200) == bca(other, resamples=200)
    assert flip(one, flips=199).p_value == flip(other, flips=199).p_value


@given(st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=2, max_size=30))
def test_what_a_case_contributes_to_a_mean_is_its_difference(differences: list[float]) -> None:
    assert sorted(means(differences).values) == pytest.approx(sorted(differences), abs=1e-9)


@given(st.lists(st.tuples(st.sets(st.sampled_from(LABELS)), st.sets(st.sampled_from(LABELS))), min_size=1))
@settings(deadline=None)
def test_totals_give_the_scores_of_label_sets(cases: list[tuple[set[str], set[str]]]) -> None:
    totals = np.array([label_counts(right, named, LABELS) for right, named in cases]).sum(0)
    scores = label_set_scores([right for right, _ in cases], [named for _, named in cases])
    assert float(macro_f1(totals)) == pytest.approx(scores.macro_f1)
    assert float(micro_f1(totals.reshape(-1, 3).sum(0))) == pytest.approx(scores.micro_f1)


def test_macro_f1_is_that_of_scikit_learn() -> None:
    chance = random.Random(1)
    right, named = ([chance.choice(LABELS) for _ in range(60)] for _ in range(2))
    totals = np.array([label_counts([one], [other], LABELS) for one, other in zip(right, named, strict=True)]).sum(0)
    assert float(macro_f1(totals)) == pytest.approx(f1_score(right, named, average="macro"))


def test_totals_of_nothing_score_nothing() -> None:
    nothing = np.zeros((2, 3))
    assert list(micro_f1(nothing)) == list(macro_f1(nothing)) == list(ratio(nothing)) == [0.0, 0.0]
