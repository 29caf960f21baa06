"""Bullets and headlines."""

import pytest

from eval.scorers.form import is_bullets, is_headline


@pytest.mark.parametrize(
    ("text", "bullets", "headline"),
    [
        pytest.param("- one\n- two", True, False, id="dashes"),
        pytest.param("• one\n\n  • two", True, False, id="dots and an empty line"),
        pytest.param("1. one\n2. two", True, False, id="numbers"),
        pytest.param("・一つ目\n・二つ目", True, False, id="Japanese"),
        pytest.param("- only one", True, False, id="a single one"),
        pytest.param("Here they are:\n- one\n- two", False, False, id="a line before"),
        pytest.param("- one\ntwo", False, False, id="a line without"),
        pytest.param("-", False, True, id="a mark and nothing"),
        pytest.param("Snow closes airport, 42 flights cancelled", False, True, id="a headline"),
        pytest.param("Snow closes airport.", False, True, id="a headline with a stop"),
        pytest.param("Snow. It closes the airport.", False, False, id="two sentences"),
        pytest.param("Snow\ncloses airport", False, False, id="two lines"),
        pytest.param("大雪关闭机场，42个航班取消", False, True, id="Chinese"),
        pytest.param("大雪。机场关闭。", False, False, id="Chinese: two sentences"),
        pytest.param("2.4 million euros for a bridge", False, True, id="a number begins it"),
        pytest.param("", False, False, id="empty"),
    ],
)
def test_form(text: str, bullets: bool, headline: bool) -> None:
    assert is_bullets(text) is bullets
    assert is_headline(text) is headline
