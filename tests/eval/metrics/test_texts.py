"""Metrics of what is written: summaries, rewritings, generated texts and objects; one case each, by hand."""

from typing import Any

import pytest

from eval.datasets import Case
from eval.metrics.metric import Value
from eval.scorers.bleu import bleu
from eval.scorers.chrf import chrf
from eval.scorers.rouge import rouge
from eval.scorers.sari import sari
from tests.eval.metrics.answers import made, summary, text, value

SOURCE = "Ada Lovelace paid 1,000 euros on 3 May 2024. The shop in Mill Road is not open on Sundays."
SHORT = "The shop in Mill Road is not open on Sundays."
REFERENCES = ["Ada Lovelace paid 1,000 euros in 2024.", "In 2024, Lovelace paid 1000 euros."]


def wanted(task: str = "summarize", **expected: Any) -> Case:
    return made(task, SOURCE, {"references": REFERENCES, **expected})


def asked(task: str = "summarize", expected: dict[str, Any] | None = None, **params: Any) -> Case:
    return made(task, SOURCE, expected or {"references": REFERENCES}, **params)


def test_overlap_is_that_of_the_scorers() -> None:
    written = "Ada paid 1,000 euros."
    for name, score in rouge(written, REFERENCES).items():
        assert value(name, wanted(), summary(written)) == score.f1
    rewriting = wanted("rewrite")
    assert value("chrf", rewriting, text(written)) == pytest.approx(chrf(written, REFERENCES) / 100)
    assert value("bleu", rewriting, text(written)) == pytest.approx(bleu(written, REFERENCES) / 100)
    assert value("sari", rewriting, text(written)) == pytest.approx(sari(SOURCE, written, REFERENCES).score / 100)


@pytest.mark.parametrize("name", ["rouge1", "rouge2", "rougeLsum", "chrf", "bleu", "sari"])
def test_degenerate_texts(name: str) -> None:
    task, answer = ("summarize", summary) if name.startswith("rouge") else ("rewrite", text)
    case = made(task, SOURCE, {"references": [REFERENCES[0]]})
    empty = value(name, case, answer(""))
    assert empty == 0.0 if name != "sari" else empty == pytest.approx(sari(SOURCE, "", REFERENCES[:1]).delete / 300)
    assert value(name, made(task, SOURCE, {"references": []}), answer("x")) is None
    equal = value(name, case, answer(REFERENCES[0]))
    assert equal == pytest.approx(1.0) if name != "sari" else equal is not None
    assert value(name, made(task, SOURCE, {"references": [""]}), answer("")) in (0.0, pytest.approx(100 / 300))


LONG_BULLETS = "- one\n- two\n- three"


@pytest.mark.parametrize(
    ("case", "written", "name", "expected"),
    [
        pytest.param(wanted(facts=["1000", "in 2024"]), "1,000 in 2024", "facts_stated", 1.0, id="all facts"),
        pytest.param(wanted(facts=["1,000", "Bob"]), "It was 1,000.", "facts_stated", 0.5, id="one of two facts"),
        pytest.param(wanted(), "anything", "facts_stated", None, id="no facts"),
        pytest.param(wanted(), "In 2024 it was 1000.", "numbers_kept", 1.0, id="numbers told otherwise"),
        pytest.param(wanted(), "It was 1,000.", "numbers_kept", 0.5, id="one of two numbers"),
        pytest.param(wanted(), "Much was paid.", "numbers_kept", 0.0, id="no number"),
        pytest.param(asked(expected={"references": ["Money was paid."]}), "x", "numbers_kept", None, id="none to keep"),
        pytest.param(asked(expected={"references": REFERENCES[:1]}), "Lovelace, Ada", "names_kept", 1.0, id="the name"),
        pytest.param(asked(expected={"references": REFERENCES[:1]}), "She paid.", "names_kept", 0.0, id="no name"),
        pytest.param(wanted(), "She paid.", "negation_kept", None, id="nothing to negate"),
        pytest.param(asked(expected={"references": [SHORT]}), "It isn't open.", "negation_kept", 1.0, id="negated"),
        pytest.param(asked(expected={"references": [SHORT]}), "It is open.", "negation_kept", 0.0, id="negation lost"),
        pytest.param(
            asked(expected={"references": [SHORT, "It is closed."]}), "x", "negation_kept", None, id="told otherwise"
        ),
        pytest.param(wanted(forbidden=["banana"]), "A BANANA.", "forbidden_absent", 0.0, id="forbidden"),
        pytest.param(wanted(forbidden=["banana"]), "bananas", "forbidden_absent", 1.0, id="a part of a word"),
        pytest.param(wanted(forbidden=["🎉"]), "hooray 🎉", "forbidden_absent", 0.0, id="a forbidden emoji"),
        pytest.param(wanted(), "banana", "forbidden_absent", None, id="nothing forbidden"),
        pytest.param(wanted(), "She paid 20 of 1,000 euros.", "number_precision", 0.5, id="an invented number"),
        pytest.param(wanted(), "She paid.", "number_precision", None, id="no number stated"),
        pytest.param(wanted(), "Ada Lovelace met Bob Smith.", "name_precision", 0.5, id="an invented name"),
        pytest.param(asked(max_words=3), "one two three", "length_compliance", 1.0, id="just as long"),
        pytest.param(asked(max_words=3), "one two three four", "length_compliance", 0.0, id="one too long"),
        pytest.param(asked(), "word " * 81, "length_compliance", 0.0, id="80 words where nothing is said"),
        pytest.param(asked(), "word " * 80, "length_compliance", 1.0, id="80 words"),
        pytest.param(asked(style="bullets"), LONG_BULLETS, "form", 1.0, id="bullets"),
        pytest.param(asked(style="bullets"), "one two", "form", 0.0, id="no bullets"),
        pytest.param(asked(style="headline"), "Shop closed on Sundays", "form", 1.0, id="a headline"),
        pytest.param(asked(style="headline"), LONG_BULLETS, "form", 0.0, id="no headline"),
        pytest.param(asked(style="prose"), LONG_BULLETS, "form", None, id="prose has no form"),
        pytest.param(asked(), LONG_BULLETS, "form", None, id="nothing is asked"),
        pytest.param(wanted(), SOURCE, "compression", 1.0, id="as long as the source"),
        pytest.param(wanted(), SOURCE * 2, "compression", 1.0, id="longer than the source"),
        pytest.param(wanted(), "", "compression", 0.0, id="no length"),
    ],
)
def test_summaries(case: Case, written: str, name: str, expected: Value) -> None:
    assert value(name, case, summary(written)) == expected


def test_a_summary_that_was_cut_off_kept_no_length() -> None:
    assert value("length_compliance", asked(max_words=9), summary("one two", shortened=True)) == 0.0


@pytest.mark.parametrize(
    ("case", "written", "name", "expected"),
    [
        pytest.param(wanted("rewrite"), SOURCE.upper(), "copied", 1.0, id="a copy"),
        pytest.param(wanted("rewrite"), "Something else", "copied", 0.0, id="no copy"),
        pytest.param(asked("rewrite", {"references": [SOURCE]}), SOURCE, "copied", None, id="nothing is to be changed"),
        pytest.param(wanted("rewrite"), REFERENCES[0], "length_ratio", 1.0, id="as long as a reference"),
        pytest.param(wanted("rewrite"), "one two three", "length_ratio", 0.5, id="half of the shorter reference"),
        pytest.param(wanted("rewrite"), "word " * 14, "length_ratio", 0.5, id="twice the longer reference"),
        pytest.param(wanted("rewrite"), "", "length_ratio", 0.0, id="empty"),
        pytest.param(wanted("rewrite"), "1000 in 2024", "numbers_kept", 1.0, id="numbers"),
    ],
)
def test_rewritings(case: Case, written: str, name: str, expected: Value) -> None:
    assert value(name, case, text(written)) == expected


SCHEMA = {
    "type": "object",
    "properties": {"urgent": {"type": "boolean"}, "count": {"type": "integer"}, "name": {"type": "string"}},
    "required": ["urgent"],
    "additionalProperties": False,
}
OBJECT = asked("generate", {"output": {"urgent": True, "name": "Ada"}}, output_schema=SCHEMA)
WORDS = asked("generate", {"facts": ["Ada"], "forbidden": ["Bob"]}, max_words=4)


def generated(written: str, **more: Any) -> dict[str, Any]:
    return text(written, "generate", **more)


@pytest.mark.parametrize(
    ("case", "output", "name", "expected"),
    [
        pytest.param(OBJECT, generated("{}", output={"urgent": True, "name": " Ada"}), "values_right", 1.0, id="right"),
        pytest.param(OBJECT, generated("{}", output={"urgent": True, "name": "Bob"}), "values_right", 0.5, id="half"),
        pytest.param(OBJECT, generated("{}", output={"urgent": 1}), "values_right", 0.0, id="1 isn't true"),
        pytest.param(OBJECT, generated("x"), "values_right", 0.0, id="no object"),
        pytest.param(WORDS, generated("Ada"), "values_right", None, id="no object wanted"),
        pytest.param(OBJECT, generated("{}", output={"urgent": True}), "schema_validity", 1.0, id="valid"),
        pytest.param(OBJECT, generated("{}", output={"urgent": "yes"}), "schema_validity", 0.0, id="invalid"),
        pytest.param(OBJECT, generated("x"), "schema_validity", 0.0, id="nothing to validate"),
        pytest.param(WORDS, generated("x"), "schema_validity", None, id="no schema"),
        pytest.param(OBJECT, generated("{}", output={"urgent": True}), "language_kept", None, id="no text"),
        pytest.param(WORDS, generated("one two three four"), "length_compliance", 1.0, id="as long"),
        pytest.param(WORDS, generated("one two three four five"), "length_compliance", 0.0, id="too long"),
        pytest.param(WORDS, generated("one", shortened=True), "length_compliance", 0.0, id="cut off"),
        pytest.param(OBJECT, generated("{}"), "length_compliance", None, id="no limit"),
        pytest.param(WORDS, generated("Ada is here"), "instructions_followed", 1.0, id="all followed"),
        pytest.param(WORDS, generated("Bob is here"), "instructions_followed", 0.0, id="something forbidden"),
        pytest.param(WORDS, generated("Ada " * 5), "instructions_followed", 0.0, id="one not followed"),
        pytest.param(OBJECT, generated("{}", output={}), "instructions_followed", 0.0, id="the schema not"),
        pytest.param(WORDS, None, "instructions_followed", 0.0, id="a failure"),
        pytest.param(WORDS, generated("Ada"), "facts_stated", 1.0, id="facts"),
    ],
)
def test_generated(case: Case, output: dict[str, Any] | None, name: str, expected: Value) -> None:
    assert value(name, case, output) == expected


GERMAN, ENGLISH = "Das ist die Antwort auf die Frage.", "This is the answer to the question."


@pytest.mark.parametrize(
    ("case", "written", "expected"),
    [
        pytest.param(wanted("rewrite"), ENGLISH, 1.0, id="kept"),
        pytest.param(wanted("rewrite"), GERMAN, 0.0, id="translated"),
        pytest.param(wanted("rewrite", language="de"), GERMAN, 1.0, id="the case says so"),
        pytest.param(wanted("rewrite", language="de"), ENGLISH, 0.0, id="the case says otherwise"),
        pytest.param(asked(language="German"), GERMAN, 1.0, id="the caller asks for it"),
        pytest.param(asked(language="German"), ENGLISH, 0.0, id="the caller asks for another one"),
        pytest.param(asked(language="Klingon"), ENGLISH, None, id="the caller asks for an unknown one"),
        pytest.param(asked(expected={"references": [GERMAN]}), GERMAN, 1.0, id="the references' one"),
        pytest.param(made("summarize", "42", {"references": ["42"]}, "de"), ENGLISH, 0.0, id="the case's one"),
        pytest.param(made("summarize", GERMAN, {"references": ["42"]}), ENGLISH, 0.0, id="the source's one"),
        pytest.param(made("summarize", "42", {"references": ["42"]}), ENGLISH, None, id="none can be told"),
        pytest.param(wanted(), "Snow closes airport", 1.0, id="undecided counts as kept"),
        pytest.param(wanted(), "", 0.0, id="an empty answer keeps nothing"),
    ],
)
def test_language(case: Case, written: str, expected: Value) -> None:
    answer = summary(written) if case.task == "summarize" else text(written)
    assert value("language_kept", case, answer) == expected
