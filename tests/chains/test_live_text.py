"""Text that is given out while it is written: what was given out is never taken back, and no word too many goes out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chains.text import LiveText, count_words


def fed(pieces: list[str], limit: int | None) -> tuple[list[str], LiveText]:
    text = LiveText(limit)
    return [out for piece in pieces if (out := text.feed(piece))], text


@pytest.mark.parametrize(
    ("pieces", "limit", "given_out", "is_full"),
    [
        pytest.param(["one", " two"], None, "one two", False, id="no limit"),
        pytest.param(["  \n one", " two \n"], None, "one two", False, id="white space around it"),
        pytest.param(["one ", " ", "two"], None, "one  two", False, id="white space within"),
        pytest.param(["one", " two", " three", " four"], 3, "one two three…", True, id="at the limit"),
        pytest.param(["one two three four five"], 3, "one two three…", True, id="in one piece"),
        pytest.param(["one two three", ".", " Four"], 3, "one two three.", True, id="a sentence ends there"),
        pytest.param(["one two three. Four"], 3, "one two three.", True, id="a sentence ends in the same piece"),
        pytest.param(["one two", " thr", "ee"], 3, "one two three", False, id="a word in two pieces"),
        pytest.param(["can", "'t", " stop", " now"], 2, "can't stop…", True, id="an apostrophe joins"),
        pytest.param(["one", " –", " two", " three"], 2, "one – two…", True, id="a dash is no word"),
        pytest.param(["今天", "天气", "很好"], 4, "今天天气…", True, id="ideographs"),
        pytest.param(["", " ", ""], 3, "", False, id="nothing"),
    ],
)
def test_what_is_given_out(pieces: list[str], limit: int | None, given_out: str, is_full: bool) -> None:
    outs, text = fed(pieces, limit)
    assert ("".join(outs), text.text, text.is_full) == (given_out, given_out, is_full)


def test_nothing_goes_out_behind_the_end() -> None:
    text = LiveText(1)
    text.feed("one two")
    assert (text.feed(" three"), text.text) == ("", "one…")


ALPHABET = st.sampled_from([*"ab1 \n.,'-…。", "é", "今", "😀", "\u0301", "ש", "ﷺ", "\u200d"])


@given(st.lists(st.text(ALPHABET, max_size=6), max_size=30), st.integers(1, 12))
def test_whatever_the_pieces_no_more_words_than_the_limit_go_out(pieces: list[str], limit: int) -> None:
    outs, text = fed(pieces, limit)
    whole = "".join(pieces).strip()
    given_out = "".join(outs)
    assert given_out == text.text
    assert count_words(given_out) <= limit
    assert whole.startswith(given_out.removesuffix("…") if text.is_full else given_out)
    if not text.is_full:
        assert given_out == whole
        assert count_words(whole) <= limit


@given(st.lists(st.text(max_size=8), max_size=20))
def test_without_a_limit_all_goes_out_but_white_space_around_it(pieces: list[str]) -> None:
    outs, _ = fed(pieces, None)
    assert "".join(outs) == "".join(pieces).strip()
