"""A clean transcript keeps the speaker's words: rules say which, and whether a model kept to them."""

import time

import pytest

from chains.tasks.rewrite.transcript import cleaned, kept_to_the_words
from tests.chains.rewrite.rewriting import Rewriter

UM = "So, um, I think we should, you know, move the meeting to, uh, Thursday at 10."
CLEAN = "So I think we should move the meeting to Thursday at 10."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(UM, CLEAN, id="fillers"),
        pytest.param("We need three no wait four copies.", "We need four copies.", id="one word is replaced"),
        pytest.param("It starts in May, I mean in July.", "It starts in July.", id="a word said again"),
        pytest.param("Who paid or rather when was it built?", "When was it built?", id="a question begins anew"),
        pytest.param("Is it the red no sorry the green one?", "Is it the green one?", id="an article said again"),
        pytest.param("What does the red no green lamp mean?", "What does the green lamp mean?", id="no in a question"),
        pytest.param("The the end. Yes.", "The end. Yes.", id="a word said twice"),
        pytest.param("Äh, wir kommen am Montag, nein, ich meine am Dienstag um 10.", "Wir kommen am Dienstag um 10.",
                     id="german"),
    ],
)  # fmt: skip
def test_rules_leave_out_fillers_and_corrected_words(text: str, expected: str) -> None:
    assert cleaned(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "There is no reason to wait, or is there? I would rather go. Sorry, I am late. Well, actually no.",
        "Patient: Any pain or any fever? No, no pain.\n\nDoctor: I mean it.",
        "Why is no one here? He had had enough, that that was clear. A long, long time.",
        "Wir treffen uns am Dienstag um 10. Das ist nicht nein.",
        "",
        " \n",
        "我们明天见。",
    ],
)
def test_rules_leave_other_sentences_alone(text: str) -> None:
    assert cleaned(text) == text


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        pytest.param("I think we should move the meeting to Thursday at 10.", True, id="cleaner than the rules"),
        pytest.param("I told her that the meeting is at 10 o'clock at 10 o'clock.", False, id="words of its own"),
        pytest.param("So I think.", False, id="the end is missing"),
    ],
)
def test_an_answer_that_kept_to_the_words_is_kept(answer: str, kept: bool) -> None:
    assert kept_to_the_words(answer, UM) == (answer if kept else CLEAN)
    assert Rewriter({"answer": answer}).run(UM, style="clean_transcript").text == (answer if kept else CLEAN)


def test_an_answer_in_circles_gives_way_to_the_rules() -> None:
    rewriter = Rewriter({"answer": "I think I think I think", "cut_off": True})
    assert rewriter.run(UM, style="clean_transcript").text == CLEAN


def test_an_instruction_may_ask_for_other_words() -> None:
    rewriter = Rewriter({"answer": "We shall convene on Thursday at 10."})
    output = rewriter.run(UM, style="clean_transcript", instruction="Make it formal.")
    assert output.text == "We shall convene on Thursday at 10."


def test_where_the_rules_have_nothing_to_do_the_answer_stands() -> None:
    assert kept_to_the_words("Hola, vamos.", "Eh, este, vamos.") == "Hola, vamos."


@pytest.mark.parametrize(
    "piece", ["no ", "um ", "no, ", "a no ", ", um, ", "a a ", "what no what ", ". ", "a", "or i mean "]
)
def test_takes_time_in_proportion_to_any_text(piece: str) -> None:
    start = time.thread_time()
    cleaned(piece * (20_000 // len(piece)))
    assert time.thread_time() - start < 2
