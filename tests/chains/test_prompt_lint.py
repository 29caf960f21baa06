"""Lint: every rule with its place, what must not be found, and that the catalogue, its page and the code agree."""

import ast
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chains.errors import PromptError, UnknownPrompt
from chains.prompts.lifecycle.evidence import EvidenceRecord, Verdict, evidence_path, write_evidence
from chains.prompts.linting.checks import check_folder
from chains.prompts.linting.findings import RULES, Finding, findings_markdown
from chains.prompts.linting.lint import lint_folder
from chains.prompts.lock import LOCK, Lock
from chains.prompts.registry import load_prompt_set
from chains.tasks import load_tasks
from tests.chains.conftest import FRONT
from tests.conftest import ROOT

BODY = "user:\n{{ text }}{{ tone }}\n"
CASES = "- {name: short, inputs: {text: Hi}}\n"
DEMO = "demo/1.0.0.j2"
LONG = "Keep all names, all numbers and all dates exactly as they are."
UNUSED = FRONT.replace("  tone: {enum: [dry, warm], default: dry}\n", "  text_type: {type: string, default: a}\n")
ANSWER = "output: {type: object, required: [label], properties: {label: {type: string}}}\n"
FEW = "- inputs: {text: a}\n  output: {label: b}\n- inputs: {text: c}\n  output: {name: d}\n"
NOTHING = "sha256:" + "0" * 64


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in {"demo/cases.yaml": CASES, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))


def told(folder: Path, findings: list[Finding]) -> list[str]:
    """`error undefined-variable demo/1.0.0.j2:9:4`"""
    lines = []
    for finding in findings:
        path = finding.path.resolve().relative_to(folder.resolve()).as_posix()
        place = ":".join(str(part) for part in (path, finding.line, finding.column) if part is not None)
        lines.append(f"{finding.severity} {finding.rule} {place}")
    return lines


def front(keys: str) -> str:
    return FRONT.replace("inputs:", f"{keys}inputs:")


# The rule, the files, where it is found, and words of its message. Front matter is 7 lines, bodies begin on line 8.
TABLE = [
    pytest.param("file", {DEMO: FRONT + "user:\r\n"}, "demo/1.0.0.j2:8", "carriage return", id="carriage return"),
    pytest.param("file", {DEMO: FRONT + BODY, "demo/1.0.j2": ""}, "demo/1.0.j2", "not a version", id="version"),
    pytest.param("limit", {DEMO: FRONT + "user:\n" + "x" * (1 << 20)}, "demo/1.0.0.j2", "larger than", id="size"),
    pytest.param(
        "limit",
        {DEMO: FRONT + "user:\n" + "{% for a in [1] %}" * 24 + "{% endfor %}" * 24},
        "demo/1.0.0.j2:9",
        "nested too deeply",
        id="loops",
    ),
    pytest.param(
        "template-syntax",
        {
            DEMO: FRONT + 'system:\n{% include "partials/a.j2" %}\n' + BODY,
            "demo/1.1.0.j2": FRONT + 'system:\n{% include "partials/a.j2" %}\n' + BODY,
            "partials/a.j2": "A\n B {% if %}\n",
        },
        "partials/a.j2:2:4",
        "Expected an expression",
        id="a partial, not in the last section",
    ),
    pytest.param("yaml", {DEMO: front("model: [\n") + BODY}, "demo/1.0.0.j2:6:7", "not valid YAML", id="yaml"),
    pytest.param("front-matter", {DEMO: front("modell: {}\n") + BODY}, "demo/1.0.0.j2:4:1", "unknown key", id="key"),
    pytest.param(
        "inputs", {DEMO: FRONT.replace("text:", "Text:") + "user:\nA\n"}, "demo/1.0.0.j2:5:3", "Text", id="name"
    ),
    pytest.param(
        "schema", {DEMO: FRONT.replace("string", "text") + BODY}, "demo/1.0.0.j2:5:3", "not a JSON Schema", id="type"
    ),
    pytest.param(
        "default", {DEMO: FRONT.replace("default: dry", "default: cold") + BODY}, "demo/1.0.0.j2:6:3", "cold", id="enum"
    ),
    pytest.param(
        "uses", {DEMO: front("uses: {map: map@1.0.0}\n") + BODY}, "demo/1.0.0.j2:4", "no prompt 'map@1.0.0'", id="uses"
    ),
    pytest.param(
        "file-missing",
        {DEMO: front("examples: demo/few.yaml\n") + BODY},
        "demo/1.0.0.j2:4",
        "no file 'demo/few.yaml'",
        id="absent examples",
    ),
    pytest.param(
        "examples",
        {
            DEMO: front("examples: demo/few.yaml\n") + BODY,
            "demo/few.yaml": "- {inputs: {text: a}, output: b}\n- {a: b}",
        },
        "demo/few.yaml:2:3",
        "example 1.",
        id="an example without inputs",
    ),
    pytest.param("role", {DEMO: FRONT + "Hello\n" + BODY}, "demo/1.0.0.j2:8:1", "before the first role", id="no role"),
    pytest.param(
        "role",
        {DEMO: FRONT + BODY, "partials/a-1.j2": "A\nuser:\n"},
        "partials/a-1.j2:2:1",
        "open a role",
        id="partial",
    ),
    pytest.param(
        "template-syntax", {DEMO: FRONT + "user:\nA {{ text }\n"}, "demo/1.0.0.j2:9:3", "unexpected '}'", id="tag"
    ),
    pytest.param(
        "template-refused",
        {DEMO: FRONT + "user:\n{{ text }} {{ text|pprint }}\n"},
        "demo/1.0.0.j2:9:12",
        "no filter 'pprint'",
        id="second tag",
    ),
    pytest.param(
        "undefined-variable", {DEMO: FRONT + "user:\n{{ text }} {{ txt }}\n"}, "demo/1.0.0.j2:9:15", "'txt'", id="name"
    ),
    pytest.param(
        "include-missing",
        {DEMO: FRONT + 'user:\n{{ text }} {% include "partials/a-1.j2" %}{{ tone }}\n'},
        "demo/1.0.0.j2:9:12",
        "no partial 'partials/a-1.j2'",
        id="absent partial",
    ),
    pytest.param(
        "include-circular",
        {DEMO: FRONT + BODY, "partials/a-1.j2": '{{ text }}\n {% include "partials/a-1.j2" %}\n'},
        "partials/a-1.j2:2:2",
        "circular",
        id="circle",
    ),
    pytest.param(
        "cases",
        {DEMO: FRONT + BODY, "demo/cases.yaml": CASES + "- {inputs: {text: a}}\n"},
        "demo/cases.yaml:2:3",
        "1.name",
        id="a case without a name",
    ),
    pytest.param(
        "cases",
        {DEMO: FRONT + BODY, "demo/cases.yaml": CASES + CASES},
        "demo/cases.yaml:2:3",
        "the same name",
        id="a name twice",
    ),
    pytest.param(
        "case-failed", {DEMO: FRONT + BODY + "{{ text[5] }}\n"}, "demo/1.0.0.j2:10", "the case 'short'", id="no element"
    ),
    pytest.param(
        "case-mismatch",
        {DEMO: FRONT + BODY, "demo/cases.yaml": CASES + "\n- name: cold\n  inputs: {text: a, tone: cold}\n"},
        "demo/cases.yaml:3:3",
        "no version of demo takes the case 'cold'; 1.0.0: /tone 'cold' is not one of",
        id="no version takes it",
    ),
    pytest.param(
        "example-mismatch",
        {DEMO: front("examples: demo/few.yaml\n" + ANSWER) + BODY, "demo/few.yaml": FEW},
        "demo/few.yaml:3:3",
        "example 2: its output breaks the output schema of demo@1.0.0: $ 'label' is a required property",
        id="output",
    ),
    pytest.param("lock", {DEMO: FRONT + BODY, LOCK: "a: b\n"}, "prompts.lock:1", "not a sha256 digest", id="lock"),
    pytest.param(
        "edited-release",
        {DEMO: FRONT + BODY, LOCK: f"demo@1.0.0: {NOTHING}\n"},
        "demo/1.0.0.j2",
        "was edited after its release, which would change demo@1.0.0",
        id="edited",
    ),
    pytest.param(
        "labels",
        {DEMO: FRONT + BODY, "labels.yaml": "demo:\n  production: 1.0.0\n"},
        "labels.yaml:2",
        "demo@1.0.0 is a draft",
        id="a draft",
    ),
    pytest.param(
        "labels",
        {DEMO: FRONT + BODY, "labels.yaml": "demo:\n  canary: {version: 1.0.0, percent: 0}\n"},
        "labels.yaml:2",
        "percent must be above 0 and at most 100",
        id="no share",
    ),
    *(
        pytest.param(
            "role-near-miss",
            {DEMO: FRONT + f"system:\nA\n{line}\nB\n" + BODY},
            f"demo/1.0.0.j2:10:{column}",
            f"{line!r} opens no section",
            id=line,
        )
        for line, column in (("Assistant:", 1), ("user: ", 1), ("assistant :", 1), ("  USER:", 3))
    ),
    pytest.param(
        "file",
        {DEMO: FRONT + BODY, "demo/1.1.0+x.j2": FRONT + BODY},
        "demo/1.1.0+x.j2",
        "its name is not a version",
        id="build metadata",
    ),
    pytest.param(
        "unused-input",
        {DEMO: UNUSED + "user:\n{{ text }}\n"},
        "demo/1.0.0.j2:6:3",
        "the input 'text_type' is declared, but nothing reads it",
        id="block",
    ),
    pytest.param(
        "unused-input",
        {
            DEMO: FRONT.replace("\n  text:", ' {"text":').replace("\n  tone:", ", tone:").replace("dry}", "dry}}")
            + BODY[:16]
        },
        "demo/1.0.0.j2:4:34",
        "'tone'",
        id="flow",
    ),
    pytest.param(
        "unused-partial",
        {DEMO: FRONT + BODY, "partials/a-1.j2": "A\n"},
        "partials/a-1.j2:1:1",
        "no version",
        id="partial",
    ),
    pytest.param(
        "variable-before-static",
        {DEMO: FRONT + f"system:\nBe {{{{ tone }}}}.\nuser:\n{{{{ text }}}}\n{LONG}\n"},
        "demo/1.0.0.j2:9:7",
        f"'tone' stands before {len(LONG)} characters of fixed text",
        id="in a later section",
    ),
    pytest.param(
        "variable-before-static",
        {DEMO: FRONT + f"user:\n{{{{ text }}}}\n{LONG[:30]}{{# c #}}{LONG[30:]}{{{{ tone }}}}\n"},
        "demo/1.0.0.j2:9:4",
        f"before {len(LONG)} characters",
        id="a comment divides nothing",
    ),
    pytest.param(
        "variable-before-static",
        {
            DEMO: FRONT + 'user:\n{% include "partials/a-1.j2" %}{{ text }}\n',
            "partials/a-1.j2": f"A\n  {{%- for a in tone %}}{LONG}{{% endfor -%}}  {LONG}\n",
        },
        "partials/a-1.j2:2:16",
        f"'tone' stands before {len(LONG)} characters",
        id="a loop in a partial",
    ),
    pytest.param(
        "variable-before-static",
        {
            DEMO: FRONT
            + f'user:\n{{% set a = text %}}{{{{ a }}}}\n{{% include "partials/a-1.j2" %}} {LONG}{{{{ tone }}}}',
            "partials/a-1.j2": LONG,
        },
        "demo/1.0.0.j2:9:22",
        f"before {2 * len(LONG) + 1} characters",
        id="a partial is part of the text",
    ),
    pytest.param(
        "variable-before-static",
        {
            DEMO: front("examples: demo/few.yaml\n") + "system:\nBe {{ tone }}.\nuser:\n{{ text }}\n",
            "demo/few.yaml": "- {inputs: {text: a}, output: b}\n",
        },
        "demo/1.0.0.j2:10:7",
        "'tone' stands before 1 few-shot examples",
        id="before the examples",
    ),
    pytest.param(
        "missing-cases", {DEMO: FRONT + BODY, "demo/cases.yaml": "[]"}, "demo/1.0.0.j2:1:1", "no golden case", id="none"
    ),
    pytest.param(
        "unlabelled-few-shot",
        {DEMO: FRONT + "user:\nHi\nassistant:\nHello\n" + BODY},
        "demo/1.0.0.j2:10:1",
        "an answer of the model's",
        id="an answer",
    ),
    pytest.param(
        "unlabelled-few-shot",
        {DEMO: FRONT + "system:\nReply so.\n  Input: late ferry\n  Output: The ferry is late.\n" + BODY},
        "demo/1.0.0.j2:10:3",
        "'Input' begins an example",
        id="input and output",
    ),
    pytest.param(
        "unlabelled-few-shot",
        {DEMO: FRONT + "user:\nExample 1:\nlate ferry\nExample 2:\nlate train\n{{ text }}{{ tone }}\n"},
        "demo/1.0.0.j2:9:1",
        "'Example 1' begins",
        id="headings",
    ),
    pytest.param(
        "unlabelled-few-shot",
        {
            DEMO: FRONT + 'system:\n{% include "partials/a-1.j2" %}\n' + BODY,
            "partials/a-1.j2": "A\n**Q:** why?\n**A:** so\n",
        },
        "partials/a-1.j2:2:3",
        "'Q' begins",
        id="in a partial",
    ),
    pytest.param(
        "over-budget",
        {DEMO: front("model: {max_output_tokens: 4090}\n") + BODY + "A" * 12},
        "demo/1.0.0.j2:4:1",
        "takes about 9 tokens (an estimate) and the answer up to 4090: more than 4096",
        id="budget",
    ),
    pytest.param(
        "uncovered-branch",
        {DEMO: FRONT + 'user:\n{{ text }} {% if tone == "warm" %}A{% endif %}\n'},
        "demo/1.0.0.j2:9:12",
        "no golden case goes through `if tone ==",
        id="condition",
    ),
]


@pytest.mark.parametrize(("rule", "files", "place", "words"), TABLE)
def test_a_rule_finds_its_place(tmp_path: Path, rule: str, files: Mapping[str, str], place: str, words: str) -> None:
    write(tmp_path, files)
    findings = [*lint_folder(tmp_path), *check_folder(tmp_path, {}).findings]
    assert set(told(tmp_path, findings)) == {f"{RULES[rule].severity} {rule} {place}"}
    assert words in findings[0].message
    assert findings[0].hint is not None or findings[0].severity == "error"


def released(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files, release all versions and label the highest of demo, with a record each."""
    write(folder, files)
    prompts = load_prompt_set(folder)
    lock = Lock()
    for prompt in prompts:
        lock = lock.with_version(str(prompt), prompt.digest, prompt.ingredients.files)
        record = EvidenceRecord(
            name=prompt.name,
            version=prompt.version,
            digest=prompt.digest,
            verdict=Verdict.UNEVALUATED,
            created_at=datetime.now(UTC),
        )
        write_evidence(folder, record)
    (folder / LOCK).write_text(lock.text())
    (folder / "labels.yaml").write_text(f"demo:\n  production: {prompts.get('demo').version}\n")


def test_a_labelled_version_needs_a_record_of_itself(tmp_path: Path) -> None:
    released(tmp_path, {DEMO: FRONT + BODY})
    assert check_folder(tmp_path, {}).findings == ()
    path = evidence_path(tmp_path, "demo", "1.0.0")
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "digest": NOTHING}))
    (finding,) = check_folder(tmp_path, {}).findings
    assert told(tmp_path, [finding]) == ["error evidence evidence/demo/1.0.0.json"]
    assert "another content of demo@1.0.0" in finding.message
    path.unlink()
    (finding,) = check_folder(tmp_path, {}).findings
    assert told(tmp_path, [finding]) == ["error evidence labels.yaml:2:1"]
    assert "demo.production: demo@1.0.0 has no evidence" in finding.message


def test_a_labelled_version_fits_its_task(tmp_path: Path) -> None:
    released(
        tmp_path,
        {
            DEMO: FRONT.replace("enum: [dry, warm], default: dry", "type: string") + BODY,
            "demo/cases.yaml": "- {name: a, inputs: {text: a, tone: b}}\n",
        },
    )
    tasks = {"demo": replace(load_tasks()["summarize"], name="demo")}
    assert told(tmp_path, list(check_folder(tmp_path, tasks).findings)) == ["error contract demo/1.0.0.j2:4:1"]


def test_no_rule_is_untested() -> None:
    tested = {str(param.values[0]) for param in TABLE} | {"evidence", "contract"}
    assert tested == RULES.keys()


QUIET = [
    pytest.param(
        FRONT + f"system:\n{LONG}\nuser:\n{LONG}\n<document>\n{{{{ text }}}}\n</document>\n{{{{ tone }}}}",
        id="fixed text first",
    ),
    pytest.param(FRONT + f"user:\n{{{{ text }}}}{LONG[:40]}{{{{ tone }}}}{LONG[:40]}\n", id="short pieces"),
    pytest.param(
        FRONT + f"user:\n{{{{ text }}}}{{% if tone == 'warm' %}}{LONG}{{% endif %}}\n", id="text inside a condition"
    ),
    pytest.param(
        FRONT + f"user:\n{LONG}{{# text #}}{{{{ {{'text': 1}}.text }}}}{LONG}{{{{ text ~ tone }}}}\n",
        id="no input",
    ),
    pytest.param(FRONT + f"user:\n{{% raw %}}{{{{ text }}}}{{% endraw %}}\n{LONG}\n{{{{ text ~ tone }}}}\n", id="raw"),
    pytest.param(
        FRONT + "system:\nQ: and A: are marks.\nuser:\nQuestion: {{ text }}\nAnswer:\n{{ tone }}\n",
        id="a real question",
    ),
    pytest.param(FRONT + "user:\nInput: a document\n{{ text }}\nOutput: {{ tone }}\n", id="an output that is a value"),
    pytest.param(FRONT + "user:\nExample: 12.05.2024\n{{ text }}{{ tone }}\n", id="one heading"),
]


@pytest.mark.parametrize("template", QUIET)
def test_nothing_is_found_where_nothing_is_wrong(tmp_path: Path, template: str) -> None:
    write(tmp_path, {DEMO: template, "demo/cases.yaml": CASES + "- {name: warm, inputs: {text: Hi, tone: warm}}\n"})
    assert told(tmp_path, lint_folder(tmp_path)) == []


def test_warnings_are_for_drafts_and_errors_for_all(tmp_path: Path) -> None:
    released(tmp_path, {DEMO: UNUSED + "user:\n{{ text }}\n"})
    write(tmp_path, {"demo/1.1.0.j2": UNUSED + "user:\n{{ text }}!\n"})
    assert told(tmp_path, lint_folder(tmp_path)) == ["warning unused-input demo/1.1.0.j2:6:3"]
    assert len(lint_folder(tmp_path, released=True)) == 2
    write(tmp_path, {"demo/cases.yaml": CASES + "- {name: a, inputs: {}}\n"})
    assert "error case-mismatch demo/cases.yaml:2:3" in told(tmp_path, lint_folder(tmp_path))


def test_one_broken_file_hides_nothing_of_the_others(tmp_path: Path) -> None:
    files = {
        DEMO: FRONT + "user:\n{{ a }}\n",
        "other/1.0.0.j2": UNUSED + "user:\n{{ text }}\n",
        "other/cases.yaml": CASES,
    }
    write(tmp_path, {**files, "partials/b-1.j2": "B\n"})
    expected = ["error undefined-variable demo/1.0.0.j2:9:4", "warning unused-input other/1.0.0.j2:6:3"]
    assert told(tmp_path, lint_folder(tmp_path)) == expected


@pytest.mark.parametrize(
    ("only", "found"),
    [
        pytest.param("demo", ["demo/1.0.0.j2", "demo/1.1.0.j2"], id="a prompt"),
        pytest.param("demo@1.1.0", ["demo/1.1.0.j2"], id="a version"),
        pytest.param("other", ["other/1.0.0.j2"], id="a broken prompt"),
    ],
)
def test_lint_of_some(tmp_path: Path, only: str, found: list[str]) -> None:
    text = UNUSED + "user:\n{{ text }}\n"
    files = {DEMO: text, "demo/1.1.0.j2": text, "other/1.0.0.j2": FRONT + "user:\n{{ a }}\n", "partials/b-1.j2": "B\n"}
    write(tmp_path, files)
    assert [line.split()[2].split(":")[0] for line in told(tmp_path, lint_folder(tmp_path, only=[only]))] == found


@pytest.mark.parametrize("only", ["absent", "demo@2.0.0", "", "demo@"])
def test_lint_of_what_does_not_exist(tmp_path: Path, only: str) -> None:
    write(tmp_path, {DEMO: FRONT + BODY})
    with pytest.raises(UnknownPrompt, match=r"The prompts are: demo|The versions of demo are: 1\.0\.0"):
        lint_folder(tmp_path, only=[only])


def test_an_example_is_measured_by_the_tasks_answer(tmp_path: Path) -> None:
    front = (ROOT / "prompts" / "classify" / "1.0.0.j2").read_text()
    few = "- inputs: {text: a, labels: [{name: b}, {name: c}]}\n  output: b\n"
    files = {"classify/1.0.0.j2": front.replace("partials/grounding-1.j2", "partials/a-1.j2"), "partials/a-1.j2": "A"}
    write(tmp_path, {**files, "classify/few_shot-1.yaml": few})
    rules = [finding.rule for finding in lint_folder(tmp_path, load_tasks(), only=["classify"])]
    assert "example-mismatch" in rules
    assert "example-mismatch" not in [finding.rule for finding in lint_folder(tmp_path, only=["classify"])]


def test_an_edited_file_names_every_version(tmp_path: Path) -> None:
    include = FRONT + 'user:\n{% include "partials/a-1.j2" %}{{ text }}{{ tone }}\n'
    released(
        tmp_path, {DEMO: include, "demo/1.1.0.j2": include + "!\n", "other/1.0.0.j2": include, "partials/a-1.j2": "A"}
    )
    (tmp_path / "partials" / "a-1.j2").write_text("B")
    (finding,) = check_folder(tmp_path, {}).findings
    assert told(tmp_path, [finding]) == ["error edited-release partials/a-1.j2"]
    assert "would change demo@1.0.0, demo@1.1.0, other@1.0.0" in finding.message
    assert "partials/a-2.j2, for a new version to use" in (finding.hint or "")
    (tmp_path / DEMO).write_text(include.replace("{{ text }}", "{{ txt }}"))
    rules = [finding.rule for finding in check_folder(tmp_path, {}).findings]
    assert sorted(rules) == ["edited-release", "undefined-variable"], "what is broken doesn't hide what was edited"


def test_the_projects_own_prompts_are_clean() -> None:
    assert told(ROOT, lint_folder(ROOT / "prompts", load_tasks(), released=True)) == []
    assert check_folder(ROOT / "prompts", load_tasks()).findings == ()


def literal_rules() -> set[str]:
    """Every rule that chains/prompts raises by name: `rule="..."` and `Finding("...", ...)`."""
    rules = set()
    for path in (ROOT / "chains" / "prompts").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.keyword(arg="rule", value=ast.Constant(value=str(rule))):
                    rules.add(rule)
                case ast.Call(func=ast.Name(id="Finding"), args=[ast.Constant(value=str(rule)), *_]):
                    rules.add(rule)
    return rules


def test_every_rule_is_raised_and_every_raised_rule_exists() -> None:
    assert literal_rules() == RULES.keys()
    assert PromptError("").rule in RULES


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "lint.md").read_text() == findings_markdown(), "run `make contract`"
