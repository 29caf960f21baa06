"""`copydesk prompts release | promote | rollback`, end to end in a folder of their own."""

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chains.backends import configuration_class
from chains.prompts import load_prompt_set
from chains.prompts.lifecycle.evidence import EvidenceRecord, Verdict, read_evidence, write_evidence
from cli.main import main
from eval.datasets import dataset_digest
from tests.conftest import ROOT, SCRIPT, scripted_configuration


@dataclass
class Desk:
    """A copy of the project's prompts with a draft summarize@7.0.0, a scripted backend and the datasets."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str, code: int = 0) -> str:
        """What the command prints, in this process: on standard output where it was done, else on standard error."""
        self.monkeypatch.setattr(sys, "argv", ["copydesk", "prompts", *arguments])
        with pytest.raises(SystemExit) as exited:
            main()
        out, err = self.capsys.readouterr()
        assert (exited.value.code or 0) == code, out + err
        assert bool(out) != bool(err)
        return out + err

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", code=code))

    @property
    def labels(self) -> str:
        return (self.folder / "prompts" / "labels.yaml").read_text()

    def evidence(self) -> None:
        """What `eval gate` would write for the draft, compared with production."""
        prompts = load_prompt_set(self.folder / "prompts")
        model = configuration_class("scripted").model_validate({"kind": "scripted", "answers": SCRIPT}).identity()
        baseline = prompts.get("summarize", "1.0.0")
        metric = {
            "name": "coverage",
            "cases": 9,
            "baseline": 1,
            "candidate": 1,
            "difference": 0,
            "lower": 0,
            "upper": 0,
        }
        record = {
            "name": "summarize",
            "version": "7.0.0",
            "digest": prompts.get("summarize", "7.0.0").digest,
            "baseline": {"version": "1.0.0", "digest": baseline.digest},
            "backend_kind": model.kind,
            "model": model.model,
            "model_digest": model.digest,
            "suite": "summarize",
            "dataset_digest": dataset_digest(ROOT / "eval" / "datasets" / "summarize"),
            "metrics": [{**metric, "margin": 0.1, "verdict": "PASS"}],
            "verdict": "PASS",
            "created_at": "2026-03-01T00:00:00Z",
        }
        write_evidence(self.folder / "prompts", EvidenceRecord.model_validate(record))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    scripted_configuration(tmp_path)
    prompts = tmp_path / "prompts"
    shutil.copytree(ROOT / "prompts", prompts)
    shutil.copytree(ROOT / "eval" / "datasets", tmp_path / "eval" / "datasets")
    text = load_prompt_set(prompts).get("summarize").ingredients.source.path.read_text()
    draft = text.replace("changelog: ", "changelog: Next. ") + "Be brief.\n"
    (prompts / "summarize" / "7.0.0.j2").write_text(draft)
    (prompts / "labels.yaml").write_text("# Ours\nsummarize:\n  production: 1.0.0  # since May\n")
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize(
    ("command", "example"),
    [
        ("release", "Example: copydesk prompts release summarize 1.1.0"),
        ("promote", "Example: copydesk prompts promote summarize 1.1.0 -l canary --percent 5"),
        ("rollback", 'Example: copydesk prompts rollback summarize --reason "it invents dates"'),
    ],
)
def test_help_shows_an_example(desk: Desk, command: str, example: str) -> None:
    assert example in desk.run(command, "--help")


def test_a_version_is_released_promoted_and_taken_back(desk: Desk) -> None:
    planned = desk.run("release", "summarize", "7.0.0", "--dry-run")
    assert "summarize@7.0.0 could be released" in planned
    assert "Nothing was written" in planned
    assert "is a draft (release it first" in desk.run("promote", "summarize", "7.0.0", code=1)

    said = desk.run("release", "summarize", "7.0.0")
    assert "claims MAJOR." in said
    assert "changelog: is worded anew" in said
    assert "Next: evaluate it, then copydesk prompts promote summarize 7.0.0" in said
    assert "copydesk: release summarize@7.0.0: refused\n" in desk.run("release", "summarize", "7.0.0", code=1)

    assert "there is no evidence for summarize@7.0.0" in desk.run("promote", "summarize", "7.0.0", code=1)
    desk.evidence()
    said = desk.run("promote", "summarize", "7.0.0", "--label", "canary", "--percent", "10")
    assert said.splitlines() == [
        "summarize.canary serves 7.0.0 with 10 %; it served nothing before.",
        "Basis: evidence",
        "The share is of conversations: all requests of a key that names no session are one.",
        "Written: prompts/labels.yaml, prompts/evidence/summarize/7.0.0.json",
        "To undo it: copydesk prompts rollback summarize --label canary",
    ]
    said = desk.run("promote", "summarize", "7.0.0")
    assert "summarize.production serves 7.0.0; it served 1.0.0 before." in said
    assert "The canary, which had 7.0.0 with 10 %, is removed" in said
    assert desk.labels == "# Ours\nsummarize:\n  production: 7.0.0  # since May\n"

    said = desk.run("rollback", "summarize", "--reason", "it invents dates")
    assert said.splitlines() == [
        "summarize.production serves 1.0.0 again; it served 7.0.0.",
        "Written: prompts/labels.yaml, prompts/evidence/summarize/7.0.0.json",
    ]
    assert desk.labels == "# Ours\nsummarize:\n  production: 1.0.0  # since May\n"
    record = read_evidence(desk.folder / "prompts", "summarize", "7.0.0")
    assert record is not None
    assert record.verdict is Verdict.PASS
    assert [promotion.rollback_reason for promotion in record.promotions] == [None, "it invents dates"]
    assert "production served nothing before" in desk.run("rollback", "summarize", code=1)


def test_json_for_programs(desk: Desk) -> None:
    released = desk.json("release", "summarize", "7.0.0")
    assert released.keys() == {"name", "version", "digest", "base", "required", "claimed", "changes", "dry_run"}
    assert (released["required"], released["claimed"], released["dry_run"]) == ("MINOR", "MAJOR", False)
    assert {change["bump"] for change in released["changes"]} == {"MINOR", "PATCH"}

    refused = desk.json("promote", "summarize", "7.0.0", code=1)
    assert refused["refused"] == "promote summarize@7.0.0 to production"
    assert [reason.keys() for reason in refused["reasons"]] == [{"check", "message", "remedy"}]

    canary = desk.json("promote", "summarize", "7.0.0", "-l", "canary", "--percent", "2.5", "--force", "try it")
    assert canary["previous"] is None
    assert (canary["percent"], canary["basis"], canary["reason"]) == (2.5, "forced", "try it")
    assert canary["overruled"] == ["there is no evidence for summarize@7.0.0"]
    promoted = desk.json("promote", "summarize", "7.0.0", "--force", "it is good")
    assert promoted["previous"] == {"version": "1.0.0"}
    assert promoted["removed_canary"] == {"version": "7.0.0", "percent": 2.5}
    assert desk.json("rollback", "summarize") == {
        "name": "summarize",
        "label": "production",
        "before": {"version": "7.0.0"},
        "after": {"version": "1.0.0"},
        "canary": None,
        "broken": [],
    }


def test_a_rollback_tells_what_keeps_it_from_serving(desk: Desk) -> None:
    desk.run("release", "summarize", "7.0.0")
    desk.run("promote", "summarize", "7.0.0", "--force", "x")
    (desk.folder / "prompts" / "rewrite" / "9.0.0.j2").write_text("broken")
    done, told, error, _ = desk.run("rollback", "summarize").splitlines()
    assert done == "summarize.production serves 1.0.0 again; it served 7.0.0."
    assert told == "Other files are broken. A running service keeps its last good set until they are mended:"
    assert error.startswith("  prompts/rewrite/9.0.0.j2:1: does not begin with front matter")


def test_evidence_is_compared_with_the_configured_model_and_the_dataset(desk: Desk) -> None:
    desk.run("release", "summarize", "7.0.0")
    desk.evidence()
    other = desk.folder / "other"
    shutil.copytree(desk.folder / "eval" / "datasets" / "summarize", other / "summarize")
    (other / "summarize" / "golden.jsonl").write_text("")
    elsewhere = scripted_configuration(other, [{"answer": "Another script."}])
    said = desk.json("promote", "summarize", "7.0.0", "--config", str(elsewhere), "--datasets", str(other), code=1)
    assert [reason["check"] for reason in said["reasons"]] == ["model", "dataset"]
    said = desk.run("promote", "summarize", "7.0.0", "--datasets", str(desk.folder), code=1)
    assert "there is no dataset: no *.jsonl file" in said
    assert "summarize.production serves 7.0.0" in desk.run("promote", "summarize", "7.0.0")


def test_the_model_is_that_of_the_prompts_own_route(desk: Desk) -> None:
    desk.run("release", "summarize", "7.0.0")
    desk.evidence()
    text = (desk.folder / "copydesk.yaml").read_text() + "  other: {kind: scripted, answers: [{answer: x}]}\n"
    (desk.folder / "copydesk.yaml").write_text(text + "routes: {summarize: [other, script], default: [script]}\n")
    said = desk.json("promote", "summarize", "7.0.0", code=1)
    assert [reason["check"] for reason in said["reasons"]] == ["model"]
    (desk.folder / "copydesk.yaml").write_text(text + "routes: {summarize: [script], default: [other]}\n")
    assert desk.json("promote", "summarize", "7.0.0")["basis"] == "evidence"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["release", "summarize", "9.0.0"], "has no version '9.0.0'", id="version"),
        pytest.param(["release", "translate", "1.0.0"], "There is no prompt 'translate'", id="prompt"),
        pytest.param(["promote", "summarize", "1.0.0", "-l", "canary"], "--percent: the label canary", id="no share"),
        pytest.param(["promote", "summarize", "1.0.0", "--force", ""], "the reason is blank", id="no reason"),
        pytest.param(
            ["promote", "summarize", "1.0.0", "--force", "a", "--initial"], "give at most one of", id="two flags"
        ),
        pytest.param(["rollback", "translate"], "There is no prompt 'translate'", id="rollback of nothing"),
        pytest.param(["rollback", "summarize", "--reason", " "], "--reason: the reason is blank", id="blank reason"),
        pytest.param(["promote", "summarize"], "Missing argument", id="no version"),
    ],
)
def test_a_wrong_call_exits_with_2(desk: Desk, arguments: list[str], words: str) -> None:
    before = desk.labels
    assert words in desk.run(*arguments, code=2)
    assert desk.labels == before


@pytest.mark.parametrize(
    "arguments",
    [["release", "summarize@1.0.0"], ["promote", "summarize@1.0.0"], ["rollback", "summarize"]],
    ids=["release", "promote", "rollback"],
)
def test_what_writes_never_falls_back_to_another_folder(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    scripted_configuration(tmp_path / "elsewhere")
    assert "there is no ./prompts here; name the folder with --dir" in desk.run(*arguments, code=2)


def test_the_next_command_names_the_same_folder(desk: Desk) -> None:
    folder = desk.folder / "our prompts"
    (desk.folder / "prompts").rename(folder)
    said = desk.run("release", "summarize@7.0.0", "-d", str(folder))
    assert f"Written: {folder}/prompts.lock\n" in said
    assert said.endswith(f"copydesk prompts promote summarize 7.0.0 --dir '{folder}'\n")
    said = desk.run("promote", "summarize@7.0.0", "--force", "x", "-d", str(folder))
    assert said.endswith(f"To undo it: copydesk prompts rollback summarize --dir '{folder}'\n")


def test_the_installed_packages_prompts_are_copied_first(desk: Desk) -> None:
    bundled = str(ROOT / "chains" / "prompts" / "bundled")
    for arguments in (["release", "summarize", "1.0.0"], ["promote", "summarize", "1.0.0"], ["rollback", "summarize"]):
        assert "copy them first: cp -r" in desk.run(*arguments, "-d", bundled, code=2)
