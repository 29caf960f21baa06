"""What rewritings and summaries keep and invent."""

import pytest

from eval.scorers.compliance import Compliance, compliance
from eval.scorers.preservation import (
    FIGURES,
    NAMES,
    Held,
    held,
    held_each,
    held_of_all,
    is_copy,
    length_ratio,
    negation_kept,
)

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


@pytest.mark.parametrize(
    ("texts", "within", "figures", "names"),
    [
        pytest.param([SOURCE], SOURCE, Held(3, 3), Held(1, 1), id="one text"),
        pytest.param([SOURCE], "Bob paid 20.", Held(1, 3), Held(0, 1), id="some are lost"),
        pytest.param([SOURCE, "Ada Lovelace paid 1000."], "1,000", Held(1, 1), Held(0, 1), id="what both texts have"),
        pytest.param([SOURCE, "They paid."], "nothing", Held(0, 0), Held(0, 0), id="one text has none"),
        pytest.param(["They paid.", SOURCE], SOURCE, Held(0, 0), Held(0, 0), id="the first text has none"),
        pytest.param([], SOURCE, Held(0, 0), Held(0, 0), id="no text"),
    ],
)
def test_held_of_all(texts: list[str], within: str, figures: Held, names: Held) -> None:
    assert held_of_all(texts, within, FIGURES, NAMES) == [figures, names]


def test_several_groups_are_as_each_by_itself() -> None:
    within = "Ada Lovelace paid 20"
    assert held_each(SOURCE, within, FIGURES, NAMES) == [held(SOURCE, within, FIGURES), held(SOURCE, within, NAMES)]


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
        pytest.param("Das ist unmöglich.", "Das geht nicht.", True, id="German, told otherwise"),
        pytest.param("这个方案没有通过。", "方案通过了。", False, id="Chinese: not yet"),
        pytest.param("他非常特别，未来不过如此。", "", None, id="Chinese: signs within words"),
        pytest.param("まだ承認されていません。", "承認されました。", False, id="Japanese"),
        pytest.param("連絡せずに帰った。", "連絡なしで帰った。", True, id="Japanese, told otherwise"),
        pytest.param("人が少ない特別な日、まず入場は無料です。", "", None, id="Japanese: signs within words"),
        pytest.param("لم تتم الموافقة.", "تمت الموافقة.", False, id="Arabic"),
        pytest.param("لَا نقبل البطاقات.", "البطاقات غير مقبولة.", True, id="Arabic, told otherwise, with marks"),
        pytest.param("السلام عليكم، الأولاد هنا", "", None, id="Arabic: letters inside words"),
        pytest.param("i dont know", "I do not know.", True, id="English without the apostrophe"),
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
