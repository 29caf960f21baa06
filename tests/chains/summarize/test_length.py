"""max_words is kept: asked for once more, then cut at the end of a sentence, and told."""

from typing import Any

import pytest

from chains.text import count_words
from tests.chains.summarize.scene import SHORTEN, Scene

TEXT = "The bridge closes on 3 May. It was built in 1931. Buses take Mill Road, and a ferry runs."
DRAFT = "The bridge closes on 3 May. It was built in 1931."


def test_a_draft_that_fits_is_the_summary() -> None:
    scene = Scene([{"answer": DRAFT}])
    output = scene.run(TEXT, max_words=11)
    assert (output.summary, output.shortened, len(scene.asked)) == (DRAFT, False, 1)


def test_a_draft_that_is_too_long_is_asked_for_once_more() -> None:
    scene = Scene([{"when": SHORTEN, "answer": "The bridge closes on 3 May."}, {"answer": DRAFT}])
    output = scene.run(TEXT, max_words=10, focus="dates", audience="drivers", language="English")
    assert (output.summary, output.shortened) == ("The bridge closes on 3 May.", False)
    (second,) = scene.asked_for(SHORTEN)
    assert DRAFT in second[-1]
    assert all(wish in second[-1] for wish in ("at most 10 words", "dates", "drivers", "English"))
    assert len(scene.asked) == 2


@pytest.mark.parametrize(
    ("second", "max_words", "summary"),
    [
        pytest.param({"answer": DRAFT}, 10, "The bridge closes on 3 May.", id="no shorter: the draft is cut"),
        pytest.param(
            {"answer": "Closed from May. Built in 1931 then."}, 4, "Closed from May.", id="shorter, not enough"
        ),
        pytest.param({"answer": f"{DRAFT} {TEXT}"}, 10, "The bridge closes on 3 May.", id="longer: the draft is cut"),
        pytest.param({"answer": " "}, 10, "The bridge closes on 3 May.", id="nothing: the draft is cut"),
        pytest.param({"answer": "Bridge closes"}, 1, "Bridge…", id="one word"),
    ],
)
def test_what_is_too_long_still_is_cut_and_told(second: dict[str, Any], max_words: int, summary: str) -> None:
    scene = Scene([{"when": SHORTEN, **second}, {"answer": DRAFT}])
    output = scene.run(TEXT, max_words=max_words)
    assert (output.summary, output.shortened, len(scene.asked)) == (summary, True, 2)
    assert count_words(output.summary) <= max_words


def test_a_draft_that_ran_into_its_cap_loses_its_stump() -> None:
    scene = Scene([{"answer": "The bridge closes. It was bu", "cut_off": True}])
    output = scene.run(TEXT)
    assert (output.summary, output.shortened, len(scene.asked)) == ("The bridge closes.", True, 1)


def test_a_version_without_the_helper_cuts_at_once() -> None:
    scene = Scene([{"answer": DRAFT}], version="1.0.0")
    output = scene.run(TEXT, max_words=10)
    assert (output.summary, output.shortened, len(scene.asked)) == ("The bridge closes on 3 May.", True, 1)


def test_a_headline_of_two_thousand_words_is_a_headline() -> None:
    scene = Scene([{"answer": "Bridge closes"}])
    assert scene.run(TEXT, style="headline", max_words=2000).summary == "Bridge closes"
    assert "Write one headline" in scene.asked[0][-1]


def test_a_stream_asks_only_once_and_tells_that_it_stopped() -> None:
    scene = Scene([{"answer": DRAFT}])
    pieces, output = scene.stream(TEXT, max_words=9)
    assert "".join(pieces) == output.summary == "The bridge closes on 3 May. It was built…"
    assert output.shortened
    assert len(scene.asked) == 1
