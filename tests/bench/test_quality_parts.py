"""What measurements are made of: public cases, plain answers read, figures, tables."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.quality.cases import PublicCase, PublicInput, label_set, load_cases, sampled
from bench.quality.classify import drawn_labels, read_plain_label, read_plain_labels
from bench.quality.extract import plain_entities
from bench.quality.json_answers import json_objects, string_at, strings_at
from bench.quality.scores import Found, entity_figures, rewrite_figures, summary_figures
from bench.quality.table import Record, Row, as_markdown, write_json
from chains.errors import ConfigurationError
from eval.scorers.entities import Span


def case(text: str, **expected: Any) -> PublicCase:
    return PublicCase(id=text, task="rewrite", input=PublicInput(text=text), expected=expected)


def test_an_absent_set_is_told_with_its_upstream(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"extract_wnut17\.jsonl: cannot be read .* leondz/emerging_entities_17"
    ):
        load_cases(tmp_path, "extract_wnut17")
    with pytest.raises(ConfigurationError, match=r"labels\.json: cannot be read"):
        label_set(tmp_path, "banking77")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param("{", r"set\.jsonl:2: : Invalid JSON", id="no JSON"),
        pytest.param('{"id": "b", "task": "x", "expected": {}}', r"set\.jsonl:2: input: Field required", id="no input"),
    ],
)
def test_a_broken_line_is_told_with_its_place(tmp_path: Path, line: str, message: str) -> None:
    good = case("a").model_dump_json()
    (tmp_path / "set.jsonl").write_text(f"{good}\n{line}\n")
    with pytest.raises(ConfigurationError, match=message):
        load_cases(tmp_path, "set")


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        pytest.param({"few": ["a", "b"]}, {"a": "", "b": ""}, id="names"),
        pytest.param({"few": {"a": "what a is"}}, {"a": "what a is"}, id="with descriptions"),
    ],
)
def test_label_sets(tmp_path: Path, sets: dict[str, Any], expected: dict[str, str]) -> None:
    (tmp_path / "labels.json").write_text(json.dumps(sets))
    assert label_set(tmp_path, "few") == expected
    with pytest.raises(ConfigurationError, match="holds no label set 'many'"):
        label_set(tmp_path, "many")


def test_a_larger_sample_begins_with_the_smaller_one() -> None:
    cases = [case(str(number)) for number in range(20)]
    assert sampled(cases, 5, 7) == sampled(cases, 12, 7)[:5]
    assert sampled(cases, 5, 7) != sampled(cases, 5, 8)
    assert len({one.id for one in sampled(cases, 100, 7)}) == 20


def test_drawn_labels_hold_the_right_one_once() -> None:
    names = [f"label {number}" for number in range(30)]
    drawn = [drawn_labels("label 3", names, 8, 7, f"case {number}") for number in range(20)]
    assert all(one.count("label 3") == 1 and len(set(one)) == 8 for one in drawn)
    assert len({one.index("label 3") for one in drawn}) > 3, "the right one stands anywhere"
    assert drawn == [drawn_labels("label 3", names, 8, 7, f"case {number}") for number in range(20)]


@pytest.mark.parametrize(
    ("text", "objects"),
    [
        pytest.param('Sure:\n```json\n{"a": 1}\n```', [{"a": 1}], id="in a fence"),
        pytest.param('[{"a": {"b": 2}}, {"a": 3}, {"a"', [{"a": {"b": 2}}, {"a": 3}], id="a list cut off"),
        pytest.param('{"a": {"b": 2}', [{"b": 2}], id="inside one that is cut off"),
        pytest.param("none {here}", [], id="none"),
        pytest.param("{" * 5000, [], id="only braces"),
    ],
)
def test_json_objects(text: str, objects: list[Any]) -> None:
    assert list(json_objects(text)) == objects


def test_strings_of_answers() -> None:
    assert strings_at({"text": "Ada", "type": "PERSON"}, "text", "type") == ("Ada", "PERSON")
    assert strings_at({"text": "Ada", "type": 1}, "text", "type") is None
    assert string_at('{"label" : "a \\"b\\"", "text": "cut o', "label") == 'a "b"'
    assert string_at('{"label": 3}', "label") is None


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        pytest.param('{"label": "card_lost"}', "card_lost", id="as asked"),
        pytest.param('JSON: {"label": "Card lost", "why": "cut o', "card_lost", id="another spelling, cut off"),
        pytest.param('{"label": "card"}', None, id="not offered"),
        pytest.param("card_lost", None, id="no JSON"),
        pytest.param(None, None, id="failed"),
    ],
)
def test_a_plain_label_is_read_kindly(answer: str | None, label: str | None) -> None:
    assert read_plain_label(answer, ["card_lost", "refund"]) == label
    assert read_plain_labels(f'{{"labels": ["{label}", "other", 3]}}', {"card_lost": ""}) == ({label} & {"card_lost"})
    assert read_plain_labels('{"labels": "card_lost"}', {"card_lost": ""}) == set()


def test_plain_entities_stand_at_their_next_mention() -> None:
    answer = json.dumps([{"text": text, "type": "PERSON"} for text in ("Ada", "Ada", "Ada", "Bob", "")])
    assert plain_entities(case("Ada met Ada."), answer) == Found(
        [Span("PERSON", 0, 3), Span("PERSON", 8, 11), Span("PERSON", 0, 3)], [("Bob", "PERSON")]
    )
    assert plain_entities(case("Ada"), None) == Found()


def test_what_the_source_does_not_hold_is_a_wrong_entity() -> None:
    right = Span("PERSON", 0, 3)
    found = [Found([right], [("Bob", "PERSON"), ("Bob", "PERSON")], [("Ada", 0, 3)]), Found()]
    figures = entity_figures(["Ada", "x"], [[right], []], found)
    assert (figures["precision"], figures["recall"], figures["named"], figures["ungrounded"]) == (1 / 3, 1.0, 3, 2)
    assert figures["offsets valid"] == 1.0
    assert entity_figures(["Bob"], [[]], [Found([right], [], [("Ada", 0, 3)])])["offsets valid"] == 0.0


def test_figures_of_texts() -> None:
    rewritten = rewrite_figures(["Ada paid 20 euros", "No."], [["Ada paid 20"], ["No."]], ["Ada paid 20", ""])
    assert (rewritten["numbers kept"], rewritten["names kept"], rewritten["negation kept"]) == (1.0, None, 0.0)
    summary = summary_figures(["Ada paid 20 euros", "x"], [["Ada paid"], ["x"]], ["Ada paid 30", ""], 2)
    assert (summary["within max_words"], summary["numbers"], summary["names"]) == (0.5, 0.0, None)


def test_a_table_has_a_line_for_each_way_and_a_column_for_each_figure(tmp_path: Path) -> None:
    rows = [
        Row("few", "plain", 2, {"F1": 0.5, "errors": "1 backend_busy"}),
        Row("few", "task", 2, {"F1": None, "s": 1}),
    ]
    record = Record("extract", "tiny", "a machine", 7, "python -m bench.quality extract", 3.2, rows, when="today")
    assert as_markdown(record).splitlines()[2:] == [
        "`python -m bench.quality extract` on tiny, a machine, 3 s",
        "",
        "### few, 2 cases",
        "",
        "| way | F1 | errors | s |",
        "| --- | --- | --- | --- |",
        "| plain | 0.5 | 1 backend_busy | - |",
        "| task | - | - | 1 |",
    ]
    write_json([record], tmp_path / "out.json")
    (written,) = json.loads((tmp_path / "out.json").read_text())
    assert (written["seed"], written["rows"][0]["figures"]["F1"]) == (7, 0.5)
