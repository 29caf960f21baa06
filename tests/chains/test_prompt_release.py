"""A release: checked, numbered as what changed demands, and in the lock from then on."""

import shutil
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import pytest

import chains
from chains.errors import ConfigurationError, PromptSetError, StepRefused, UnknownPrompt
from chains.prompts import load_prompt_set
from chains.prompts.comparison.bump import Bump
from chains.prompts.lifecycle.evidence import Basis, EvidenceRecord, Promotion, Verdict, write_evidence
from chains.prompts.lifecycle.releasing import Release, plan_release, release
from chains.prompts.lock import LOCK, Lock, read_lock
from chains.prompts.serving import lock_problems, serving_problems

FRONT = """---
description: A test
changelog: {changelog}
inputs:
  text: {{type: string}}
  tone: {{enum: [dry, warm], default: dry}}
---
"""
CASES = "- name: short\n  inputs: {text: Hello}\n- name: warm\n  inputs: {text: Hello, tone: warm}\n"
BODY = "user:\n{{ tone }}: {{ text }}\n"


class Desk:
    """A prompt folder with the release demo@1.0.0."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.put("demo/cases.yaml", CASES)
        self.draft("1.0.0")
        self.release("1.0.0")

    def put(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def draft(self, version: str, body: str = BODY, *, keys: str = "", changelog: str | None = None) -> None:
        front = FRONT.format(changelog=changelog or version).replace("inputs:", keys + "inputs:", 1)
        self.put(f"demo/{version}.j2", front + body)

    def release(self, version: str, name: str = "demo") -> Release:
        return release(self.folder, name, version, {})

    def refusal(self, version: str) -> StepRefused:
        """Why a release is refused, which leaves the lock as it was."""
        before = read_lock(self.folder)
        with pytest.raises(StepRefused) as caught:
            self.release(version)
        assert read_lock(self.folder) == before
        return caught.value


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_first_release_is_compared_with_nothing(desk: Desk) -> None:
    prompts = load_prompt_set(desk.folder)
    prompt = prompts.get("demo", "1.0.0")
    assert prompts.lock == Lock({"demo@1.0.0": prompt.digest})
    desk.put("other/2.3.4.j2", FRONT.format(changelog="x") + BODY)
    desk.put("other/cases.yaml", CASES)
    done = desk.release("2.3.4", "other")
    assert (done.base, done.required, done.claimed, done.changes) == (None, Bump.NONE, Bump.NONE, ())


def test_the_lock_has_the_version_and_every_file_that_it_shares(desk: Desk) -> None:
    desk.put("partials/rules-1.j2", "Rules\n")
    desk.put("schemas/out-1.json", '{"type": "string"}')
    desk.put("demo/few-1.yaml", "- inputs: {text: a}\n  output: b\n")
    keys = "examples: demo/few-1.yaml\noutput: out-1.json\n"
    desk.draft("2.0.0", "system:\n{% include 'partials/rules-1.j2' %}\n" + BODY, keys=keys)
    done = desk.release("2.0.0")
    lock = read_lock(desk.folder)
    assert lock.versions == {"demo@1.0.0": done.base.digest if done.base else "", "demo@2.0.0": done.prompt.digest}
    assert lock.files == done.prompt.ingredients.files
    assert set(lock.files) == {"partials/rules-1.j2", "schemas/out-1.json", "demo/few-1.yaml"}
    assert load_prompt_set(desk.folder).is_released(done.prompt)


def test_a_plan_writes_nothing(desk: Desk) -> None:
    desk.draft("1.1.0", "user:\nNew {{ tone }}: {{ text }}\n")
    before = (desk.folder / LOCK).read_bytes()
    planned = plan_release(desk.folder, "demo", "1.1.0", {})
    assert (desk.folder / LOCK).read_bytes() == before
    assert (planned.required, planned.claimed, str(planned.base)) == (Bump.MINOR, Bump.MINOR, "demo@1.0.0")
    assert desk.release("1.1.0").changes == planned.changes


NEW = "user:\nNew {{ tone }}: {{ text }}\n"
SAME = "user:\n{# why #}{{ tone }}: {{ text }}\n"


@pytest.mark.parametrize(
    ("released", "version", "body", "base", "required"),
    [
        pytest.param([], "1.0.1", SAME, "1.0.0", Bump.PATCH, id="patch"),
        pytest.param([], "1.1.0", SAME, "1.0.0", Bump.PATCH, id="more than is needed"),
        pytest.param([], "2.0.0-rc.1", NEW, "1.0.0", Bump.MINOR, id="pre-release"),
        pytest.param(["1.1.0-rc.1"], "1.1.0-rc.2", NEW, "1.0.0", Bump.MINOR, id="pre-release after another"),
        pytest.param(["1.1.0-rc.1"], "1.1.0", NEW, "1.0.0", Bump.MINOR, id="final after its pre-release"),
        pytest.param(["1.1.0", "1.10.0"], "1.9.0", NEW, "1.1.0", Bump.PATCH, id="below a greater one"),
        pytest.param(["1.1.0", "2.0.0"], "1.1.1", NEW, "1.1.0", Bump.PATCH, id="an older line"),
    ],
)
def test_the_base_is_the_greatest_final_release_below(
    desk: Desk, released: list[str], version: str, body: str, base: str, required: Bump
) -> None:
    for other in released:
        desk.draft(other, NEW)
        desk.release(other)
    desk.draft("1.0.5", NEW)  # a draft is nobody's base
    desk.draft(version, body)
    done = desk.release(version)
    assert (str(done.base), done.required) == (f"demo@{base}", required)


def test_a_first_release_may_have_only_greater_ones(desk: Desk) -> None:
    desk.draft("0.9.0", NEW)
    assert desk.release("0.9.0").base is None


@pytest.mark.parametrize(
    ("version", "body", "keys", "words", "free"),
    [
        pytest.param("1.0.1", NEW, "", "claims a PATCH change of demo@1.0.0, but it is MINOR", "1.1.0", id="patch"),
        pytest.param("1.0.1-rc.1", NEW, "", "demo@1.0.1-rc.1 claims a PATCH", "1.1.0-rc.1", id="pre-release"),
        pytest.param("1.1.0", BODY, "  more: {type: string}\n", "but it is MAJOR", "2.0.0", id="new required input"),
        pytest.param("1.0.9", BODY, "  more: {type: string}\n", "claims a PATCH", "2.0.0", id="patch for a major"),
    ],
)
def test_a_bump_that_is_too_small_names_the_one_that_would_do(
    desk: Desk, version: str, body: str, keys: str, words: str, free: str
) -> None:
    desk.draft(version, body)
    path = desk.folder / "demo" / f"{version}.j2"
    if keys:
        path.write_text(path.read_text().replace("---\nuser:", keys + "---\nuser:"))
        desk.put("demo/cases.yaml", CASES + "- name: more\n  inputs: {text: Hello, more: x}\n")
    (reason,) = desk.refusal(version).reasons
    assert reason.check == "bump"
    assert words in reason.message
    assert "because of " in reason.message
    assert reason.remedy == f"the smallest version that would do is {free}: mv {path} {path.with_name(free)}.j2"
    path.rename(path.with_name(f"{free}.j2"))
    desk.release(free)


def test_a_version_that_is_taken_is_not_proposed(desk: Desk) -> None:
    desk.draft("1.1.0", BODY)
    desk.draft("1.2.0-rc.1", BODY)
    desk.draft("1.0.1", NEW)
    assert "would do is 1.2.0:" in str(desk.refusal("1.0.1"))


def test_what_changed_is_named(desk: Desk) -> None:
    desk.draft("1.0.1", NEW, keys="model: {temperature: 1}\n")
    said = str(desk.refusal("1.0.1"))
    assert "model.temperature: is 1.0, not 0" in said
    assert "case 'short': renders otherwise" in said
    assert "case 'warm': renders otherwise" in said


def test_what_is_released_is_not_released_again(desk: Desk) -> None:
    (reason,) = desk.refusal("1.0.0").reasons
    assert reason.check == "released"
    assert "is released already, just as it is now" in reason.message
    assert "copydesk prompts promote demo 1.0.0" in reason.remedy


def test_what_was_edited_after_its_release_is_told_what_to_do(desk: Desk) -> None:
    desk.draft("1.0.0", NEW)
    (reason,) = desk.refusal("1.0.0").reasons
    assert reason.check == "edited"
    assert "was edited after its release, which would change demo@1.0.0" in reason.message
    assert "1.1.0.j2), then take the edit back here: git checkout" in reason.remedy


FLAWS: list[tuple[str, Mapping[str, str | None], str, str]] = [
    (
        "a changelog of the base",
        {"demo/1.1.0.j2": FRONT.format(changelog="1.0.0") + NEW},
        "changelog",
        "say what changed",
    ),
    ("no cases", {"demo/cases.yaml": None}, "cases", "there is no golden case"),
    ("an empty list of cases", {"demo/cases.yaml": "[]\n"}, "cases", "there is no golden case"),
    ("cases that cannot be read", {"demo/cases.yaml": "a: b\n"}, "cases", "not a list of {name, inputs}"),
    (
        "cases of other versions only",
        {"demo/1.1.0.j2": FRONT.format(changelog="x").replace("text:", "words:") + "user:\n{{ words }}{{ tone }}\n"},
        "cases",
        "demo@1.1.0 takes none of its golden cases",
    ),
    (
        "a case that cannot be rendered",
        {"demo/1.1.0.j2": FRONT.format(changelog="x") + "user:\n{{ tone }}{{ text + 1 }}\n"},
        "case-failed",
        "'short'",
    ),
    (
        "a pinned draft",
        {
            "demo/1.1.0.j2": FRONT.format(changelog="x").replace("inputs:", "uses: {help: help@1.0.0}\ninputs:") + NEW,
            "help/1.0.0.j2": FRONT.format(changelog="x") + BODY,
        },
        "uses",
        "help@1.0.0 is a draft, and may still change (release it first: copydesk prompts release help 1.0.0)",
    ),
    ("an edited base", {"demo/1.0.0.j2": FRONT.format(changelog="1.0.0") + SAME}, "edited", "would change demo@1.0.0"),
    ("a broken file elsewhere", {"other/1.0.0.j2": "user:\n"}, "load", "does not begin with front matter"),
]


@pytest.mark.parametrize(("files", "check", "words"), [pytest.param(*flaw[1:], id=flaw[0]) for flaw in FLAWS])
def test_each_flaw_is_refused(desk: Desk, files: Mapping[str, str | None], check: str, words: str) -> None:
    desk.draft("1.1.0", NEW)
    for name, text in files.items():
        if text is None:
            (desk.folder / name).unlink()
        else:
            desk.put(name, text)
    refused = desk.refusal("1.1.0")
    assert check in [reason.check for reason in refused.reasons]
    assert words in str(refused)
    assert len({str(reason) for reason in refused.reasons}) == len(refused.reasons)


def test_every_reason_is_told_at_once(desk: Desk) -> None:
    desk.put("help/1.0.0.j2", FRONT.format(changelog="x") + BODY)
    desk.draft("1.0.1", NEW, keys="uses: {help: help@1.0.0}\n", changelog="1.0.0")
    desk.put("demo/cases.yaml", "[]\n")
    assert [reason.check for reason in desk.refusal("1.0.1").reasons] == ["cases", "uses", "changelog", "bump"]


def test_a_file_that_is_locked_otherwise_is_refused(desk: Desk) -> None:
    """Nothing released uses it any more, so that no version tells of the edit."""
    desk.put("partials/rules-1.j2", "Rules\n")
    lock = read_lock(desk.folder)
    desk.put(LOCK, Lock(lock.versions, {"partials/rules-1.j2": "sha256:" + "0" * 64}).text())
    desk.draft("1.1.0", "system:\n{% include 'partials/rules-1.j2' %}\n" + BODY)
    (reason,) = desk.refusal("1.1.0").reasons
    assert reason.check == "edited"
    assert "rules-1.j2: the lock has this file as it was before it was edited" in reason.message


def test_an_edited_partial_is_refused_in_the_locks_words(desk: Desk) -> None:
    desk.put("partials/rules-1.j2", "Rules\n")
    body = "system:\n{% include 'partials/rules-1.j2' %}\n" + BODY
    desk.draft("1.1.0", body)
    desk.release("1.1.0")
    desk.put("partials/rules-1.j2", "Other rules\n")
    desk.draft("1.2.0", body)
    (reason,) = desk.refusal("1.2.0").reasons
    assert reason.check == "edited"
    assert "was edited after its release, which would change demo@1.1.0" in reason.message
    assert "rules-2.j2, for a new version to use" in reason.remedy


def promoted(desk: Desk, version: str) -> None:
    """A record that shows that the version, as it is now, was promoted."""
    record = EvidenceRecord(
        name="demo",
        version=version,
        digest=load_prompt_set(desk.folder).get("demo", version).digest,
        verdict=Verdict.UNEVALUATED,
        created_at=datetime.now(UTC),
        promotions=(Promotion(label="production", basis=Basis.INITIAL, promoted_at=datetime.now(UTC)),),
    )
    write_evidence(desk.folder, record)


def test_a_version_whose_line_is_lost_is_no_draft(desk: Desk) -> None:
    promoted(desk, "1.0.0")
    lock = (desk.folder / LOCK).read_text()
    desk.put(LOCK, Lock().text())
    desk.put("labels.yaml", "demo: {production: 1.0.0}\n")
    prompts = load_prompt_set(desk.folder)
    (error,) = serving_problems(prompts, {})
    assert (error.rule, error.path) == ("lock", desk.folder / LOCK)
    assert error.message == "demo@1.0.0 was released, but its line is gone"
    assert error.hint == f"git checkout -- {desk.folder / LOCK}"
    desk.draft("1.0.0", NEW)
    assert [reason.check for reason in desk.refusal("1.0.0").reasons] == ["evidence"]
    desk.draft("1.0.0")
    desk.release("1.0.0")
    assert (desk.folder / LOCK).read_text() == lock


def test_a_file_whose_line_is_lost_is_told(desk: Desk) -> None:
    desk.put("partials/rules-1.j2", "Rules\n")
    desk.draft("1.1.0", "system:\n{% include 'partials/rules-1.j2' %}\n" + BODY)
    desk.release("1.1.0")
    desk.put(LOCK, Lock(read_lock(desk.folder).versions).text())
    (error,) = lock_problems(load_prompt_set(desk.folder))
    assert (error.rule, error.hint) == ("lock", f"git checkout -- {desk.folder / LOCK}")
    assert error.message == "demo@1.1.0 was released with partials/rules-1.j2, but the line of that file is gone"


def test_a_released_file_that_was_deleted_comes_from_git(desk: Desk) -> None:
    desk.put("partials/rules-1.j2", "Rules\n")
    desk.put("schemas/a.json", "{}")
    desk.draft("2.0.0", "system:\n{% include 'partials/rules-1.j2' %}\n" + BODY, keys="output: a.json\n")
    desk.release("2.0.0")
    files = [desk.folder / "partials" / "rules-1.j2", desk.folder / "schemas" / "a.json"]
    for file in files:
        file.unlink()
    with pytest.raises(PromptSetError) as caught:
        load_prompt_set(desk.folder)
    assert [error.hint for error in caught.value.errors] == [f"git checkout -- {file}" for file in files]


@pytest.mark.parametrize(("name", "version"), [("demo", "9.0.0"), ("translate", "1.0.0")])
def test_what_does_not_exist(desk: Desk, name: str, version: str) -> None:
    with pytest.raises(UnknownPrompt):
        desk.release(version, name)


def test_the_installed_packages_prompts_are_not_written(tmp_path: Path) -> None:
    bundled = Path(chains.__file__).parent / "prompts" / "bundled"
    with pytest.raises(ConfigurationError, match=r"belong to the installed package.* copy them first: cp -r"):
        release(bundled, "summarize", "1.0.0", {})


def test_the_projects_own_prompts_can_have_a_next_version(tmp_path: Path) -> None:
    folder = tmp_path / "prompts"
    shutil.copytree(Path(__file__).parents[2] / "prompts", folder)
    path = folder / "classify" / "9.0.0.j2"
    text = (folder / "classify" / "1.0.0.j2").read_text()
    path.write_text(text.replace("changelog: ", "changelog: Next. "))
    assert release(folder, "classify", "9.0.0", {}).claimed is Bump.MAJOR


def release_one(folder: Path, name: str) -> None:
    release(folder, name, "1.0.0", {})


def test_releases_at_once_all_stand_in_the_lock(desk: Desk) -> None:
    names = [f"p{number}" for number in range(6)]
    for name in names:
        desk.put(f"{name}/1.0.0.j2", FRONT.format(changelog="x") + BODY)
        desk.put(f"{name}/cases.yaml", CASES)
    with ProcessPoolExecutor(len(names), get_context("spawn")) as pool:
        waiting = [pool.submit(release_one, desk.folder, name) for name in names]
        assert [one.exception() for one in waiting] == [None] * len(names)
    assert set(read_lock(desk.folder).versions) == {"demo@1.0.0", *(f"{name}@1.0.0" for name in names)}
    assert not [path for path in desk.folder.iterdir() if path.name.startswith(f".{LOCK}")]


def test_what_cannot_be_written_is_told(desk: Desk) -> None:
    (desk.folder / ".lock").unlink()
    (desk.folder / ".lock").mkdir()
    desk.draft("1.1.0", BODY + "More.\n")
    refused = desk.refusal("1.1.0")
    assert [reason.check for reason in refused.reasons] == ["folder"]
    assert f"{desk.folder}/.lock: cannot be written: " in str(refused)
