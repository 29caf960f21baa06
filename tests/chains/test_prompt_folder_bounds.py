"""Nothing that an author can write or link reads a file outside the prompt folder."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from chains.errors import PromptError, PromptSetError
from chains.prompts import load_prompt_set
from chains.prompts.lifecycle.evidence import read_evidence
from chains.prompts.watch import fingerprint
from tests.chains.conftest import FRONT, Load, refusal

SECRET = "hunter2"
WELL_FORMED = FRONT + f"user:\n{SECRET}\n"
"""A file outside that would load: only its place speaks against it."""

NAMES = {
    "dots": "../secret.j2",
    "dots after partials": "partials/../../secret.j2",
    "many dots": "partials/" + "../" * 30 + "etc/passwd",
    "dots in the folder": "partials/../demo/1.0.0.j2",
    "a dot": "partials/./a.j2",
    "dot first": "./partials/a.j2",
    "absolute": "/etc/passwd",
    "absolute within": "/partials/a.j2",
    "two slashes": "partials//a.j2",
    "network path": "//host/share/a.j2",
    "backslashes": "partials\\\\..\\\\..\\\\secret.j2",
    "windows": "C:\\\\secret.j2",
    "url": "file:///etc/passwd",
    "http": "http://127.0.0.1/a.j2",
    "package": "chains.prompts:a.j2",
    "upper-case folder": "PARTIALS/a.j2",
    "upper-case file": "partials/A.j2",
    "upper-case ending": "partials/a.J2",
    "nul": "partials/a.j2\\0",
    "nul and ending": "partials/a\\0.j2",
    "newline": "partials/a.j2\\n",
    "percent": "partials/%2e%2e/secret.j2",
    "full-width dots": "partials/．．/secret.j2",
    "home": "~/secret.j2",
    "variable": "$HOME/secret.j2",
    "hidden": "partials/.hidden.j2",
    "no ending": "partials/a",
    "folder": "partials",
    "empty": "",
    "a section": "demo/1.0.0.j2",
    "labels": "labels.yaml",
}


@pytest.fixture
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds every kind of file."""
    folder = tmp_path_factory.mktemp("outside")
    for name in ("1.0.0.j2", "secret.j2"):
        (folder / name).write_text(WELL_FORMED)
    (folder / "secret.yaml").write_text(f"- inputs: {{text: {SECRET}}}\n  output: a\n")
    (folder / "cases.yaml").write_text(f"- name: a\n  inputs: {{text: {SECRET}}}\n")
    (folder / "labels.yaml").write_text("demo: {production: 1.0.0}\n")
    (folder / "prompts.lock").write_text(f"demo@1.0.0: sha256:{'0' * 64}\n")
    (folder / "s.json").write_text(f'{{"description": "{SECRET}"}}')
    (folder / "1.0.0.json").write_text(f'{{"name": "{SECRET}"}}')
    return folder


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize(
    "tag",
    [
        '{{% include "{}" %}}',
        '{{% include "{}" ignore missing %}}',
        '{{% include ["{}", "partials/a.j2"] %}}',
        '{{% extends "{}" %}}',
        '{{% import "{}" as a %}}',
        '{{% from "{}" import a %}}',
    ],
    ids=["include", "ignore missing", "list", "extends", "import", "from"],
)
def test_a_template_reaches_only_partials(load: Load, tag: str, name: str) -> None:
    text = refusal(load, f"user:\n{tag.format(name)}\n", files={"partials/a.j2": "A", "partials/.hidden.j2": "B"})
    assert "1.0.0.j2:9:1: " in text


@pytest.mark.parametrize(
    "name",
    [
        "text",
        "'partials/' ~ text",
        "'partials/' + 'a.j2'",
        "tone|lower",
        "('partials/a.j2')|trim",
        "[text]",
        "5",
        "none",
    ],
)
def test_a_name_is_never_computed(load: Load, name: str) -> None:
    text = refusal(load, f"user:\n{{% include {name} %}}\n", files={"partials/a.j2": "A"})
    assert "1.0.0.j2:9:1: " in text


@pytest.mark.parametrize("key", ["examples", "output"])
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_front_matter_reaches_only_its_folder(load: Load, key: str, name: str) -> None:
    text = refusal(load, keys=f'{key}: "{name}"\n', files={"partials/a.j2": "A", "partials/.hidden.j2": "B"})
    assert "root:" not in text
    assert SECRET not in text


Link = Callable[[Path, Path], None]


def link(name: str, target: str) -> Link:
    def make(folder: Path, outside: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(outside / target)

    return make


@pytest.mark.parametrize(
    ("make", "keys", "body"),
    [
        pytest.param(link("demo/2.0.0.j2", "secret.j2"), "", "", id="a version"),
        pytest.param(link("other", "."), "", "", id="a prompt's folder"),
        pytest.param(link("partials/a.j2", "secret.j2"), "", "{% include 'partials/a.j2' %}", id="a partial"),
        pytest.param(link("partials", "."), "", "{% include 'partials/secret.j2' %}", id="partials"),
        pytest.param(link("demo/few.yaml", "secret.yaml"), "examples: demo/few.yaml\n", "", id="examples"),
        pytest.param(link("few", "."), "examples: few/secret.yaml\n", "", id="a folder of examples"),
        pytest.param(link("schemas/s.json", "s.json"), "output: s.json\n", "", id="a schema"),
        pytest.param(link("schemas", "."), "output: s.json\n", "", id="schemas"),
        pytest.param(link("labels.yaml", "labels.yaml"), "", "", id="labels"),
        pytest.param(link("prompts.lock", "prompts.lock"), "", "", id="the lock"),
        pytest.param(link("demo/2.0.0.j2", "/dev/zero"), "", "", id="an endless device"),
    ],
)
def test_a_link_that_leads_out_is_an_error(
    load: Load, tmp_path: Path, outside: Path, make: Link, keys: str, body: str
) -> None:
    make(tmp_path, outside)
    text = refusal(load, f"user:\n{{{{ text }}}}{body}\n", keys=keys)
    assert any(words in text for words in ("leads out of", "there is no file"))
    assert SECRET not in text


def test_cases_that_lead_out_are_an_error(load: Load, tmp_path: Path, outside: Path) -> None:
    prompts = load()
    (tmp_path / "demo" / "cases.yaml").symlink_to(outside / "cases.yaml")
    with pytest.raises(PromptError, match="leads out of the prompt folder"):
        prompts.cases("demo")


@pytest.mark.parametrize(
    ("name", "target"), [("evidence", "evidence"), ("evidence/demo", "."), ("evidence/demo/1.0.0.json", "1.0.0.json")]
)
def test_evidence_that_leads_out_is_an_error(tmp_path: Path, outside: Path, name: str, target: str) -> None:
    (outside / "evidence" / "demo").mkdir(parents=True)
    (outside / "evidence" / "demo" / "1.0.0.json").write_text("{}")
    link(name, target)(tmp_path, outside)
    with pytest.raises(PromptError, match="leads out of the prompt folder"):
        read_evidence(tmp_path, "demo", "1.0.0")


def test_links_within_the_folder_serve(load: Load, tmp_path: Path) -> None:
    """As Kubernetes mounts a ConfigMap: every file is a link into a hidden folder beside it."""
    hidden = tmp_path / "demo" / "..data"
    hidden.mkdir(parents=True)
    (hidden / "2.0.0.j2").write_text(FRONT + "user:\nTwo\n")
    (tmp_path / "demo" / "2.0.0.j2").symlink_to(Path("..data") / "2.0.0.j2")
    (tmp_path / "labels").write_text("demo: {production: 2.0.0}\n")
    (tmp_path / "labels.yaml").symlink_to("labels")
    prompts = load()
    assert prompts.get("demo").invoke({"text": "a"}).to_messages()[0].content == "Two"
    assert prompts.labels["demo"]["production"].version == "2.0.0"


def test_the_folder_itself_may_be_a_link(load: Load, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    load("user:\n{% include 'partials/a.j2' %}\n", files={"partials/a.j2": "A", "labels.yaml": ""})
    linked = tmp_path_factory.mktemp("links") / "prompts"
    linked.symlink_to(tmp_path)
    assert [str(prompt) for prompt in load_prompt_set(linked)] == ["demo@1.0.0"]


@pytest.mark.parametrize("name", ["demo/2.0.0.j2", "partials/a.j2", "demo/few.yaml", "schemas", "labels.yaml"])
def test_links_in_circles_are_no_crash(load: Load, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(path)
    text = refusal(load, keys="examples: demo/few.yaml\noutput: s.json\n")
    assert "there is no file 'demo/few.yaml'" in text


@pytest.mark.parametrize("name", ["demo/2.0.0.j2", "partials/a.j2", "labels.yaml", "prompts.lock"])
def test_a_pipe_is_no_file(load: Load, tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(tmp_path / name)
    assert f"{name}: is no file" in refusal(load)


def test_a_link_to_nothing_is_told(load: Load, tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "2.0.0.j2").symlink_to("absent")
    with pytest.raises(PromptSetError, match=r"2\.0\.0\.j2: cannot be read: No such file"):
        load()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        pytest.param("examples: evidence/x.yaml\n", "'evidence/x.yaml' lies under evidence/", id="evidence"),
        pytest.param("examples: demo/../evidence/x.yaml\n", "lies under evidence/", id="evidence by dots"),
        pytest.param("examples: .more/x.yaml\n", "is hidden: '.more'", id="a hidden folder"),
        pytest.param("examples: demo/.x.yaml\n", "is hidden: '.x.yaml'", id="a hidden file"),
        pytest.param("examples: demo/x.yaml~\n", "is hidden: 'x.yaml~'", id="a backup"),
        pytest.param("examples: a/b/c/d/e/f/g/x.yaml\n", "lies more than 6 folders deep", id="deep"),
        pytest.param("output: .s.json\n", "is hidden: '.s.json'", id="a hidden schema"),
    ],
)
def test_a_file_whose_edits_would_go_unnoticed(load: Load, tmp_path: Path, keys: str, words: str) -> None:
    name = keys.split()[1]
    path = os.path.normpath(f"schemas/{name}" if "json" in name else name)
    text = '{"type": "string"}' if "json" in name else "- {inputs: {text: a}, output: b}\n"
    with pytest.raises(PromptSetError) as caught:
        load(keys=keys, files={path: text})
    (error,) = caught.value.errors
    assert (error.rule, error.line) == ("file-missing", 4)
    assert words in str(error)
    before = fingerprint(tmp_path)
    (tmp_path / path).write_text(text + " ")
    assert fingerprint(tmp_path) == before


def test_a_deep_file_whose_edits_are_noticed(load: Load, tmp_path: Path) -> None:
    text = "- {inputs: {text: a}, output: b}\n"
    load(keys="examples: a/b/c/d/e/f/x.yaml\n", files={"a/b/c/d/e/f/x.yaml": text})
    before = fingerprint(tmp_path)
    (tmp_path / "a/b/c/d/e/f/x.yaml").write_text(text + "# more\n")
    assert fingerprint(tmp_path) != before
