"""What an edit costs: for each, the bump that it needs, and the bump of taking it back."""

from collections.abc import Mapping
from typing import Any

import pytest

from chains.prompts import PromptVersion
from chains.prompts.comparison.changes import Bump, compare
from tests.chains.conftest import Load

NONE, PATCH, MINOR, MAJOR = Bump
FRONT = """---
description: A test
changelog: First
inputs:
  text: {type: string}
  tone: {enum: [dry, warm], default: dry}
  words: {type: integer, minimum: 5, default: 80}
  rare: {type: boolean, default: false}
  tags: {type: array, items: {type: string, maxLength: 9}, default: []}
output: answer-1.json
model:
  temperature: 0
  max_output_tokens: 300
examples: demo/few-1.yaml
uses: {fix: helper@1.0.0}
---
"""
BODY = """system:
{% include "partials/ground-1.j2" %}
You write.
user:
{# how #}{% if tone == "warm" %}Be warm.{% elif words < 10 %}Be terse.{% else %}Be dry.{% endif %}
{% if rare %}Rarely: {% include "partials/rare-1.j2" %}{% endif %}
{% for tag in tags %}{{ loop.index }}. {{ tag }} {% endfor %}{{ "Many" if words > 50 else "Few" }} words.
{{ text }}
"""
ANSWER = (
    '{"type": "object", "required": ["label"], "additionalProperties": false,\n'
    ' "properties": {"label": {"enum": ["a", "b"]}, "score": {"type": "number"}}}'
)
FEW = "- inputs: {text: one}\n  output: {label: a}\n- inputs: {text: two}\n  output: {label: b}\n"
FEW_REORDERED = "- inputs: {text: two}\n  output: {label: b}\n- inputs: {text: one}\n  output: {label: a}\n"
HELPER = "---\ndescription: Helps\nchangelog: First\ninputs: {}\n---\nuser:\nHelp.\n"
FILES = {
    "partials/ground-1.j2": "Keep to the facts.",
    "partials/ground-2.j2": "Keep to the facts!",
    "partials/nested.j2": '{% include "partials/ground-1.j2" %}',
    "partials/whole.j2": '{% include "partials/nested.j2" %}\nYou write.\n',
    "partials/rare-1.j2": "{% if tone == 'warm' %}gently{% endif %}",
    "partials/rare-2.j2": "{% if tone == 'warm' %}kindly{% endif %}",
    "partials/tone.j2": '{% if tone == "warm" %}Be warm.{% elif words < 10 %}Be terse.{% else %}Be dry.{% endif %}',
    "partials/set.j2": "{% set to = 'the facts' %}Keep to {{ to }}.",
    "schemas/answer-1.json": ANSWER,
    "schemas/answer-2.json": ANSWER,
    "demo/few-1.yaml": FEW,
    "demo/few-2.yaml": FEW,
    "helper/1.0.0.j2": HELPER,
    "helper/1.1.0.j2": HELPER.replace("Help.", "Help!"),
}
CASES: dict[str, dict[str, Any]] = {
    "plain": {"text": "a"},
    "warm": {"text": "b", "tone": "warm", "tags": ["x", "y"]},
    "short": {"text": "c", "words": 5},
}

Edits = Mapping[str, str]


def edited(text: str, edits: Edits) -> str:
    for old, new in edits.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


class Pair:
    """Writes `demo@1.0.0` and `demo@2.0.0`, and loads both. The version is edited; so are the schema and the few-shot
    file, which then have other names."""

    def __init__(self, load: Load) -> None:
        self._load = load

    def __call__(
        self, edits: Edits | None = None, *, schema: Edits | None = None, few: Edits | None = None,
        base: Edits | None = None, files: Edits | None = None,
    ) -> tuple[PromptVersion, PromptVersion]:  # fmt: skip
        first = edited(FRONT + BODY, base or {})
        second = edited(first, edits or {})
        more = dict(files or {})
        if schema is not None:
            second = second.replace("answer-1", "answer-2")
            more["schemas/answer-2.json"] = edited(ANSWER, schema)
        if few is not None:
            second = second.replace("few-1", "few-2")
            more["demo/few-2.yaml"] = edited(FEW, few)
        prompts = self._load(first, front="", files={**FILES, **more, "demo/2.0.0.j2": second})
        return prompts.get("demo", "1.0.0"), prompts.get("demo", "2.0.0")


@pytest.fixture
def pair(load: Load) -> Pair:
    return Pair(load)


def edit(name: str, forth: Bump, back: Bump, place: str, /, edits: Edits | None = None, **more: Edits) -> object:
    """The bumps of an edit and of its reverse, and the place of what decides the former."""
    return pytest.param({"edits": edits, **more}, forth, back, place, id=name)


INPUTS = [
    edit("renamed input", MAJOR, MAJOR, "inputs.text", {"  text: {": "  document: {", "{{ text }}": "{{ document }}"},
         few={"text: one": "document: one", "text: two": "document: two"}),
    edit("added optional input", MINOR, MAJOR, "inputs.note", {"  text:": "  note: {default: ''}\n  text:"}),
    edit("added required input", MAJOR, MAJOR, "inputs.note", {"  text:": "  note: {type: string}\n  text:"},
         few={"text: one": "text: one, note: n", "text: two": "text: two, note: n"}),
    edit("removed optional input", MAJOR, MINOR, "inputs.tags",
         {"  tags: {type: array, items: {type: string, maxLength: 9}, default: []}\n": "",
          "{% for tag in tags %}{{ loop.index }}. {{ tag }} {% endfor %}": ""}),
    edit("narrowed enum", MAJOR, MINOR, "inputs.tone", {"[dry, warm]": "[dry]"}),
    edit("widened enum", MINOR, MAJOR, "inputs.tone", {"[dry, warm]": "[dry, warm, hot]"}),
    edit("reordered enum", PATCH, PATCH, "inputs.tone", {"[dry, warm]": "[warm, dry]"}),
    edit("enum freed", MINOR, MAJOR, "inputs.tone", {"enum: [dry, warm]": "type: string"}),
    edit("retyped input", MAJOR, MAJOR, "inputs.rare", {"boolean, default: false": "string, default: ''"}),
    edit("integer to number", MINOR, MAJOR, "inputs.words", {"type: integer": "type: number"}),
    edit("one more type", MINOR, MAJOR, "inputs.rare", {"{type: boolean": "{type: [boolean, 'null']"}),
    edit("minimum raised", MAJOR, MINOR, "inputs.words", {"minimum: 5": "minimum: 6"}),
    edit("minimum lowered", MINOR, MAJOR, "inputs.words", {"minimum: 5": "minimum: 4"}),
    edit("minimum taken out", MINOR, MAJOR, "inputs.words", {"minimum: 5, ": ""}),
    edit("maximum added", MAJOR, MINOR, "inputs.words", {"minimum: 5": "minimum: 5, maximum: 90"}),
    edit("items narrowed", MAJOR, MINOR, "inputs.tags[]", {"maxLength: 9": "maxLength: 8"}),
    edit("undecidable keyword", MAJOR, MINOR, "inputs.text",
         {"text: {type: string}": "text: {pattern: ., type: string}"}),
    edit("default changed", MINOR, MINOR, "inputs.words", {"default: 80": "default: 90"}),
    edit("default of another type", MINOR, MINOR, "inputs.words", {"default: 80": "default: 80.0"}),
    edit("default removed", MAJOR, MINOR, "inputs.rare", {", default: false": ""},
         few={"text: one": "text: one, rare: false", "text: two": "text: two, rare: false"}),
    edit("default added", MINOR, MAJOR, "inputs.text", {"text: {type: string}": "text: {type: string, default: ''}"}),
    edit("input annotated", PATCH, PATCH, "inputs.text", {"text: {type: string}": "text: {type: string, title: T}"}),
    edit("inputs in another order", PATCH, PATCH, "file",
         {"  text: {type: string}\n": "", "  rare:": "  text: {type: string}\n  rare:"}),
]  # fmt: skip
OUTPUTS = [
    edit("output dropped", MAJOR, MAJOR, "output", {"output: answer-1.json\n": ""}),
    edit("output property removed", MAJOR, MINOR, "output.score", schema={', "score": {"type": "number"}': ""}),
    edit("output property retyped", MAJOR, MAJOR, "output.score", schema={'"number"': '"string"'}),
    edit("output property widened", MAJOR, MINOR, "output.score", schema={'"number"': '["number", "null"]'}),
    edit("output property bounded", MINOR, MAJOR, "output.score", schema={'"number"': '"number", "minimum": 0'}),
    edit("optional output property", MINOR, MAJOR, "output.why",
         schema={'"score"': '"why": {"type": "string"}, "score"'}),
    edit("required output property", MINOR, MAJOR, "output.why",
         schema={'"score"': '"why": {"type": "string"}, "score"', '["label"]': '["label", "why"]'},
         few={"label: a": "label: a, why: c", "label: b": "label: b, why: c"}),
    edit("output property optional now", MAJOR, MINOR, "output.label", schema={'"required": ["label"], ': ""}),
    edit("output enum narrowed", MAJOR, MAJOR, "output.label",
         schema={'["a", "b"]': '["a"]'}, few={"label: b": "label: a"}),
    edit("output enum widened", MAJOR, MAJOR, "output.label", schema={'["a", "b"]': '["a", "b", "c"]'}),
    edit("output enum reordered", PATCH, PATCH, "output", schema={'["a", "b"]': '["b", "a"]'}),
    edit("output opened", MINOR, MINOR, "output.*", schema={', "additionalProperties": false': ""}),
    edit("schema file renamed", PATCH, PATCH, "output", schema={}),
    edit("schema annotated", PATCH, PATCH, "output", schema={'"number"': '"number", "description": "0 to 1"'}),
]  # fmt: skip
ASKED = [
    edit("temperature", MINOR, MINOR, "model.temperature", {"temperature: 0": "temperature: 0.2"}),
    edit("temperature in another way", PATCH, PATCH, "file", {"temperature: 0": "temperature: 0.0"}),
    edit("max tokens", MINOR, MINOR, "model.max_output_tokens", {"max_output_tokens: 300": "max_output_tokens: 301"}),
    edit("stop added", MINOR, MINOR, "model.stop", {"temperature: 0": "temperature: 0\n  stop: [END]"}),
    edit("seed added", MINOR, MINOR, "model.seed", {"temperature: 0": "temperature: 0\n  seed: 1"}),
    edit("few-shot output changed", MINOR, MINOR, "examples", few={"label: b": "label: a"}),
    edit("few-shot input changed", MINOR, MINOR, "examples", few={"text: two": "text: three"}),
    edit("few-shot added", MINOR, MINOR, "examples", few={"- inputs: {text: one}":
         "- inputs: {text: nil}\n  output: {label: b}\n- inputs: {text: one}"}),
    edit("few-shot reordered", MINOR, MINOR, "examples", few={FEW: FEW_REORDERED}),
    edit("few-shot file renamed", PATCH, PATCH, "examples", few={}),
    edit("few-shot dropped", MINOR, MINOR, "examples", {"examples: demo/few-1.yaml\n": ""}),
    edit("helper's pin", MINOR, MINOR, "uses.fix", {"helper@1.0.0": "helper@1.1.0"}),
    edit("helper's alias", MINOR, MINOR, "uses.fix", {"fix: helper": "mend: helper"}),
]  # fmt: skip
TEXTS = [
    edit("nothing", NONE, NONE, ""),
    edit("YAML comment", PATCH, PATCH, "file", {"changelog: First": "changelog: First  # of many"}),
    edit("description", PATCH, PATCH, "description", {"A test": "The test"}),
    edit("changelog", PATCH, PATCH, "changelog", {"First": "Second"}),
    edit("template comment", PATCH, PATCH, "body", {"{# how #}": "{# how\n much #}"}),
    edit("template comment taken out", PATCH, PATCH, "body", {"{# how #}": ""}),
    edit("spaces in a tag", PATCH, PATCH, "body", {"{{ text }}": "{{text}}"}),
    edit("quotes in a tag", PATCH, PATCH, "body", {'tone == "warm"': "tone == 'warm'"}),
    edit("parentheses in a tag", PATCH, PATCH, "body", {"words < 10": "(words < 10)"}),
    edit("text moved into a partial", PATCH, PATCH, "body",
         {'{% include "partials/ground-1.j2" %}': "Keep to the facts."}),
    edit("text moved into a nested partial", PATCH, PATCH, "body",
         {'{% include "partials/ground-1.j2" %}\nYou write.': '{% include "partials/whole.j2" %}'}),
    edit("condition moved into a partial", PATCH, PATCH, "body",
         {BODY.split("\n")[4].removeprefix("{# how #}"): '{% include "partials/tone.j2" %}'}),
    edit("text moved into a partial that sets names", PATCH, PATCH, "body",
         {'{% include "partials/ground-1.j2" %}': '{% include "partials/set.j2" %}'}),
    edit("partial's text", MINOR, MINOR, "case 'plain'", {"ground-1": "ground-2"}),
]  # fmt: skip
BODIES = [
    edit("space in the body", MINOR, MINOR, "case 'plain'", {"You write.": "You  write."}),
    edit("space at a line's end", MINOR, MINOR, "case 'plain'", {"You write.": "You write. "}),
    edit("line break at the end", MINOR, MINOR, "case 'plain'", {"{{ text }}\n": "{{ text }}\n\n"}),
    edit("space trimmed by a tag", MINOR, MINOR, "case 'plain'", {"{% if rare %}": "{%- if rare %}"}),
    edit("text of a covered branch", MINOR, MINOR, "case 'warm'", {"Be warm.": "Be kind."}),
    edit("text of a branch without a case", MINOR, MINOR, "body", {"Rarely:": "Seldom:"}),
    edit("text of a partial's branch without a case", MINOR, MINOR, "body", {"rare-1": "rare-2"}),
    edit("expression in a covered branch", PATCH, PATCH, "body", {"{{ tag }}": "{{ tag ~ '' }}"}),
    edit("expression in a branch without a case", MINOR, MINOR, "body", {"Rarely:": "{{ 'Rarely:' }}"}),
    edit("condition with all branches covered", PATCH, PATCH, "body", {"words < 10": "words <= 9"}),
    edit("condition with a branch without a case", MINOR, MINOR, "body", {"if rare": "if rare == true"}),
    edit("condition around nothing changed", PATCH, PATCH, "body", {"words > 50": "words >= 50"}),
    edit("branch taken out", MINOR, MINOR, "body",
         {'{% if rare %}Rarely: {% include "partials/rare-1.j2" %}{% endif %}': ""}),
    edit("covered condition added", PATCH, PATCH, "body",
         {"{{ text }}": "{% if words == 5 %}{{ '' }}{% endif %}{{ text }}"}),
    edit("branch without a case added", MINOR, MINOR, "body",
         {"{% elif words <": "{% elif words > 99 %}Much.{% elif words <"}),
    edit("trim in a covered place", PATCH, PATCH, "body", {"{{ text }}": "{{ text|trim }}"}),
    edit("loop written otherwise", PATCH, PATCH, "body", {"for tag in tags": "for tag in tags|list"}),
    edit("else of a loop, covered", PATCH, PATCH, "body",
         {"{{ tag }} {% endfor %}": "{{ tag }} {% else %}{{ '' }}{% endfor %}"}),
    edit("name set that a branch without a case reads", MINOR, MINOR, "body", {"= 1": "= 2"},
         base={"Rarely:": "Rarely {{ times }}:", "{# how #}": "{% set times = 1 %}"}),
    edit("role section added", MINOR, MINOR, "case 'plain'", {"user:": "assistant:\nYes?\nuser:"}),
    edit("role sections in another order", MINOR, MINOR, "case 'plain'",
         {"assistant:\nA\nuser:": "user:\nA\nassistant:"},
         base={"You write.\nuser:": "You write.\nassistant:\nA\nuser:\nB\nassistant:\nC\nuser:",
               "examples: demo/few-1.yaml\n": ""}),
    edit("escaped role", MINOR, MINOR, "case 'plain'", {"You write.": "You write.\n\\user:"}),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "forth", "back", "place"), INPUTS + OUTPUTS + ASKED + TEXTS + BODIES)
def test_an_edit_needs_its_bump(
    pair: Pair, arguments: Mapping[str, Edits], forth: Bump, back: Bump, place: str
) -> None:
    before, after = pair(**arguments)
    there, returned = compare(before, after, CASES), compare(after, before, CASES)
    assert (there.minimum, returned.minimum) == (forth, back), (there.changes, returned.changes)
    assert place in {change.place for change in there.changes if change.bump is forth} or not place
    assert all(change.message and change.place for change in (*there.changes, *returned.changes))


def test_a_change_is_told_in_plain_words(pair: Pair) -> None:
    edits = {
        "[dry, warm]": "[dry, cool]", "  text: {": "  document: {", "{{ text }}": "{{ document }}",
        "minimum: 5": "minimum: 2", "temperature: 0": "temperature: 0.5", "helper@1.0.0": "helper@1.1.0",
    }  # fmt: skip
    comparison = compare(*pair(edits, few={FEW: "- inputs: {document: one}\n  output: {label: a}\n"}), CASES)
    assert [(change.bump, f"{change.place}: {change.message}") for change in comparison.changes] == [
        (MAJOR, "inputs.text: the input is gone; the new 'document' takes the same, but callers don't send it"),
        (MAJOR, "inputs.tone: refuses what 1.0.0 takes: 'warm' is not taken"),
        (MINOR, "inputs.tone: takes more than 1.0.0 (there: 'cool' is not taken)"),
        (MINOR, "inputs.words: takes more than 1.0.0 (there: minimum is 5, not 2)"),
        (MAJOR, "inputs.document: a new input that callers must send"),
        (MINOR, "model.temperature: is 0.5, not 0.0"),
        (MINOR, "examples: 1 added or changed, 2 removed or changed; 1 in all, not 2"),
        (MINOR, "uses.fix: is helper@1.1.0, not helper@1.0.0"),
        (MINOR, "body: the template changed, and no golden case that both versions render shows what stays the same"),
    ]


def test_a_change_of_the_output_is_told_once(pair: Pair) -> None:
    schema = {'["a", "b"]': '["a", "c"]', '"number"': '["number", "null"]', '"required": ["label"], ': ""}
    few = {"label: b": "label: c"}
    told = [f"{change.place}: {change.message}" for change in compare(*pair(schema=schema, few=few), CASES).changes]
    assert told[:4] == [
        'output.label: the enum has "c" and lacks "b": clients with a closed enum break',
        "output.label: may be what 1.0.0 never yields (there: is required)",
        "output.score: may be what 1.0.0 never yields (there: the type null is not taken)",
        "examples: 1 added or changed, 1 removed or changed; 2 in all, not 2",
    ]


def test_an_uncovered_change_is_named_by_its_place_in_both_versions(pair: Pair) -> None:
    edits = {"rare-1": "rare-2", "changelog": "# Here\nchangelog"}
    changes = compare(*pair(edits), CASES).changes
    assert [change.message for change in changes if change.bump is MINOR] == [
        'partials/rare-1.j2:1: if tone == "warm" changed, and no golden case goes through it',
        'partials/rare-2.j2:1: if tone == "warm" changed, and no golden case goes through it',
    ]
    (before, after), rare = pair({"if rare": "if rare == true"}), {"rare": {"text": "d", "tone": "warm", "rare": True}}
    places = [change.message.split(": ")[0] for change in compare(before, after, CASES).changes]
    assert places == [
        "the template differs", "demo/1.0.0.j2:22", "partials/rare-1.j2:1", "partials/rare-1.j2:1", "demo/2.0.0.j2:22"
    ]  # fmt: skip
    assert compare(before, after, {**CASES, **rare}).minimum is MINOR  # the partial's missing else has no case
    dry = {"rare and dry": {"text": "e", "rare": True}}
    assert compare(before, after, {**CASES, **rare, **dry}).minimum is PATCH


def test_without_a_shared_case_only_an_equal_template_proves_that_nothing_changed(pair: Pair) -> None:
    before, after = pair({"{{ text }}": "{{ text|trim }}"})
    assert compare(before, after, CASES).minimum is PATCH
    for cases in ({}, {"refused": {"text": 1}}, {"of another prompt": {"topic": "a"}}):
        assert compare(before, after, cases).minimum is MINOR
    assert compare(*pair({"{{ text }}": "{{text}}"}), {}).minimum is PATCH


def test_every_case_is_shown_under_both_versions(pair: Pair) -> None:
    edits = {"[dry, warm]": "[dry, cool]", "Be terse.": "Be brief."}
    cases = {**CASES, "cool": {"text": "d", "tone": "cool"}, "neither": {"tone": "dry"}}
    found = {case.name: case for case in compare(*pair(edits), cases).cases}
    assert list(found) == list(cases)
    assert {name: case.same for name, case in found.items()} == {
        "plain": True, "warm": False, "short": False, "cool": False, "neither": False
    }  # fmt: skip
    before, after = found["short"].before, found["short"].after
    assert before is not None
    assert after is not None
    assert [role for role, _ in before] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert before[:-1] == after[:-1]
    assert (before[-1][1], after[-1][1]) == ("Be terse.\n\nFew words.\nc", "Be brief.\n\nFew words.\nc")
    assert (found["warm"].before is None, found["warm"].after is None) == (False, True)
    assert found["warm"].note == "2.0.0 does not take it: /tone 'warm' is not one of ['dry', 'cool']"
    assert found["cool"].note == "1.0.0 does not take it: /tone 'cool' is not one of ['dry', 'warm']"
    assert found["neither"].note == "; ".join(
        f"{version} does not take it: 'text' is a required property" for version in ("1.0.0", "2.0.0")
    )
    assert found["plain"].note is None


def test_a_case_that_fails_in_one_version_alone_is_a_change(pair: Pair) -> None:
    before, after = pair({"{{ text }}": "{{ text }}{{ 1 // tags|length }}"}, base={"examples: demo/few-1.yaml\n": ""})
    there, back = compare(before, after, CASES), compare(after, before, CASES)
    assert (there.minimum, back.minimum) == (MAJOR, MINOR)
    told = {change.place: change.message for change in there.changes}
    assert told["case 'plain'"] == "2.0.0 takes it, but cannot render it: a ZeroDivisionError in an expression"
    assert there.cases[0].note == "2.0.0 cannot render it: a ZeroDivisionError in an expression"
    told = {change.place: change.message for change in back.changes}
    assert (
        told["case 'plain'"]
        == "renders now; 2.0.0 takes it, but cannot render it: a ZeroDivisionError in an expression"
    )
