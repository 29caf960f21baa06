"""Words and offsets, over the scripts that callers write in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chains.text import Utf16Index, count_words, fit_words, sentence_ends
from tests.chains.effort import little_work


@pytest.mark.parametrize(
    ("text", "count"),
    [
        pytest.param("", 0, id="empty"),
        pytest.param("One two  three.", 3, id="english"),
        pytest.param("can't stop", 2, id="an apostrophe joins"),
        pytest.param("well-known", 2, id="a hyphen parts"),
        pytest.param("3.14 1,000", 2, id="numbers stay whole"),
        pytest.param("你好世界", 4, id="every ideograph counts"),
        pytest.param("أهلا وسهلا", 2, id="arabic"),
        pytest.param("😀 👍🏽 — !?", 0, id="no letters, no words"),
        pytest.param("Äpfel für Straßenbahnen", 3, id="german"),
    ],
)
def test_counts_words_by_uax29(text: str, count: int) -> None:
    assert count_words(text) == count


@pytest.mark.parametrize(
    ("text", "limit", "complete", "expected"),
    [
        pytest.param("One two. Three four.", 4, True, ("One two. Three four.", False), id="fits"),
        pytest.param("One two. Three four.", None, True, ("One two. Three four.", False), id="no limit"),
        pytest.param("One two. Three four.", 3, True, ("One two.", True), id="cut at the sentence"),
        pytest.param('He said "no." Then left.', 3, True, ('He said "no."', True), id="the quote belongs to it"),
        pytest.param("One two three", 2, True, ("One two…", True), id="no sentence fits"),
        pytest.param("你好世界。再见了。", 5, True, ("你好世界。", True), id="chinese"),
        pytest.param("- one two\n- three four", 3, True, ("- one two", True), id="cut at the line"),
        pytest.param("One two. Three fo", None, False, ("One two.", True), id="a stump goes"),
        pytest.param("One two. Three four.", 9, False, ("One two. Three four.", True), id="stopped after a sentence"),
        pytest.param("One tw", 9, False, ("One tw…", True), id="nothing but a stump"),
    ],
)
def test_shortens_at_sentence_ends(text: str, limit: int | None, complete: bool, expected: tuple[str, bool]) -> None:
    assert fit_words(text, limit, complete=complete) == expected


@given(st.text(), st.integers(1, 20))
def test_never_exceeds_the_limit_and_tells_when_it_cut(text: str, limit: int) -> None:
    shortened, cut = fit_words(text, limit)
    assert count_words(shortened) <= limit
    assert cut == (shortened != text)


@given(st.text())
def test_utf16_offsets_agree_with_the_encoder(text: str) -> None:
    index = Utf16Index(text)
    for position in range(len(text) + 1):
        assert index.offset(position) == len(text[:position].encode("utf-16-le", "surrogatepass")) // 2


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        pytest.param("All went. Then Dr. Smith came in late.", 5, "All went.", id="a title"),
        pytest.param("All went. Then J. Smith came in late.", 4, "All went.", id="an initial"),
        pytest.param("All went. J. R. R. Tolkien came in late.", 5, "All went.", id="initials"),
        pytest.param("All went. It costs 3.50 euros or more now.", 5, "All went.", id="a decimal number"),
        pytest.param("All went. Bring tools, e.g. a hammer and nails.", 5, "All went.", id="e.g."),
        pytest.param("All went. See No. 5 for the rest of it.", 4, "All went.", id="a number's name"),
        pytest.param("He said no. Then he left the room.", 5, "He said no.", id="no is also a word"),
        pytest.param("Alle gingen. Man nahm z. B. einen Hammer mit.", 6, "Alle gingen.", id="german, with a space"),
        pytest.param("Alle gingen. Am 3. Mai kam noch jemand.", 4, "Alle gingen.", id="a german date"),
        pytest.param("Alle gingen. Das 21. Treffen war im Mai.", 9, None, id="it fits"),
        pytest.param("Tous partis. M. Dupont et Mme. Roux aussi.", 6, "Tous partis.", id="french"),
        pytest.param("Все ушли. Ул. Мира закрыта до утра.", 3, "Все ушли.", id="russian"),
        pytest.param("He is 21. Then he left the room.", 4, "He is 21.", id="a number may end a sentence"),
        pytest.param("It was 1931. Then it rusted away.", 4, "It was 1931.", id="and so may a year"),
        pytest.param("1. Buy tools now. 2. Build it.", 5, "1. Buy tools now.", id="a number before an item"),
        pytest.param("So am I. You are not.", 4, "So am I.", id="the word I"),
        pytest.param("All went. It is 5 p.m. and he comes.", 7, "All went.", id="dotted"),
    ],
)
def test_no_cut_behind_an_abbreviation(text: str, limit: int, expected: str | None) -> None:
    assert fit_words(text, limit) == (expected or text, expected is not None)


def test_a_stump_that_ends_in_an_abbreviation_goes() -> None:
    assert fit_words("All went. Then came Dr.", None, complete=False) == ("All went.", True)


def test_sentence_ends_take_linear_time() -> None:
    for unit in (".", '."', "a.", "\n", "1. ", "Dr. ", "!a"):
        text = unit * (100_000 // len(unit))
        with little_work():
            assert sum(1 for _ in sentence_ends(text)) <= len(text)
