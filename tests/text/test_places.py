"""Marks save time and change nothing: with them a pattern finds what it finds without."""

from collections.abc import Callable, Iterator

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from chains.text.facts import dates, literals, names, numbers
from chains.text.facts.fact import fold_digits
from chains.text.facts.places import any_of, beginning_at, in_words_with, near

PIECES = (
    *(
        "A ",
        "b_",
        "1",
        ",",
        ".",
        "- ",
        "@z",
        "May ",
        "é",
        "ı",
        "İ",
        "ſ",
        "5% ",
        "2024-05-03",
        "a.com/",
        "U.S.",
        "(",
        ")",
    ),
    *(
        "am 3.5.",
        "3 Auguſt",
        "FRİDAY",
        "mardis",
        "USD minus ",
        "$",
        "€ ",
        "10 000",
        "million",
        "\n",
        "\u00a0",
        "\x1c",
        "中",
    ),
    *(
        "http:",
        "www.",
        "mailto:",
        "a@b.de",
        "f()",
        "file.txt",
        "--opt",
        "/usr/bin",
        "camelCase",
        "INV-17",
        "iPhone",
        "Ada's",
    ),
)
WAYS: dict[str, tuple[regex.Pattern[str], Callable[[regex.Pattern[str], str], Iterator[regex.Match[str]]]]] = {
    "url": (literals._URL, lambda pattern, text: in_words_with(literals._URL_MARK, pattern, text)),
    "identifier": (literals._IDENTIFIER, lambda pattern, text: in_words_with(literals._IDENTIFIER_MARK, pattern, text)),
    "date": (dates._DATE, lambda pattern, text: beginning_at(dates._MARK, pattern, text)),
    "number": (
        numbers._NUMBER,
        lambda pattern, text: near(numbers._DIGIT, numbers._FARTHEST_DIGIT, pattern, text),
    ),
    "name": (names._RUN, lambda pattern, text: near(names._CAPITAL, names._FARTHEST_CAPITAL, pattern, text)),
}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("url", "http:\x1c", id="a control character that only str.split takes for white space"),
        pytest.param("url", "in x.de, by a@b.co", id="a host and a mail"),
        pytest.param("identifier", "x _a b_c camelCase f() a.txt a1 b-1 --o /a/b", id="one of each kind of code"),
        pytest.param("identifier", "(a1)(b1) ../a/b", id="no space between"),
        pytest.param("date", "am 3.5. vom\u00a03.5. zum\n3.5. 中May 3, enero 5", id="the ways that a date begins"),
        pytest.param("date", "3\u00a0mai,ſeptember 2 FRİDAY", id="other white space and letters"),
        pytest.param("number", "USD minus 5, us$ -5, € 5, 1.000", id="the longest way to a digit"),
        pytest.param("name", "iPhone 中U.S. Dr. No", id="a small letter before the capital"),
    ],
)
def test_finds_the_same_at_the_edges(name: str, text: str) -> None:
    pattern, marked = WAYS[name]
    found = [match.span() for match in pattern.finditer(text)]
    assert found
    assert [match.span() for match in marked(pattern, text)] == found


@pytest.mark.parametrize("name", list(WAYS))
@given(text=st.text() | st.lists(st.sampled_from(PIECES)).map("".join))
def test_finds_the_same(name: str, text: str) -> None:
    pattern, marked = WAYS[name]
    text = fold_digits(text)  # as all of these patterns are given it
    assert [match.span() for match in marked(pattern, text)] == [match.span() for match in pattern.finditer(text)]


@given(st.sets(st.text("abc", min_size=1), min_size=1), st.text("abc"))
def test_any_of_takes_these_words_and_no_others(words: set[str], other: str) -> None:
    pattern = regex.compile(any_of(words))
    for word in {*words, other}:
        assert bool(pattern.fullmatch(word)) == (word in words)
