"""What rewritings and summaries keep and invent."""

import pytest

from eval.scorers.compliance import Compliance, compliance
from eval.scorers.preservation import FIGURES, NAMES, Held, held, is_copy, length_ratio, negation_kept

SOURCE = "Ada Lovelace paid 1,000 euros on 3 May 2024 and 20 euros later."


@pytest.mark.parametrize(
    ("of", "within", "figures", "names"),
    [
        pytest.param(SOURCE, SOURCE, Held(3, 3), Held(1, 1), id="equal"),
        pytest.param(SOURCE, "", Held(0, 3), Held(0, 1), id="nothing is left"),
        pytest.param("", SOURCE, Held(0, 0), Held(0, 0), id="nothing to keep"),
        pytest.param("no facts here", SOURCE, Held(0, 0), Held(0, 0), id="no facts"),
        pytest.param(SOURCE, "On 2024-05-03 Lovelace, Ada paid 1000.", Held(2, 3), Held(1, 1), id="told otherwise"),
        pytest.param("20 and 20 and 30", "20", Held(1, 2), Held(0, 0), id="each counts once"),
    ],
)
def test_held(of: str, within: str, figures: Held, names: Held) -> None:
    assert held(of, within, FIGURES) == figures
    assert held(of, within, NAMES) == names


def test_the_share_of_nothing_is_undefined() -> None:
    assert Held(0, 0).share is None
    assert Held(1, 4).share == 0.25


@pytest.mark.parametrize(
    ("source", "output", "expected"),
    [
        pytest.param("It is not ready.", "It isn't ready.", True, id="told otherwise"),
        pytest.param("It isn’t ready.", "It is ready.", False, id="lost"),
        pytest.param("It is ready.", "It is not ready.", None, id="none to keep"),
        pytest.param("Das ist kein Fehler.", "Das ist ein Fehler.", False, id="German"),
        pytest.param("Ce n'est pas prêt.", "Ce n'est pas encore prêt.", True, id="French"),
        pytest.param("这不是问题。", "这是问题。", False, id="Chinese"),
        pytest.param("Это не ошибка.", "Это ошибка.", False, id="Russian"),
        pytest.param("A knot in the notebook", "", None, id="letters inside words"),
        pytest.param("", "", None, id="empty"),
    ],
)
def test_negation_kept(source: str, output: str, expected: bool | None) -> None:
    assert negation_kept(source, output) is expected


@pytest.mark.parametrize(
    ("source", "output", "expected"),
    [
        pytest.param("So, um, yes.", "so um yes", True, id="but for case and punctuation"),
        pytest.param("So, um, yes.", "So, yes.", False, id="a word less"),
        pytest.param("", "", True, id="both empty"),
        pytest.param("世界。", "世界", True, id="Chinese"),
    ],
)
def test_is_copy(source: str, output: str, expected: bool) -> None:
    assert is_copy(source, output) is expected


@pytest.mark.parametrize(
    ("source", "output", "expected"),
    [
        pytest.param("one two three four", "one, two", 0.5, id="half"),
        pytest.param("one", "", 0.0, id="empty output"),
        pytest.param("…", "one", None, id="no word to begin with"),
        pytest.param("世界银行", "世界", 0.5, id="Chinese"),
    ],
)
def test_length_ratio(source: str, output: str, expected: float | None) -> None:
    assert length_ratio(source, output) == expected


@pytest.mark.parametrize(
    ("summary", "max_words", "expected"),
    [
        pytest.param("Ada Lovelace paid 1,000 euros.", 5, Compliance(True, 1.0, 1.0, 5 / 13), id="faithful"),
        pytest.param("Ada Lovelace paid 1,000 euros.", 4, Compliance(False, 1.0, 1.0, 5 / 13), id="one too long"),
        pytest.param("Bob Smith paid 20 of 30 euros", None, Compliance(None, 0.5, 0.0, 7 / 13), id="invented"),
        pytest.param("", 1, Compliance(True, None, None, 0.0), id="empty"),
        pytest.param("They paid.", 2, Compliance(True, None, None, 2 / 13), id="states nothing"),
    ],
)
def test_compliance(summary: str, max_words: int | None, expected: Compliance) -> None:
    assert compliance(SOURCE, summary, max_words) == expected
