"""Texts that are longer than one answer: rewritten portion by portion, with the white space of the source."""

from typing import Any

import pytest

from chains.errors import InvalidInput, OutputTruncated
from tests.chains.rewrite.rewriting import Rewriter

PARAGRAPHS = [f"Paragraph {number} says " + "this and that " * 20 + "at its end.\n\n" for number in range(60)]
LONG = "".join(PARAGRAPHS)
"""Some 2,800 words; the cap on an answer is 1,024 tokens, which are words in the scripted model."""


def test_a_long_text_is_rewritten_in_portions_that_are_the_text() -> None:
    rewriter = Rewriter({"answer": "Done."}, context_tokens=8192)
    output = rewriter.run(LONG, style="concise", preserve=[])
    portions = [texts[-1].partition("losing meaning.\n\n")[2] for texts in rewriter.asked]
    assert len(portions) > 3
    assert "".join(sorted(portions, key=LONG.index)) == LONG
    assert all(portion.startswith("Paragraph") for portion in portions)
    assert output.text == "\n\n".join(["Done."] * len(portions))


@pytest.mark.parametrize("slots", [1, 3])
def test_as_many_portions_as_there_are_slots_are_rewritten_at_once(slots: int) -> None:
    rewriter = Rewriter({"answer": "Done.", "delay_ms": 20}, context_tokens=8192, slots=slots)
    rewriter.run(LONG, style="concise", preserve=[])
    assert max(rewriter.open_at) == slots


def test_a_fact_may_move_to_another_portion_of_the_text() -> None:
    rewriter = Rewriter({"answer": "It ends on 7 June."}, context_tokens=8192)
    assert rewriter.run("On 7 June.\n\n" + LONG, style="clean_transcript", preserve=["dates"]).lost == ()


def test_an_answer_that_hits_the_cap_is_asked_for_in_halves() -> None:
    first, second = "One " * 60 + "end.\n\n", "Two " * 60 + "end."
    script: list[dict[str, Any]] = [
        {"when": "end.\n\nTwo", "answer": "too long", "cut_off": True},
        {"answer": "Short."},
    ]
    assert Rewriter(*script).run(first + second, style="concise").text == "Short.\n\nShort."


def test_a_short_answer_that_hits_the_cap_is_an_error() -> None:
    with pytest.raises(OutputTruncated):
        Rewriter({"answer": "on and on", "cut_off": True}).run("Some words.", style="concise")


def test_a_model_that_runs_in_circles_is_stopped_early() -> None:
    rewriter = Rewriter({"answer": "Done."})
    rewriter.run("Some words.", style="concise")
    assert rewriter.caps == [64 + len("Some words.")]
    rewriter = Rewriter({"answer": "Done."})
    rewriter.run("Some words.", instruction="Make a long letter of it.")
    assert rewriter.caps == [1024]


def test_five_megabytes_are_refused_before_a_model_is_asked() -> None:
    rewriter = Rewriter({"answer": "Done."})
    with pytest.raises(InvalidInput, match="too long"):
        rewriter.run("Some words. " * 420_000, style="concise")
    assert rewriter.asked == []


@pytest.mark.parametrize("text", ["😀😀 👍🏽", "x", "— !?", " 7\n"])
def test_what_has_no_words_stays_as_it_is(text: str) -> None:
    rewriter = Rewriter({"answer": "Done."})
    assert rewriter.run(text, style="formal").text == text.strip()
    assert rewriter.stream(text, style="formal") == ([text.strip()], rewriter.run(text, style="formal"))
    assert rewriter.asked == []
    assert rewriter.run(text, instruction="Say what it shows.").text == "Done."


def test_a_stream_gives_the_portions_in_order_and_tells_what_is_lost_at_its_end() -> None:
    rewriter = Rewriter({"answer": "All is done."}, context_tokens=8192)
    pieces, output = rewriter.stream("\n On 7 June.\n\n" + LONG + "\n", style="concise", preserve=["dates"])
    assert "".join(pieces) == output.text
    assert output.text == "\n\n".join(["All is done."] * len(rewriter.asked))
    assert [(fact.text, fact.kind.value) for fact in output.lost] == [("7 June", "date")]


def test_a_stream_that_hits_the_cap_ends_in_an_error() -> None:
    with pytest.raises(OutputTruncated):
        Rewriter({"answer": "on and on", "cut_off": True}).stream("Some words.", style="concise")
