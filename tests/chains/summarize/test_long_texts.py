"""Texts that don't fit the model: read in parts at once, reduced until they fit, and no part says more than its own."""

from itertools import takewhile
from typing import Any

import pytest

from chains.errors import BackendUnavailable, ContextExceeded, InvalidInput, OutputInvalid
from tests.chains.summarize.scene import MAP, REDUCE, SHORTEN, Scene
from tests.traffic.told import Told

TURNS = [f"Speaker {number % 3}: Topic number {number} was discussed for a while.\n" for number in range(600)]
LONG = "".join(TURNS)
"""Some 6,000 words."""
CONTEXT = 2000
NOTE = {"when": MAP, "answer": "They discussed topic number 7."}
SUMMARY = {"when": REDUCE, "answer": "Topic number 7 was discussed. Nothing was decided."}


def test_a_text_that_fits_is_read_whole() -> None:
    scene = Scene([{"answer": "Short."}], context_tokens=CONTEXT)
    output = scene.run("A text of some words.")
    assert len(scene.asked) == 1
    assert (output.coverage.chunks, output.coverage.chunks_used) == (1, 0)


def test_a_long_text_is_read_in_chunks_that_are_the_text() -> None:
    scene = Scene([NOTE, SUMMARY], context_tokens=CONTEXT)
    output = scene.run(LONG)
    parts = scene.asked_for(MAP)
    assert len(parts) == output.coverage.chunks > 10
    read = [texts[-1].partition("<document>\n")[2].removesuffix("\n</document>") for texts in parts]
    assert "".join(sorted(read, key=LONG.index)) == LONG
    assert all(part.startswith("Speaker") for part in read), "chunks begin where somebody begins to speak"
    assert len(scene.asked_for(REDUCE)) == 1
    assert output.summary == SUMMARY["answer"]


def test_every_chunk_has_the_same_prefix() -> None:
    scene = Scene([NOTE, SUMMARY], context_tokens=CONTEXT)
    scene.run(LONG, focus="topics", audience="the board", language="English")
    whole = ["\x00".join(texts) for texts in scene.asked_for(MAP)]
    common = "".join(letters[0] for letters in takewhile(lambda same: len(set(same)) == 1, zip(*whole, strict=False)))
    assert common.endswith("<document>\nSpeaker ")
    assert all(wish in common for wish in ("topics", "the board", "English"))


def test_the_wishes_reach_the_reduction_too() -> None:
    scene = Scene([NOTE, SUMMARY], context_tokens=CONTEXT)
    scene.run(LONG, style="bullets", max_words=33, focus="topics", audience="the board", language="Finnish")
    (last,) = scene.asked_for(REDUCE)
    assert all(wish in last[-1] for wish in ("bullet points", "33 words", "topics", "the board", "Finnish"))


def different(mark: str, sentences: int) -> list[dict[str, Any]]:
    """So many lines that each prompt with the mark gets notes of its own."""
    said = "Topic {call} was number {number} of those that stood on the list. "
    return [
        {"when": mark, "times": 1, "answer": "".join(said.format(call=call, number=n) for n in range(sentences))}
        for call in range(100)
    ]


def test_notes_that_do_not_fit_are_reduced_in_groups_until_they_do() -> None:
    scene = Scene([*different(MAP, 12), SUMMARY], context_tokens=CONTEXT)
    output = scene.run(LONG)
    assert len(scene.asked_for(REDUCE)) > 3
    assert output.summary == SUMMARY["answer"]


def test_notes_that_never_become_shorter_are_an_error_and_no_loop() -> None:
    scene = Scene([*different(MAP, 20), *different(REDUCE, 60)], context_tokens=CONTEXT)
    with pytest.raises(OutputInvalid, match="don't become shorter"):
        scene.run(LONG)


def test_what_is_noted_of_several_parts_is_noted_once() -> None:
    notes = {"when": MAP, "answer": "The list was long. The list was long.\n\nThey discussed it.\n\nIt was topic 7."}
    scene = Scene([notes, SUMMARY], context_tokens=CONTEXT)
    scene.run(LONG)
    (last,) = scene.asked_for(REDUCE)
    assert "<document>\nThe list was long.\n\nThey discussed it.\n\nIt was topic 7.\n</document>" in last[-1]


def test_a_part_of_which_there_is_nothing_to_say_is_left_out() -> None:
    scene = Scene([{**NOTE, "times": 1}, {"when": MAP, "answer": " "}, SUMMARY], context_tokens=CONTEXT)
    scene.run(LONG)
    (last,) = scene.asked_for(REDUCE)
    assert last[-1].count("They discussed") == 1


def test_a_model_that_says_nothing_of_any_part_is_an_error() -> None:
    with pytest.raises(OutputInvalid, match="nothing to say of any part"):
        Scene([{"when": MAP, "answer": " "}, SUMMARY], context_tokens=CONTEXT).run(LONG)


def test_the_parts_are_read_at_once_as_far_as_there_are_slots() -> None:
    for slots in (1, 4):
        told = Told()
        scene = Scene([{**NOTE, "delay_ms": 60}, SUMMARY], slots=slots, context_tokens=CONTEXT, meter=told.meter)
        scene.run(LONG)
        assert (max(told.of("in_use")), max(told.of("queued"))) == (slots, 0)


def test_the_first_part_that_fails_ends_the_request() -> None:
    scene = Scene(
        [{**NOTE, "times": 2}, {"when": MAP, "fail": "unavailable"}, SUMMARY], slots=1, context_tokens=CONTEXT
    )
    with pytest.raises(BackendUnavailable):
        scene.run(LONG)
    assert len(scene.asked) == 3


def test_a_stream_gives_out_the_last_reduction() -> None:
    scene = Scene([NOTE, {**SUMMARY, "token_ms": 1}], context_tokens=CONTEXT)
    pieces, output = scene.stream(LONG)
    assert len(pieces) > 3
    assert "".join(pieces) == output.summary == SUMMARY["answer"]
    assert output.coverage.chunks == len(scene.asked_for(MAP))


def test_the_summary_of_a_long_text_keeps_its_length_too() -> None:
    shorter = {"when": SHORTEN, "answer": "Topic 7 was discussed."}
    output = Scene([NOTE, SUMMARY, shorter], context_tokens=CONTEXT).run(LONG, max_words=4)
    assert (output.summary, output.shortened) == ("Topic 7 was discussed.", False)


def test_a_version_without_helpers_refuses_what_does_not_fit() -> None:
    with pytest.raises(ContextExceeded):
        Scene([SUMMARY], version="1.0.0", context_tokens=CONTEXT).run(LONG)


def test_where_nobody_knows_the_context_the_text_is_sent_whole() -> None:
    scene = Scene([{"answer": "All."}])
    assert scene.run(LONG).summary == "All."
    assert len(scene.asked) == 1


def test_far_too_long_a_text_is_refused_before_anything_is_read() -> None:
    scene = Scene([NOTE, SUMMARY], context_tokens=CONTEXT)
    with pytest.raises(InvalidInput, match="too long"):
        scene.run("a " * 2_500_000)
    assert scene.asked == []
