"""Tokens and sentences in any script."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.tokenizers import DefaultTokenizer

from eval.scorers.tokens import pieces, sentences, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="empty"),
        pytest.param("  \n🎉 …", [], id="no word"),
        pytest.param("Don't re_use 3.5 A-1042", ["don", "t", "re", "use", "3", "5", "a", "1042"], id="English"),
        pytest.param("Straße ÉCOLE", ["strasse", "école"], id="case folded"),
        pytest.param("Привет, МИР", ["привет", "мир"], id="Cyrillic"),
        pytest.param("世界银行2024年", ["世", "界", "银", "行", "2024", "年"], id="Chinese"),
        pytest.param("カタカナとkana", ["カ", "タ", "カ", "ナ", "と", "kana"], id="Japanese"),
        pytest.param("abcสวัสดี", ["abc", "ส", "วั", "ส", "ดี"], id="Thai with its marks"),
        pytest.param("안녕 세계", ["안녕", "세계"], id="Korean has spaces"),
        pytest.param("ＡＢＣ１２", ["abc12"], id="full width"),
        pytest.param("नमस्ते", ["नमस्ते"], id="marks belong to their word"),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text(st.characters(max_codepoint=127)))
@settings(deadline=None)
def test_words_of_ascii_are_those_of_rouge_score(text: str) -> None:
    assert words(text) == DefaultTokenizer(use_stemmer=False).tokenize(text)


@given(st.text())
@settings(deadline=None)
def test_pieces_are_the_words_and_what_stands_between(text: str) -> None:
    assert [piece for piece in pieces(text) if words(piece)] == words(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="empty"),
        pytest.param("One. Two!  Three?\nFour", ["One.", "Two!", "Three?", "Four"], id="English"),
        pytest.param('He said "no." Then he left.', ['He said "no."', "Then he left."], id="quotes close first"),
        pytest.param("It costs 3.50 euros", ["It costs 3.50 euros"], id="a decimal point ends nothing"),
        pytest.param("你好。「再见。」好！", ["你好。", "「再见。」", "好！"], id="Chinese"),
        pytest.param("- a\r\n- b\n\n", ["- a", "- b"], id="lines"),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@pytest.mark.parametrize("text", ['"' * 200_000, "」" * 200_000, ". " * 100_000, "。」" * 100_000, " " * 200_000])
def test_dividing_takes_linear_time(text: str) -> None:
    start = time.thread_time()
    sentences(text)
    assert time.thread_time() - start < 2
