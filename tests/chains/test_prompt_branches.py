"""Which branches the golden cases go through: every kind of branch, in partials too, each named by its line."""

from typing import Any

import pytest

from chains.errors import PromptError
from chains.prompts import PromptVersion
from chains.prompts.comparison.branches import reached_blocks, uncovered_branches
from chains.prompts.comparison.tree_builder import build_tree
from tests.chains.conftest import Load

FRONT = """---
description: A test
changelog: First
inputs:
  a: {type: boolean, default: false}
  b: {type: boolean, default: false}
  rows: {type: array, items: {type: string}, default: []}
  text: {type: string, default: t}
---
"""
FIRST = FRONT.count("\n") + 2  # the line of the user section's first line

Cases = list[dict[str, Any]]


def prompt_of(load: Load, text: str, **partials: str) -> PromptVersion:
    files = {f"partials/{name}.j2": partial for name, partial in partials.items()}
    return load(f"user:\n.{text}\n", front=FRONT, files=files).get("demo")


def uncovered(prompt: PromptVersion, cases: Cases) -> list[str]:
    """`LINE description`, the line within the section; `FILE:LINE description` in partials."""
    own = prompt.ingredients.source.path
    found = uncovered_branches(prompt, {str(number): case for number, case in enumerate(cases)})
    return [
        f"{branch.line - FIRST + 1 if branch.path == own else f'{branch.path.name}:{branch.line}'} {branch.description}"
        for branch in found
    ]


A, B, ROWS = {"a": True}, {"b": True}, {"rows": ["x", "y"]}
IF = "{% if a %}\n1{% elif b %}\n2{% else %}3{% endif %}"
FOR = "\n{% for row in rows %}{{ row }}\n{% else %}none{% endfor %}"


@pytest.mark.parametrize(
    ("text", "cases", "expected"),
    [
        pytest.param("plain {{ text }}", [], [], id="no branch"),
        pytest.param("{% if a %}1{% endif %}", [], ["1 if a", "1 the missing else of if a"], id="no case"),
        pytest.param("{% if a %}1{% endif %}", [A], ["1 the missing else of if a"], id="if"),
        pytest.param("{% if a %}1{% endif %}", [{}], ["1 if a"], id="missing else"),
        pytest.param("{% if a %}1{% endif %}", [A, {}], [], id="both"),
        pytest.param(IF, [], ["1 if a", "2 elif b", "3 the else of if a"], id="chain"),
        pytest.param(IF, [A], ["2 elif b", "3 the else of if a"], id="chain, if"),
        pytest.param(IF, [B], ["1 if a", "3 the else of if a"], id="chain, elif"),
        pytest.param(IF, [{}], ["1 if a", "2 elif b"], id="chain, else"),
        pytest.param("{% if a %}1{% else %}{% endif %}", [A], ["1 the else of if a"], id="empty else"),
        pytest.param("{% if a -%}\n\n1\n\n{%- else -%}\n\n2{% endif %}", [A], ["5 the else of if a"],
                     id="trimmed else"),
        pytest.param("{% if a %}{% if b %}1{% else %}2{% endif %}\n{% else %}3{% endif %}", [A],
                     ["1 if b", "2 the else of if a"], id="nested"),
        pytest.param(FOR, [{}], ["2 for row in rows"], id="loop"),
        pytest.param(FOR, [ROWS], ["3 the else of for row in rows"], id="else of a loop"),
        pytest.param("{% for row in rows %}{% endfor %}", [ROWS], [], id="a loop without else"),
        pytest.param("{% for row in rows if row == 'z' %}1{% endfor %}", [ROWS], ['1 for row in rows if row == "z"'],
                     id="filtered loop"),
        pytest.param("{% for row in rows if row == 'z' and a %}1{% endfor %}", [ROWS],
                     ['1 the right side of row == "z" and a', '1 for row in rows if row == "z" and a'],
                     id="branch in a loop's filter"),
        pytest.param("{% for k, v in {'x': 1}.items() %}{{ k }}{% endfor %}", [], ['1 for k, v in {"x": 1}.items()'],
                     id="loop over pairs"),
        pytest.param("{{ 1 if a else 2 }}", [A], ["1 the else of 1 if a"], id="conditional expression"),
        pytest.param("{{ 1 if a else 2 }}", [{}], ["1 1 if a"], id="other arm"),
        pytest.param("{{ (1 if a)|d('') }}", [A], ["1 the missing else of 1 if a"], id="missing arm"),
        pytest.param("{{ (1 if a)|d('') }}", [{}], ["1 1 if a"], id="missing arm taken"),
        pytest.param("{{ 1 if a else 2 if b else 3 }}", [A],
                     ["1 the else of 1 if a", "1 2 if b", "1 the else of 2 if b"], id="nested arms"),
        pytest.param("\n{{ a and b }}", [{}], ["2 the right side of a and b"], id="and"),
        pytest.param("{{ a and b }}", [A], [], id="and, both"),
        pytest.param("{{ a or b }}", [A], ["1 the right side of a or b"], id="or"),
        pytest.param("{{ a or b or text }}", [B], ["1 the right side of a or b or text"], id="or, the last"),
        pytest.param("{{ true or b }}", [{}], ["1 the right side of true or b"], id="constant"),
        pytest.param("{{ [text ~ (1 if a else 2)]|join }}{{ {'k': a and b}.k }}", [A, {}], [], id="deep expressions"),
        pytest.param("{% set x = 1 if a else 2 %}{{ x }}", [{}], ["1 1 if a"], id="set"),
        pytest.param("{# {% if a %} #}{% if b %}1{% endif %}", [B, {}], [], id="comment"),
        pytest.param("{% if a %}1{% endif %}", [{"a": "no boolean"}, {"other": 1}],
                     ["1 if a", "1 the missing else of if a"], id="cases that are not taken"),
        pytest.param("{% if a %}{{ 1 // 0 }}{% endif %}", [A], ["1 if a", "1 the missing else of if a"],
                     id="cases that can't be rendered"),
    ],
)  # fmt: skip
def test_uncovered_branches(load: Load, text: str, cases: Cases, expected: list[str]) -> None:
    assert uncovered(prompt_of(load, text), cases) == expected


PART = "One\n{% if a %}1{% else %}2{% endif %}"


@pytest.mark.parametrize(
    ("text", "partials", "cases", "expected"),
    [
        pytest.param("{% include 'partials/p.j2' %}", {"p": PART}, [A], ["p.j2:2 the else of if a"], id="partial"),
        pytest.param("{% include 'partials/q.j2' %}", {"q": "{% include 'partials/p.j2' %}", "p": PART}, [{}],
                     ["p.j2:2 if a"], id="nested partial"),
        pytest.param("{% if b %}{% include 'partials/p.j2' %}{% else %}{% include 'partials/p.j2' %}{% endif %}",
                     {"p": PART}, [{**A, **B}, {}], [], id="two includes cover it together"),
        pytest.param("\n{% if b %}{% include 'partials/p.j2' %}{% endif %}", {"p": PART}, [A],
                     ["2 if b", "p.j2:2 if a", "p.j2:2 the else of if a"], id="include without a case"),
        pytest.param("{% if a %}1{% else %}\n{% include 'partials/p.j2' %}{% endif %}", {"p": "{{ b and a }}"}, [A],
                     ["1 the else of if a", "p.j2:1 the right side of b and a"], id="else that begins with an include"),
        pytest.param("{% for text in rows %}{% include 'partials/p.j2' %}{% endfor %}",
                     {"p": "{% if text == 'y' %}1{% endif %}"}, [ROWS], [], id="partial within a loop"),
        pytest.param("{% include 'partials/p.j2' %}{% set a = 1 %}", {"p": "{% for row in rows if a %}1{% endfor %}"},
                     [{**A, **ROWS}], [], id="name that is set behind the include"),
        pytest.param("{% include 'partials/p.j2' %}{% if text == 'u' %}1{% endif %}",
                     {"p": "{% set text = 'u' %}{{ text }}"}, [{}], ['1 if text == "u"'],
                     id="partial that sets a name"),
    ],
)  # fmt: skip
def test_uncovered_branches_of_partials(
    load: Load, text: str, partials: dict[str, str], cases: Cases, expected: list[str]
) -> None:
    assert uncovered(prompt_of(load, text, **partials), cases) == expected


def test_branches_of_several_sections_stand_on_their_lines(load: Load) -> None:
    body = "system:\n{% if a %}1{% endif %}\nassistant:\nA\nuser:\n\n{% if a %}1{% endif %}{% if a %}2{% endif %}\n"
    prompt = load(body, front=FRONT).get("demo")
    path = prompt.ingredients.source.path
    found = [(branch.path, branch.line, branch.description) for branch in uncovered_branches(prompt, {"a": A})]
    missing = "the missing else of if a"
    assert found == [(path, FIRST, missing), (path, FIRST + 5, missing), (path, FIRST + 5, missing)]


def test_expressions_are_told_as_they_are_written(load: Load) -> None:
    expressions = [
        "text|trim", 'rows|join(", ")', 'text|replace("a", "b")', "rows|sort(reverse=true)", "(a or b)|string",
        "a is defined", "rows|length is divisibleby(2)", "not a", "not a == b", "not (a and b)", "(a or b) and text",
        "a and b and text", "1 - (2 - 3)", "-(1 + 2) % 2", "(1 + 2) * 3 == 9", "+1", "1 < 2 <= 3", "(text ~ 1) * 2",
        "rows[0]", "rows[1:]", "rows[:2]", "rows[::2]", "rows[-1]", '"é" in text', '"a" not in rows', "loop.first",
        "text ~ 1 ~ (a or b)", 'text.startswith("x")', '{"k": [1, 2.5, none, true]}', "(1, 2)", "(1,)",
        "(1 if a else 2) == 1", "(1 if a else 2 if b else 3) == 1", "((1 if a else 2) if b else 3) == 1",
    ]  # fmt: skip
    body = "user:\n{% for row in rows %}\n" + "\n".join(f"{{% if {text} %}}1{{% endif %}}" for text in expressions)
    prompt = load(f"{body}\n{{% endfor %}}\n", front=FRONT).get("demo")
    told = [b.description for b in uncovered_branches(prompt, {}) if b.description.startswith("if ")]
    assert told == [f"if {text}" for text in expressions]


def test_a_coverage_run_renders_within_the_same_bounds_and_changes_nothing(load: Load) -> None:
    prompt = prompt_of(load, IF + FOR + "{{ 1 if a else 2 }}{% include 'partials/p.j2' %}", p=PART)
    before = prompt.invoke({})
    assert uncovered(prompt, [A, {}]) == ["2 elif b", "4 for row in rows"]
    assert prompt.invoke({}) == before
    assert reached_blocks(build_tree(prompt), prompt, {}) == set()


def test_a_template_that_cannot_be_taken_apart_is_refused_in_time(load: Load) -> None:
    doubling = {f"d{number}": f"{{% include 'partials/d{number + 1}.j2' %}}" * 2 for number in range(15)}
    prompt = prompt_of(load, "{% if a %}{% include 'partials/d0.j2' %}{% endif %}", **doubling, d15="x")
    with pytest.raises(PromptError, match="its includes expand to more than 1000 partials") as caught:
        uncovered_branches(prompt, {"plain": {}})
    assert caught.value.rule == "limit"


def test_partials_may_nest_deeper_than_one_template_can(load: Load) -> None:
    loops = "{% for row in rows %}" * 15 + "{% endfor %}" * 15
    within = loops.replace("}{% end", "}{% include 'partials/p.j2' %}{% end", 1)
    prompt = prompt_of(load, within, p=loops.replace("}{% end", "}{% if a %}1{% endif %}{% end", 1))
    assert uncovered(prompt, [{"rows": ["x"]}]) == ["p.j2:1 if a"]
