"""`copydesk eval report`: a report, or a run that is scored anew, in any form."""

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml
from typer.testing import CliRunner, Result

from chains.tasks import load_tasks
from cli.evaluate import app
from eval.case_files import dataset_folders, load_cases
from eval.outcomes import Outcome, Variant
from eval.report import Report
from eval.reports.forms import Form
from eval.run_file import RunHeader
from eval.suites import find_suite, read_suite
from tests.eval.reports.sample import sample_report

Command = Callable[..., subprocess.CompletedProcess[str]]


def call(*arguments: str) -> Result:
    """In this process: each start of the command takes seconds."""
    return CliRunner().invoke(app, ["report", *arguments], env={"COLUMNS": "200"})


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "report.json"
    path.write_text(sample_report(loss=0.5).model_dump_json())
    return path


def run_file(path: Path, finished: bool = True) -> Path:
    """A run of classify's golden cases: the first variant is right, the second says the first label that it is
    offered."""
    suite = read_suite(find_suite("classify"))
    cases = load_cases(suite, load_tasks()["classify"], dataset_folders(None))
    variants = [_variant("1.0.0"), _variant("2.0.0")]
    header = RunHeader(
        suite=suite.name,
        suite_digest="sha256:" + "0" * 64,
        datasets=cases.datasets,
        repeats=1,
        variants=tuple(variants),
        copydesk="0.7.0",
        created_at=datetime(2026, 11, 30, tzinfo=UTC),
    )
    lines = [header.model_dump_json()]
    for variant in variants:
        for case in cases.cases:
            offered = [label["name"] for label in case.input.params["labels"]]
            labels = case.expected["labels"] if variant is variants[0] else offered[:1]
            output: dict[str, Any] = {"labels": [{"name": name} for name in labels], "abstained": False}
            lines.append(Outcome(variant=variant.name, case=case.id, output=output).model_dump_json())
    path.write_text("\n".join(lines if finished else lines[:-1]) + "\n")
    return path


def _variant(version: str) -> Variant:
    digest = "sha256:" + "1" * 64
    identity = {"kind": "scripted", "model": "script", "model_digest": digest}
    return Variant(
        name=f"classify@{version}", task="classify", version=version, digest=digest, backend="script", **identity
    )


def test_all_forms_are_written(stored: Path, tmp_path: Path) -> None:
    done = call(str(stored), "--out", str(tmp_path / "new" / "reports"))
    files = {form: tmp_path / "new" / "reports" / form.file for form in Form}
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [f"written: {path}" for path in files.values()]
    assert files[Form.HTML].read_text().startswith("<!doctype html>")
    assert files[Form.MARKDOWN].read_text().startswith("## ❌ REGRESSED")
    assert sum(suite.failures for suite in JUnitXml.fromfile(str(files[Form.JUNIT]))) > 0
    assert Report.model_validate_json(files[Form.JSON].read_bytes()) == sample_report(loss=0.5)


@pytest.mark.e2e
def test_one_form_is_printed(copydesk: Command, stored: Path) -> None:
    done = copydesk("eval", "report", str(stored), "-f", "json")
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (0, "REGRESSED")


def test_a_run_is_scored_anew(tmp_path: Path) -> None:
    path = run_file(tmp_path / "run.jsonl")
    done = call(str(path), "--format", "markdown")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("## ❌ REGRESSED · `classify`\n\n`classify@2.0.0` is worse than `classify@1.0.0` in")
    assert "| Accuracy | 100.0 % |" in done.stdout


def test_a_run_that_was_stopped_has_no_report(tmp_path: Path) -> None:
    done = call(str(run_file(tmp_path / "run.jsonl", finished=False)), "-f", "markdown")
    assert (done.exit_code, "the run isn't finished" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param([], "name a folder with --out, or one form to print", id="neither folder nor form"),
        pytest.param(["-f", "json", "-f", "html"], "name a folder with --out, or one form", id="two forms to print"),
        pytest.param(["-f", "pdf"], "Invalid value for '--format'", id="no such form"),
        pytest.param(["--out", "/dev/null/x"], "the report cannot be written", id="no such folder"),
    ],
)
def test_wrong_calls_are_told(stored: Path, arguments: list[str], told: str) -> None:
    done = call(str(stored), *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in done.stderr


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(None, "the report cannot be read: No such file", id="no file"),
        pytest.param("", "is no report of this version of Copydesk: Invalid JSON", id="empty"),
        pytest.param('{"suite": "x"}', "is no report of this version of Copydesk: created_at", id="other"),
    ],
)
def test_wrong_files_are_told(tmp_path: Path, content: str | None, told: str) -> None:
    path = tmp_path / "other.json"
    if content is not None:
        path.write_text(content)
    done = call(str(path), "-f", "json")
    assert (done.exit_code, told in done.stderr) == (2, True), done.stderr
