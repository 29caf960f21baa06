"""The set: which version is got, what a version and the set are identified by, helper prompts, golden cases."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from chains.errors import PromptError, PromptSetError, UnknownPrompt
from chains.prompts import ModelParameters, PromptSet, load_prompt_set
from tests.chains.conftest import FRONT, Load

OTHER = FRONT.replace("A test", "Another")
FEW = "- inputs: {text: a}\n  output: b\n"
KEYS = "examples: demo/few.yaml\noutput: s.json\nuses: {help: helper@1.0.0}\n"
BODY = "user:\n{% include 'partials/a.j2' %}{{ text }}\n"
FILES = {
    "demo/few.yaml": FEW,
    "schemas/s.json": '{"type": "object"}',
    "partials/a.j2": "{% include 'partials/b.j2' %}",
    "partials/b.j2": "B\n",
    "partials/unused.j2": "C\n",
    "helper/1.0.0.j2": OTHER + "user:\nA\n",
}


def versions(*names: str) -> dict[str, str]:
    return {f"other/{name}.j2": OTHER + "user:\n{{ text }}\n" for name in names}


@pytest.mark.parametrize(
    ("names", "highest"),
    [
        pytest.param(["1.0.0", "1.10.0", "1.9.0"], "1.10.0", id="numbers, not letters"),
        pytest.param(["1.0.0", "2.0.0-rc.1"], "1.0.0", id="no candidate"),
        pytest.param(["2.0.0-rc.1", "2.0.0-rc.10", "2.0.0"], "2.0.0", id="release after its candidates"),
    ],
)
def test_the_highest_release_is_got(load: Load, names: list[str], highest: str) -> None:
    prompts = load(files=versions(*names))
    assert prompts.get("other").version == highest
    assert {prompt.version for prompt in prompts.versions("other")} == set(names)
    assert all(prompts.get("other", name).version == name for name in names)


def test_versions_are_ordered_as_semver(load: Load) -> None:
    prompts = load(files=versions("2.0.0", "1.10.0", "1.9.0", "2.0.0-rc.1", "1.0.0"))
    ordered = [prompt.version for prompt in prompts.versions("other")]
    assert ordered == ["1.0.0", "1.9.0", "1.10.0", "2.0.0-rc.1", "2.0.0"]
    with pytest.raises(UnknownPrompt, match=re.escape(f"Its versions are: {', '.join(ordered)}.")):
        prompts.get("other", "3.0.0")


def test_candidates_are_got_by_name_only(load: Load) -> None:
    prompts = load(files=versions("1.0.0-rc.2", "1.0.0-rc.10"))
    assert [prompt.version for prompt in prompts.versions("other")] == ["1.0.0-rc.2", "1.0.0-rc.10"]
    assert str(prompts.get("other", "1.0.0-rc.2")) == "other@1.0.0-rc.2"
    with pytest.raises(UnknownPrompt, match=r"no released version. Its versions are: 1\.0\.0-rc\.2, 1\.0\.0-rc\.10"):
        prompts.get("other")


@pytest.mark.parametrize("name", ["", "other", "../demo", "demo/", "partials", "Demo"])
def test_an_unknown_prompt_lists_what_exists(load: Load, name: str) -> None:
    prompts = load()
    for ask in (prompts.get, prompts.versions, prompts.cases):
        with pytest.raises(UnknownPrompt, match=r"There is no prompt .*The prompts are: demo\."):
            ask(name)


@pytest.mark.parametrize("version", ["", "1.0", "1.0.1", "latest"])
def test_an_unknown_version_lists_what_exists(load: Load, version: str) -> None:
    with pytest.raises(UnknownPrompt, match=r"has no version .*Its versions are: 1\.0\.0\."):
        load().get("demo", version)


def test_a_version_says_what_it_is(load: Load) -> None:
    keys = "model: {temperature: 1, max_output_tokens: 9, top_p: 0.5, seed: 3, stop: [a, b]}\n"
    prompt = load(keys=keys).get("demo")
    assert (prompt.name, prompt.version, prompt.description, prompt.changelog) == ("demo", "1.0.0", "A test", "First")
    assert dict(prompt.inputs) == {"text": {"type": "string"}, "tone": {"enum": ["dry", "warm"], "default": "dry"}}
    assert prompt.required == {"text"}
    assert prompt.output is None
    assert not prompt.uses
    assert prompt.parameters == ModelParameters(temperature=1, max_output_tokens=9, top_p=0.5, seed=3, stop=("a", "b"))
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", prompt.digest)


def test_what_is_not_given_has_its_default(load: Load) -> None:
    assert load().get("demo").parameters == ModelParameters(
        temperature=0, max_output_tokens=512, top_p=None, frequency_penalty=None, seed=None, stop=()
    )


def digest(root: Path, change: Mapping[str, tuple[str, str]] | None = None) -> str:
    """The digest of a prompt that has everything, after one file of it was changed."""
    files = {"demo/1.0.0.j2": FRONT.replace("inputs:", KEYS + "inputs:") + BODY, **FILES}
    for name, (old, new) in (change or {}).items():
        assert old in files[name]
        files[name] = files[name].replace(old, new)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return load_prompt_set(root).get("demo").digest


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        pytest.param("partials/a.j2", "{%", "A{%", id="partial"),
        pytest.param("partials/b.j2", "B", "{# c #}B", id="partial of a partial"),
        pytest.param("demo/few.yaml", "output: b", "output: c", id="example"),
        pytest.param("schemas/s.json", "object", "array", id="schema"),
        pytest.param("helper/1.0.0.j2", "user:\nA", "user:\nB", id="helper's body"),
        pytest.param("helper/1.0.0.j2", "default: dry", "default: warm", id="helper's default"),
        pytest.param("demo/1.0.0.j2", "default: dry", "default: warm", id="default"),
        pytest.param("demo/1.0.0.j2", "inputs:", "model: {temperature: 1}\ninputs:", id="parameter"),
        pytest.param("demo/1.0.0.j2", "help:", "aid:", id="alias"),
        pytest.param("demo/1.0.0.j2", "[dry, warm]", "[warm, dry]", id="order of an enum"),
        pytest.param("demo/1.0.0.j2", "First", "Second", id="changelog"),
        pytest.param("demo/1.0.0.j2", "{{ text }}", "{{ text }}{# c #}", id="comment in the body"),
        pytest.param("demo/1.0.0.j2", "{{ text }}", "{{text}}", id="space in a tag"),
        pytest.param("demo/1.0.0.j2", "{{ text }}", "{{ text }} ", id="space after a tag"),
    ],
)
def test_a_digest_covers_what_shapes_the_prompt(tmp_path: Path, name: str, old: str, new: str) -> None:
    assert digest(tmp_path / "a") != digest(tmp_path / "b", {name: (old, new)})


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        pytest.param("demo/1.0.0.j2", "changelog: First", "# why\nchangelog:   'First'", id="comment and quotes"),
        pytest.param(
            "demo/1.0.0.j2",
            "description: A test\nchangelog: First",
            "changelog: First\ndescription: A test",
            id="order",
        ),
        pytest.param("demo/1.0.0.j2", "{type: string}", "\n    type: string", id="block style"),
        pytest.param("demo/1.0.0.j2", "inputs:", "model: {temperature: 0.0}\ninputs:", id="a default written out"),
        pytest.param("demo/few.yaml", "{text: a}", '{"text": "a"}', id="quotes in the examples"),
        pytest.param("partials/unused.j2", "C", "D", id="a partial of nobody"),
    ],
)
def test_a_digest_covers_nothing_else(tmp_path: Path, name: str, old: str, new: str) -> None:
    assert digest(tmp_path / "a") == digest(tmp_path / "b", {name: (old, new)})


def test_the_sets_digest_follows_from_the_versions(load: Load) -> None:
    prompts = load(files=versions("1.0.0", "1.1.0"))
    every = [prompt for name in prompts.names for prompt in prompts.versions(name)]
    lines = "\n".join(sorted(f"{prompt} {prompt.digest}" for prompt in every))
    assert prompts.digest == "sha256:" + hashlib.sha256(lines.encode()).hexdigest()
    assert load(files=versions("1.2.0")).digest != prompts.digest


def test_helpers_are_bound_by_their_alias(load: Load) -> None:
    files = {"a/1.0.0.j2": OTHER.replace("inputs:", "uses: {b: b@2.0.0}\ninputs:") + "user:\nA\n"}
    files |= {"b/2.0.0.j2": OTHER + "user:\nB\n", "b/3.0.0.j2": OTHER + "user:\nC\n"}
    prompts = load(keys="uses: {first: a@1.0.0, second: b@3.0.0}\n", files=files)
    uses = prompts.get("demo").uses
    assert {alias: str(prompt) for alias, prompt in uses.items()} == {"first": "a@1.0.0", "second": "b@3.0.0"}
    assert uses["first"].uses["b"] is prompts.get("b", "2.0.0")


def test_a_helpers_error_is_told_once(load: Load) -> None:
    files = {"a/1.0.0.j2": OTHER + "user:\n{{ txt }}\n"}
    with pytest.raises(PromptSetError) as caught:
        load(keys="uses: {a: a@1.0.0}\n", files=files)
    assert [error.message for error in caught.value.errors] == ["'txt' is not an input"]


def test_helpers_in_a_circle_are_refused(load: Load) -> None:
    files = {"a/1.0.0.j2": OTHER.replace("inputs:", "uses: {d: demo@1.0.0}\ninputs:") + "user:\nA\n"}
    with pytest.raises(PromptSetError, match=r"uses is circular: a@1\.0\.0 -> demo@1\.0\.0 -> a@1\.0\.0"):
        load(keys="uses: {a: a@1.0.0}\n", files=files)


def test_cases_are_got_by_name(load: Load) -> None:
    prompts = load(
        files={"demo/cases.yaml": "- name: short\n  inputs: {text: a}\n- {name: long, inputs: {text: aa}}\n"}
    )
    assert prompts.cases("demo") == {"short": {"text": "a"}, "long": {"text": "aa"}}
    assert load(files=versions("1.0.0")).cases("other") == {}


@pytest.mark.parametrize(
    ("cases", "words"),
    [
        pytest.param("a: b\n", "not a list of {name, inputs}", id="not a list"),
        pytest.param("- name: a\n", "0.inputs: not a list of {name, inputs}", id="no inputs"),
        pytest.param("- {name: a, inputs: 5}\n", "0.inputs", id="inputs are no mapping"),
        pytest.param(
            "- {name: a, inputs: {}}\n- {name: a, inputs: {}}\n", "two cases have the same name", id="same name"
        ),
        pytest.param("- [\n", "cases.yaml:2:1: not valid YAML", id="broken"),
    ],
)
def test_wrong_cases_are_refused(load: Load, cases: str, words: str) -> None:
    prompts = load(files={"demo/cases.yaml": cases})
    with pytest.raises(PromptError, match=re.escape(words)):
        prompts.cases("demo")


def test_shared_folders_hold_no_prompts(load: Load) -> None:
    files = {
        ".git/1.0.0.j2": "x",
        "evidence/demo/1.0.0.json": "{}",
        "partials/a.j2": "A",
        "schemas/s.json": json.dumps({}),
        "notes.txt": "x",
    }
    assert load(files=files).names == ("demo",)


def test_nothing_in_a_set_can_be_replaced(load: Load) -> None:
    prompt = load(keys="model: {seed: 1}\n").get("demo")
    with pytest.raises(TypeError, match="does not support item assignment"):
        prompt.inputs["text"] = {}  # type: ignore[index]
    with pytest.raises(TypeError, match="does not support item assignment"):
        prompt.uses["a"] = prompt  # type: ignore[index]
    with pytest.raises(ValueError, match="frozen"):
        prompt.parameters.seed = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param("absent", "there is no such prompt folder", id="absent"),
        pytest.param("file", "there is no such prompt folder", id="a file"),
        pytest.param("empty", "holds no prompt", id="empty"),
        pytest.param("partials", "holds no prompt", id="only partials"),
    ],
)
def test_a_folder_without_prompts_is_an_error(tmp_path: Path, make: str, words: str) -> None:
    root = tmp_path / "prompts"
    if make == "file":
        root.write_text("x")
    elif make != "absent":
        (root / make.replace("empty", "")).mkdir(parents=True)
    with pytest.raises(PromptSetError, match=f"prompts: {words}"):
        load_prompt_set(root)


def test_the_projects_own_prompts_render_their_cases() -> None:
    prompts: PromptSet = load_prompt_set(Path(__file__).parents[2] / "prompts")
    assert prompts.names
    for name in prompts.names:
        cases = prompts.cases(name)
        assert cases, f"prompts/{name}/cases.yaml is missing"
        for inputs in cases.values():
            assert prompts.get(name).validate(inputs) == []
            assert prompts.get(name).invoke(inputs).to_messages()
