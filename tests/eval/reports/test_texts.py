"""Texts and numbers as reports show them."""

import pytest

from eval.report import MetricInfo, ThresholdResult
from eval.reports import figures
from eval.reports.differences import Piece, word_pieces
from eval.reports.texts import one_line, shortened, visible
from tests.eval.reports.hostile import HOSTILE

SHARE = MetricInfo(name="accuracy", title="Accuracy")
NUMBER = MetricInfo(name="compression", title="Compression", best=0.2, worst=4.0)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("a\tb\nc", "a\tb\nc", id="tab and line feed stay"),
        pytest.param("a\r\nb\rc", "a\nb␍c", id="carriage return"),
        pytest.param("\x00\x1b\x7f\x85", "␀␛␡⟨U+0085⟩", id="controls"),
        pytest.param("a\u202etxt.exe\u202c", "a⟨U+202E⟩txt.exe⟨U+202C⟩", id="turned text"),
        pytest.param("\ufffe\uffff\ufffd", "⟨U+FFFE⟩⟨U+FFFF⟩\ufffd", id="no characters"),
        pytest.param("\ud800x", "⟨U+D800⟩x", id="half a pair"),
        pytest.param("می\u200cخواهم 👩\u200d👧 \u200f", "می\u200cخواهم 👩\u200d👧 \u200f", id="joiners stay"),
    ],
)
def test_what_is_hidden_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert "\n" not in one_line(text)


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        pytest.param("abc", 3, "abc", id="fits"),
        pytest.param("abcd", 3, "abc… (1 more characters)", id="one too many"),
        pytest.param("ab👩\u200d👧c", 4, "ab… (4 more characters)", id="within an emoji"),
        pytest.param("abe\u0301", 3, "ab… (2 more characters)", id="within a letter"),
        pytest.param("x" * 2000, 5, "xxxxx… (1,995 more characters)", id="long"),
        pytest.param("\u0301" * 99, 5, "… (99 more characters)", id="one endless letter"),
    ],
)
def test_what_is_cut_is_counted(text: str, limit: int, shown: str) -> None:
    assert shortened(text, limit) == shown


@pytest.mark.parametrize(
    ("before", "after", "old", "new"),
    [
        pytest.param("", "", [], [], id="nothing"),
        pytest.param("a b", "a b", [("a b", True)], [("a b", True)], id="equal"),
        pytest.param("", "a", [], [("a", False)], id="added"),
        pytest.param(
            "is not approved", "is approved",
            [("is ", True), ("not ", False), ("approved", True)], [("is ", True), ("approved", True)], id="a word less",
        ),
        pytest.param(
            "明天九点", "明天八点",
            [("明天", True), ("九", False), ("点", True)], [("明天", True), ("八", False), ("点", True)], id="Chinese",
        ),
        pytest.param("👍🏽", "👍", [("👍🏽", False)], [("👍", False)], id="an emoji is one piece"),
    ],
)  # fmt: skip
def test_texts_are_compared_by_word(before: str, after: str, old: list[Piece], new: list[Piece]) -> None:
    assert word_pieces(before, after) == (old, new)


@pytest.mark.parametrize("text", [pytest.param(text, id=kind) for kind, text in HOSTILE.items() if kind != "long"])
def test_pieces_make_up_the_text(text: str) -> None:
    old, new = word_pieces(text, text[::-1])
    assert ("".join(piece for piece, _ in old), "".join(piece for piece, _ in new)) == (text, text[::-1])


@pytest.mark.parametrize(
    ("shown", "written"),
    [
        pytest.param(figures.value(SHARE, 0.8423), "84.2 %", id="a share"),
        pytest.param(figures.value(SHARE, None), "–", id="no value"),
        pytest.param(figures.value(NUMBER, 0.7), "0.700", id="a number"),
        pytest.param(figures.value(NUMBER, -12.345), "−12.3", id="a large number"),
        pytest.param(figures.difference(SHARE, 0.034), "+3.4 pts", id="a gain"),
        pytest.param(figures.difference(SHARE, -0.1), "−10.0 pts", id="a loss"),
        pytest.param(figures.difference(SHARE, -0.0004), "0.0 pts", id="nothing has no sign"),
        pytest.param(figures.difference(NUMBER, 0.25), "+0.250", id="a gain of a number"),
        pytest.param(figures.interval(SHARE, -0.021, 0.05), "−2.1 to +5.0", id="an interval"),
        pytest.param(figures.size(SHARE, -0.1), "10.0 pts", id="a margin"),
        pytest.param(figures.money(None), "–", id="no price"),
        pytest.param(figures.money(0), "$0", id="free"),
        pytest.param(figures.money(1), "$0.000000001", id="a billionth"),
        pytest.param(figures.money(41_200), "$0.0000412", id="little"),
        pytest.param(figures.money(1_234_567_890), "$1.23", id="a dollar"),
        pytest.param(figures.money(99_999_999_999_999), "$100,000.00", id="much"),
        pytest.param(figures.milliseconds(3.21), "3.2 ms", id="milliseconds"),
        pytest.param(figures.milliseconds(999.4), "999 ms", id="nearly a second"),
        pytest.param(figures.milliseconds(1234), "1.23 s", id="seconds"),
        pytest.param(
            figures.bound(SHARE, ThresholdResult(variant="a", metric="b", value=1, at_least=0.7, kept=True)),
            "at least 70.0 %", id="a bound",
        ),
    ],
)  # fmt: skip
def test_numbers_are_written_for_readers(shown: str, written: str) -> None:
    assert shown == written
