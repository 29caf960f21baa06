"""Words and offsets, over the scripts that callers write in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chains.text import Utf16Index, count_words, fit_words


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
