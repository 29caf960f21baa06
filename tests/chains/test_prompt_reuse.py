"""A set that is loaded after another takes over what didn't change, and nothing that did."""

from pathlib import Path

import pytest

from chains.errors import PromptSetError
from chains.prompts import PromptSet, load_prompt_set, load_served_set

FRONT = "---\ndescription: A\nchangelog: B\ninputs: {text: {type: string}}\n"
FILES = {
    "demo/1.0.0.j2": FRONT
    + "examples: demo/few.yaml\noutput: s.json\nuses: {help: helper@1.0.0}\n---\n"
    + "user:\n{% include 'partials/a.j2' %}{{ text }}\n",
    "demo/2.0.0.j2": FRONT + "---\nuser:\n{{ text }}\n",
    "demo/few.yaml": "- inputs: {text: a}\n  output: {label: b}\n",
    "demo/cases.yaml": "- {name: one, inputs: {text: a}}\n",
    "schemas/s.json": '{"type": "object"}',
    "partials/a.j2": "{% include 'partials/b.j2' %}",
    "partials/b.j2": "B\n",
    "helper/1.0.0.j2": FRONT + "---\nuser:\nA\n",
    "labels.yaml": "demo: {production: 1.0.0}\n",
}


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def before(tmp_path: Path) -> PromptSet:
    for name, text in FILES.items():
        write(tmp_path, name, text)
    return load_prompt_set(tmp_path)


def test_what_is_unchanged_is_taken_over(before: PromptSet) -> None:
    after = load_prompt_set(before.folder, before)
    assert after is not before
    assert after.digest == before.digest
    assert [*after] == [*before]
    assert all(new is old for new, old in zip(after, before, strict=True))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        pytest.param("demo/1.0.0.j2", "{{ text }}", "{{ text }}!", id="the template"),
        pytest.param("demo/1.0.0.j2", "changelog: B", "# a comment\nchangelog: B", id="a comment"),
        pytest.param("partials/a.j2", "{%", "A{%", id="a partial"),
        pytest.param("partials/b.j2", "B", "C", id="a partial of a partial"),
        pytest.param("demo/few.yaml", "label: b", "label: c", id="an example"),
        pytest.param("schemas/s.json", 'object"', 'object", "title": "T"', id="the schema"),
        pytest.param("helper/1.0.0.j2", "user:\nA", "user:\nB", id="a helper"),
    ],
)
def test_what_changed_is_loaded_anew(before: PromptSet, name: str, old: str, new: str) -> None:
    write(before.folder, name, FILES[name].replace(old, new))
    after = load_prompt_set(before.folder, before)
    assert after.get("demo", "1.0.0") is not before.get("demo", "1.0.0")
    assert after.get("demo", "2.0.0") is before.get("demo", "2.0.0")
    fresh = load_prompt_set(before.folder)
    assert [(str(prompt), prompt.digest) for prompt in after] == [(str(prompt), prompt.digest) for prompt in fresh]
    assert after.digest == fresh.digest


def test_labels_and_lock_are_always_read(before: PromptSet) -> None:
    write(before.folder, "labels.yaml", "demo: {production: 2.0.0}\n")
    after = load_prompt_set(before.folder, before)
    assert after.labels["demo"]["production"].version == "2.0.0"
    assert after.digest != before.digest


@pytest.mark.parametrize("gone", ["partials/b.j2", "demo/few.yaml", "schemas/s.json", "helper/1.0.0.j2"])
def test_a_file_that_is_gone_is_missed(before: PromptSet, gone: str) -> None:
    (before.folder / gone).unlink()
    with pytest.raises(PromptSetError) as kept:
        load_prompt_set(before.folder, before)
    with pytest.raises(PromptSetError) as fresh:
        load_prompt_set(before.folder)
    assert str(kept.value) == str(fresh.value)


def test_a_set_of_another_folder_is_no_help(before: PromptSet, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for name, text in FILES.items():
        write(other, name, text)
    assert load_prompt_set(other, before).get("demo", "1.0.0") is not before.get("demo", "1.0.0")


@pytest.mark.parametrize(
    ("cases", "words"),
    [
        pytest.param("- {name: one, inputs: {txt: a}}\n", "no version of demo takes the case 'one'", id="mismatch"),
        pytest.param("- [\n", "cases.yaml:2:1: not valid YAML", id="broken"),
    ],
)
def test_what_lint_calls_an_error_keeps_a_set_from_serving(before: PromptSet, cases: str, words: str) -> None:
    write(before.folder, "labels.yaml", "")
    load_served_set(before.folder, {}, before)
    write(before.folder, "demo/cases.yaml", cases)
    with pytest.raises(PromptSetError, match=words):
        load_served_set(before.folder, {}, before)
