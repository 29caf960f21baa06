"""Entities of given types: where they stand, which of them stay, and what long texts and cut answers come to."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from chains.errors import InvalidInput, OutputTruncated
from chains.tasks.extract import task
from chains.tasks.extract.candidates import candidates
from chains.tasks.extract.contract import EntityType
from chains.tasks.extract.overlaps import Placed, without_overlaps
from chains.tasks.extract.spoken import described, spoken_names
from chains.text import Alignment, Mention
from tests.chains.extracting import entities, extracted, grounded

TYPES = [{"name": "PERSON"}, {"name": "city"}]
KINDS = "What is"
EVERYBODY: dict[str, Any] = {"when": KINDS, "scores": {"PERSON": -9.0, "person": -0.1, "city": -3.0, "nothing": -9.0}}


def asked(text: str, **fields: Any) -> dict[str, Any]:
    return {"text": text, "types": TYPES, **fields}


@pytest.mark.parametrize(
    ("text", "named", "found", "ungrounded"),
    [
        pytest.param("Ada met Bob.", [("Ada", 0, "exact")], [("Ada", "PERSON", 0, "exact")], [], id="exact"),
        pytest.param("ada met bob.", ["Ada"], [("ada", "PERSON", 0, "normalized")], [], id="the source's own case"),
        pytest.param(
            "ich traf jürgen meyer", ["Jürgen Meier"], [("jürgen meyer", "PERSON", 9, "fuzzy")], [], id="fuzzy"
        ),
        pytest.param("it rained.", ["Olga Brandt"], [], ["Olga Brandt"], id="words of an example only"),
        pytest.param(
            "ada, ada.", ["ada"] * 3, [("ada", "PERSON", 0, "exact"), ("ada", "PERSON", 5, "exact")], [], id="twice"
        ),
        pytest.param("👋 ada", ["ada"], [("ada", "PERSON", 3, "exact")], [], id="utf16"),
        pytest.param(
            "🎉🎉", ["🎉"], [("🎉", "PERSON", 0, "exact"), ("🎉", "PERSON", 2, "exact")][:1], [], id="only emoji"
        ),
        pytest.param("a", ["b", "b", " "], [], ["b"], id="one letter"),
        pytest.param("ⵜⴰⵎⴰⵣⵉⵖⵜ", ["ⵜⴰⵎⴰⵣⵉⵖⵜ"], [("ⵜⴰⵎⴰⵣⵉⵖⵜ", "PERSON", 0, "exact")], [], id="another script"),
    ],
)
def test_entities_are_the_source_s_words(
    text: str, named: list[Any], found: list[tuple[str, str, int, str]], ungrounded: list[str]
) -> None:
    texts = [one if isinstance(one, str) else one[0] for one in named]
    script = [EVERYBODY, {"answer": entities(*(("person", one) for one in texts))}]
    output, _ = extracted(script, asked(text))
    kept = [one for one in grounded(output) if one[0] in {text for text, *_ in found}]
    assert kept == found
    assert [(one.text, one.type, one.pointer) for one in output.ungrounded] == [
        (one, "PERSON", None) for one in ungrounded
    ]


def test_what_looks_like_an_entity_is_judged_by_likelihood() -> None:
    script = [
        {"when": 'What is "Oslo"', "scores": {"city": -0.2, "person": -4.0, "nothing": -6.0}},
        {"when": 'What is "Grey Mind"', "scores": {"city": -4.0, "person": -4.0, "nothing": -0.2}},
        {"when": 'What is "Quux"', "scores": {"city": -9.0, "person": -9.0, "nothing": -20.0}},
        EVERYBODY,
        {"answer": entities(("city", "Ada"))},
    ]
    output, usage = extracted(script, asked("Grey Mind, Quux, Ada is in Oslo. We are, too."))
    assert [(one.text, one.type) for one in output.entities] == [("Ada", "PERSON"), ("Oslo", "city")]
    assert usage.model_calls == 5


def test_a_version_without_the_prompt_for_kinds_asks_once() -> None:
    output, usage = extracted([{"answer": entities(("person", "Ada"))}], asked("Ada in Oslo"), version="1.0.0")
    assert grounded(output) == [("Ada", "PERSON", 0, "exact")]
    assert usage.model_calls == 1


LONG = " ".join(f"Line {number:03} names p{number:03}q." for number in range(120))


def test_a_long_text_is_read_in_overlapping_chunks() -> None:
    script: list[dict[str, Any]] = [EVERYBODY]
    script += [{"when": "names p000q", "answer": entities(("person", "p000q"))}]
    script += [{"when": "names p119q", "answer": entities(("person", "p119q"), ("person", "p000q"))}]
    script += [{"answer": entities(("person", "p060q"))}]
    # Words are tokens here: the prompt and its examples take some 250, and 1,024 are kept for the answer.
    output, usage = extracted(script, asked(LONG), context_tokens=1650, slots=4)
    found = [one for one in grounded(output) if one[0].startswith("p")]
    assert found == [(name, "PERSON", LONG.index(name), "exact") for name in ("p000q", "p060q", "p119q")]
    assert all(LONG[one.offset :].startswith(one.text) for one in output.entities)
    assert not output.ungrounded
    assert usage.model_calls > 2


def test_further_passes_read_smaller_parts() -> None:
    text = "ada and bob sat there. " + "the sun was out all day. " * 8 + "and then eve came by at night. "
    script = [
        EVERYBODY,
        {"when": "ada", "times": 1, "answer": entities()},
        {"when": "ada", "answer": entities(("person", "bob"))},
    ]
    script += [{"answer": entities(("person", "eve"))}]
    once, _ = extracted(script, asked(text))
    twice, usage = extracted(script, asked(text, passes=2))
    assert not once.entities
    assert [one.text for one in twice.entities] == ["bob", "eve"]
    assert usage.model_calls > 3


def test_an_answer_without_end_is_asked_for_in_parts() -> None:
    text = "ada sat there. " + "the sun was out all day. " * 8 + "and then eve came by at night. "
    script = [
        EVERYBODY,
        {"when": "eve", "times": 1, "answer": entities(("person", "ada")), "cut_off": True},
        {"when": "ada", "answer": entities(("person", "ada"))},
        {"answer": entities(("person", "eve"))},
    ]
    output, _ = extracted(script, asked(text))
    assert [one.text for one in output.entities] == ["ada", "eve"]


def test_an_answer_without_end_about_a_sentence_is_an_error() -> None:
    with pytest.raises(OutputTruncated):
        extracted([{"answer": entities(), "cut_off": True}], asked("ada"))


def test_five_megabytes_keep_the_event_loop_free() -> None:
    text = "Ada Lovelace met Charles Babbage in London in 1833.\r\n" * 100_000
    start = time.thread_time()
    output, _ = extracted(
        [EVERYBODY, {"answer": entities(("person", "Ada Lovelace"), ("city", "Lomdon Bridge"))}], asked(text)
    )
    assert time.thread_time() - start < 2
    assert [one.text for one in output.entities] == ["Ada Lovelace"]
    assert [one.text for one in output.ungrounded] == ["Lomdon Bridge"]


def test_a_text_of_too_many_chunks_is_refused() -> None:
    with pytest.raises(InvalidInput, match="too long"):
        extracted([{"answer": entities()}], asked("Ada met Bob. " * 400_000), context_tokens=2000)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({}, "types_or_record_schema", id="neither"),
        pytest.param({"types": TYPES, "record_schema": {"type": "object"}}, "types_or_record_schema", id="both"),
        pytest.param({"types": [{"name": "A"}, {"name": "A"}]}, "names_repeated", id="types with the same name"),
        pytest.param({"types": []}, "too_short", id="no type"),
        pytest.param({"types": TYPES, "passes": 4}, "less_than_equal", id="too many passes"),
        pytest.param({"types": [{"name": "A", "examples": [""]}]}, "string_too_short", id="an empty example"),
    ],
)
def test_refuses_requests_that_make_no_sense(fields: dict[str, Any], code: str) -> None:
    with pytest.raises(ValidationError) as caught:
        task.input.model_validate({"text": "Ada", **fields})
    assert caught.value.errors()[0]["type"] == code


@pytest.mark.parametrize(
    ("types", "spoken"),
    [
        pytest.param([("CREDIT_CARD", None)], ["credit card"], id="snake case"),
        pytest.param([("phoneNumber", None)], ["phone number"], id="camel case"),
        pytest.param([("creative-work", None)], ["creative work"], id="hyphen"),
        pytest.param([("PERSON", None)], ["person"], id="capitals"),
        pytest.param([("ORG", None), ("LOC", None)], ["organization", "location"], id="usual abbreviations"),
        pytest.param([("Marigold", None), ("地点", None)], ["Marigold", "地点"], id="words stay"),
        pytest.param([("T1", "names of people."), ("T2", None)], ["names of people", "T2"], id="opaque"),
        pytest.param([("T1", "people"), ("T2", "people")], ["T1", "T2"], id="described alike"),
        pytest.param([("CREDIT_CARD", None), ("credit-card", None)], ["CREDIT_CARD", "credit-card"], id="spoken alike"),
        pytest.param([("PERSON", None), ("person", None)], ["PERSON", "person"], id="the words of another name"),
        pytest.param([("A_B", None), ("a b", None), ("A-B", None)], ["A_B", "a b", "A-B"], id="three alike"),
    ],
)
def test_types_are_spoken_in_words_of_their_own(types: list[tuple[str, str | None]], spoken: list[str]) -> None:
    names = spoken_names([EntityType(name=name, description=description) for name, description in types])
    assert dict(names) == dict(zip(spoken, (name for name, _ in types), strict=True))


def test_examples_and_descriptions_stand_beside_a_type_s_words() -> None:
    kinds = [
        EntityType(name="T1", description="Cities.", examples=("Oslo", "Porto")),
        EntityType(name="PERSON", description="people"),
        EntityType(name="T2"),
    ]
    told = [described(spoken, kind) for spoken, kind in zip(spoken_names(kinds), kinds, strict=True)]
    assert told == [
        {"name": "Cities", "description": "such as Oslo, Porto"},
        {"name": "person", "description": "people"},
        {"name": "T2", "description": ""},
    ]


def placed(*spans: tuple[int, int, str]) -> list[Placed]:
    return [Placed(Mention(start, end, Alignment.EXACT), kind) for start, end, kind in spans]


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        pytest.param(placed((4, 6, "b"), (0, 2, "a")), placed((0, 2, "a"), (4, 6, "b")), id="in the text's order"),
        pytest.param(placed((0, 2, "a"), (0, 5, "b")), placed((0, 5, "b")), id="the longer one"),
        pytest.param(placed((0, 5, "a"), (0, 5, "b")), placed((0, 5, "a")), id="the first of two types"),
        pytest.param(placed((0, 4, "a"), (2, 9, "b"), (8, 12, "c")), placed((2, 9, "b")), id="the longest of a chain"),
        pytest.param(placed((0, 3, "a"), (3, 6, "a")), placed((0, 3, "a"), (3, 6, "a")), id="neighbours"),
    ],
)
def test_of_overlapping_entities_one_stays(found: list[Placed], kept: list[Placed]) -> None:
    assert without_overlaps(found) == kept


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9), st.sampled_from("ab")), max_size=12))
def test_no_character_is_in_two_entities_and_none_is_left_out_for_nothing(spans: list[tuple[int, int, str]]) -> None:
    found = placed(*((start, start + length, kind) for start, length, kind in spans))
    kept = without_overlaps(found)
    taken = [offset for one in kept for offset in range(one.mention.start, one.mention.end)]
    assert len(taken) == len(set(taken))
    assert all(set(range(one.mention.start, one.mention.end)) & set(taken) for one in found)


def test_what_lies_within_an_entity_is_not_asked_about() -> None:
    output, usage = extracted([EVERYBODY, {"answer": entities()}], asked("at Mill Road 1634"))
    assert [one.text for one in output.entities] == ["Mill Road 1634"]
    assert usage.model_calls == 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("Hi Ada, I'm Bob Ray. We are.", ["Ada", "Bob Ray"], id="behind common words"),
        pytest.param("The Low Tides in Porto", ["The Low Tides", "Porto"], id="a name with an article"),
        pytest.param("Mr. Ray of Foo & Sons Inc. is 36", ["Mr. Ray of Foo & Sons Inc.", "36"], id="abbreviations"),
        pytest.param("see https://x.y/1, a@b.de", ["https://x.y/1", "a@b.de"], id="addresses whole"),
        pytest.param("@foo_1 #bar", ["foo_1", "bar"], id="tags"),
        pytest.param("4024 0071, or 10.30 or 1,000", ["4024 0071", "10.30", "1,000"], id="numbers"),
        pytest.param("今天很好。", [], id="no capitals"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_what_looks_like_an_entity(text: str, found: list[str]) -> None:
    assert [text[start:end] for start, end in sorted(candidates(text))] == found
