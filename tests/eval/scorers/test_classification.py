"""Label scores against published values and the formulas themselves."""

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from eval.scorers.classification import INVALID, label_scores, label_set_scores

LABELS = st.sampled_from("abc")
CASES = st.lists(st.tuples(LABELS, st.one_of(LABELS, st.none())), min_size=1, max_size=12)
SETS = st.lists(st.tuples(st.frozensets(LABELS), st.frozensets(st.sampled_from("abcd"))), min_size=1, max_size=12)


def test_published_values() -> None:
    """The examples of scikit-learn's pages on f1_score, confusion_matrix and matthews_corrcoef."""
    assert label_scores("012012", "021001").macro_f1 == pytest.approx(0.26666666666666666)
    animals = label_scores(["cat", "ant", "cat", "cat", "ant", "bird"], ["ant", "ant", "cat", "cat", "ant", "cat"])
    assert animals.confusion == {
        ("ant", "ant"): 2, ("bird", "cat"): 1, ("cat", "ant"): 1, ("cat", "cat"): 2,
    }  # fmt: skip
    assert label_scores("+++-", "+-++").mcc == pytest.approx(-1 / 3)


@given(CASES)
@settings(deadline=None)
def test_accuracy_and_macro_f1_are_their_formulas(cases: list[tuple[str, str | None]]) -> None:
    right, named = zip(*cases, strict=True)
    f1s = []
    for label in set(right):
        hits = sum(pair == (label, label) for pair in cases)
        f1s.append(2 * hits / (right.count(label) + named.count(label)))
    found = label_scores(right, named)
    assert found.accuracy == pytest.approx(sum(a == b for a, b in cases) / len(cases))
    assert found.macro_f1 == pytest.approx(sum(f1s) / len(f1s))
    assert found.invalid == named.count(None)
    assert sum(found.confusion.values()) == len(cases)


@given(CASES)
@settings(deadline=None)
def test_mcc_is_the_formula_of_gorodkin(cases: list[tuple[str, str | None]]) -> None:
    right, named = zip(*cases, strict=True)
    count, hits = len(cases), sum(a == b for a, b in cases)
    of_right, of_named = Counter(right), Counter(named)
    above = hits * count - sum(of_right[label] * of_named[label] for label in of_right)
    below = math.sqrt(
        (count**2 - sum(n * n for n in of_named.values())) * (count**2 - sum(n * n for n in of_right.values()))
    )
    assert label_scores(right, named).mcc == pytest.approx(above / below if below else 0)


@pytest.mark.parametrize(
    ("right", "named", "accuracy", "macro_f1", "mcc"),
    [
        pytest.param("aabb", "aabb", 1, 1, 1, id="all equal"),
        pytest.param("aaaa", "aaaa", 1, 1, 0, id="one class only"),
        pytest.param("ab", [None, None], 0, 0, 0, id="nothing valid"),
        pytest.param("ab", ["a", None], 0.5, 0.5, 0.5, id="one invalid"),
        pytest.param("aa", "bb", 0, 0, 0, id="all wrong"),
    ],
)
def test_degenerate_cases(right: str, named: list[str | None], accuracy: float, macro_f1: float, mcc: float) -> None:
    found = label_scores(right, named)
    assert (found.accuracy, found.macro_f1, found.mcc) == pytest.approx((accuracy, macro_f1, mcc))


def test_an_invalid_answer_is_a_class_of_its_own() -> None:
    assert label_scores("ab", ["a", None]).confusion == {("a", "a"): 1, ("b", INVALID): 1}


def test_published_values_of_several_labels() -> None:
    """f1_score of [[0, 1], [1, 0], [1, 1]] against [[1, 0], [1, 0], [1, 1]], from the definition: 3 of 4 and 4."""
    found = label_set_scores([{"b"}, {"a"}, {"a", "b"}], [{"a"}, {"a"}, {"a", "b"}])
    assert found.micro_f1 == pytest.approx(2 * 3 / (4 + 4))
    assert found.macro_f1 == pytest.approx((2 * 2 / (2 + 3) + 2 * 1 / (2 + 1)) / 2)
    assert found.exact_match == pytest.approx(2 / 3)


@given(SETS)
@settings(deadline=None)
def test_scores_of_several_labels_are_those_of_scikit_learn(cases: list[tuple[frozenset[str], frozenset[str]]]) -> None:
    right, named = zip(*cases, strict=True)
    tables = [[[label in labels for label in "abcd"] for labels in side] for side in (right, named)]
    counted = [number for number, label in enumerate("abcd") if any(label in labels for labels in right)]
    found = label_set_scores(right, named)
    assert found.micro_f1 == pytest.approx(f1_score(*tables, average="micro", zero_division=0.0))
    assert found.exact_match == pytest.approx(accuracy_score(*tables))
    macro = f1_score(*tables, labels=counted, average="macro", zero_division=0.0) if counted else 0
    assert found.macro_f1 == pytest.approx(macro)


@pytest.mark.parametrize(
    ("right", "named", "micro_f1", "exact_match"),
    [
        pytest.param([set()], [set()], 0, 1, id="nothing right, nothing given"),
        pytest.param([{"a"}], [set()], 0, 0, id="nothing given"),
        pytest.param([set(), set()], [set(), {"a"}], 0, 0.5, id="one label in all, and wrong"),
        pytest.param([{"a", "b"}], [["b", "a", "a"]], 1, 1, id="given twice"),
    ],
)
def test_degenerate_cases_of_several_labels(
    right: list[set[str]], named: list[set[str]], micro_f1: float, exact_match: float
) -> None:
    found = label_set_scores(right, named)
    assert (found.micro_f1, found.exact_match) == (micro_f1, exact_match)


@pytest.mark.parametrize(
    ("right", "named"), [pytest.param([], [], id="no case"), pytest.param(["a"], ["a", "b"], id="lengths")]
)
def test_what_cannot_be_compared_is_refused(right: list[str], named: list[str]) -> None:
    for score in (label_scores, label_set_scores):
        with pytest.raises(ValueError, match="as many labels as cases"):
            score(right, named)
