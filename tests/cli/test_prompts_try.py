"""`copydesk prompts try`: one or two versions on one input, against a backend."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.small_prompts import REPAIR, SUMMARIZE, write_prompts
from tests.conftest import ROOT, require_embedded, scripted_configuration

Command = Callable[..., subprocess.CompletedProcess[str]]

SCRIPT: list[dict[str, Any]] = [
    {"when": "A new wish", "answer": "One two three four five six seven eight nine ten eleven."},
    {"when": "unlucky", "fail": "unavailable"},
    {"when": "broken", "answer": "no object"},
    {"when": "{label", "answer": {"label": "x"}},
    {"when": "plainly", "answer": "a", "cut_off": True},
    {"answer": "A short answer."},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Prompts with drafts of each kind: under no label, without a schema, and one that fits no task."""
    files = {
        "summarize/1.9.0.j2": SUMMARIZE.replace("\n<document>", "\nA new wish\n<document>"),
        "summarize/9.0.0.j2": SUMMARIZE.replace("inputs:", "inputs:\n  unheard_of: {type: string}"),
        "repair/1.1.0.j2": re.sub("output:.*\n", "", REPAIR).replace("{{", "plainly {{"),
        "labels.yaml": "summarize: {production: 1.0.0, gone: 8.0.0}\n",
    }
    folder = write_prompts(tmp_path / "prompts", files)
    configuration = yaml.safe_load(scripted_configuration(tmp_path, SCRIPT).read_text())
    configuration["backends"]["other"] = {"kind": "scripted", "answers": [{"answer": "Another answer."}]}
    (tmp_path / "copydesk.yaml").write_text(yaml.safe_dump(configuration, sort_keys=False))
    return folder


@pytest.fixture
def attempt(copydesk: Command, folder: Path) -> Command:
    """Runs `copydesk prompts try ...` beside the folder."""

    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return copydesk("prompts", "try", *arguments, stdin=stdin, folder=folder.parent)

    return run


pytestmark = pytest.mark.e2e


def test_two_versions_stand_beside_each_other(attempt: Command) -> None:
    done = attempt("summarize@production", "1.9.0", "-o", "max_words=8", stdin="Some text.")
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.split("── summarize@1.9.0 (draft) ──")
    assert "── summarize@1.0.0 (released, production) ──" in first
    assert "\nA short answer.\n" in first
    assert "One two three" in second
    assert re.search(r"\[shortened, \d+ tokens in \(0 cached\), 11 out, 0\.\d s, script on script\]", second)
    assert "1.0.0 ran first" in done.stderr


def test_json_has_it_all(attempt: Command) -> None:
    done = attempt("summarize", "1.9.0", "production", "--case", "headline", "--json")
    shown = json.loads(done.stdout)
    assert (shown["name"], shown["case"]) == ("summarize", "headline")
    draft, served = shown["runs"]
    assert (draft["prompt"]["version"], draft["prompt"]["state"], draft["output"]["shortened"]) == (
        "1.9.0",
        "draft",
        True,
    )
    assert served["prompt"]["labels"] == [{"label": "production"}]
    assert served["output"] == {
        "summary": "A short answer.",
        "shortened": False,
        "unsupported": [],
        "coverage": {"chunks": 1, "chunks_used": 0, "spans": []},
    }
    assert served["usage"]["output_tokens"] == 3
    assert (served["backend"], served["model"], served["error"]) == ("script", "script", None)
    assert served["timing"].keys() == {"model_ms", "total_ms"}


def test_a_failure_of_one_leaves_the_other(attempt: Command) -> None:
    done = attempt("summarize", "1.0.0", "1.9.0", stdin="unlucky")
    assert done.returncode == 1
    assert "failed (backend_unavailable): Backend 'script': failed as its script says" in done.stdout
    assert "One two three" in done.stdout
    runs = json.loads(attempt("summarize", "1.0.0", "1.9.0", "--json", stdin="unlucky").stdout)["runs"]
    assert [run["error"] and run["error"]["code"] for run in runs] == ["backend_unavailable", None]


def test_a_version_that_does_not_fit_its_task_says_so(attempt: Command) -> None:
    done = attempt("summarize", "9.0.0", stdin="x")
    assert done.returncode == 1
    assert "wants the input 'unheard_of', which the task summarize doesn't supply" in done.stdout


def test_the_backend_can_be_named(attempt: Command) -> None:
    done = attempt("summarize", "1.0.0", "--backend", "other", stdin="x")
    assert "\nAnother answer.\n" in done.stdout
    assert "on other]" in done.stdout


@pytest.mark.parametrize("case", ["instruction alone", "with data"])
def test_a_case_is_made_a_request(attempt: Command, case: str) -> None:
    done = attempt("generate", "1.0.0", "--case", case)
    assert (done.returncode, "A short answer." in done.stdout) == (0, True), done.stderr


def test_an_empty_text_of_a_case_is_left_out(attempt: Command) -> None:
    assert attempt("rewrite", "1.0.0", "--case", "empty").returncode == 0


def test_a_helper_is_asked_for_what_it_declares(attempt: Command) -> None:
    runs = json.loads(attempt("repair", "1.0.0", "1.1.0", "--case", "quotes", "--json").stdout)["runs"]
    assert runs[0]["output"] == {"label": "x"}
    assert (runs[0]["usage"]["model_calls"], runs[0]["backend"]) == (1, "script")
    done = attempt("repair", "1.1.0", "-o", "broken=x")
    assert "\na\n[cut off at the cap on output tokens]\n" in done.stdout


def test_an_answer_that_cannot_be_used_is_shown_to_the_author(attempt: Command) -> None:
    done = attempt("repair", "1.0.0", "-o", "broken=broken")
    assert done.returncode == 1
    assert "failed (output_invalid)" in done.stdout
    assert "The model's answer was:\n" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["nobody", "1.0.0"], "There is no prompt 'nobody'", id="prompt"),
        pytest.param(["summarize", "staging"], "has no label 'staging'", id="label"),
        pytest.param(["summarize"], "Missing argument 'VERSION|LABEL'", id="no version"),
        pytest.param(["summarize", "1.0.0", "-b", "far"], "--backend: there is no backend 'far'", id="backend"),
        pytest.param(["summarize", "1.0.0", "-f", "absent"], "--file absent: No such file", id="file"),
        pytest.param(["summarize", "1.0.0", "-o", "words=3"], "where key is one of", id="option"),
        pytest.param(
            ["summarize", "1.0.0", "-o", "prompt=1.9.0"], "name the version as an argument", id="prompt field"
        ),
        pytest.param(["summarize", "1.0.0", "--case", "x"], "no golden case 'x'", id="case"),
        pytest.param(["summarize", "1.0.0", "--case", "x", "-f", "y"], "--file or --case, not both", id="two inputs"),
        pytest.param(["rewrite", "1.0.0", "--case", "foreign"], "gives tone, which the task rewrite", id="no field"),
        pytest.param(["rewrite", "1.0.0", "--case", "no wish"], "is no request of the task rewrite", id="no request"),
        pytest.param(["repair", "1.0.0"], "repair is no task: give its inputs with --case", id="helper"),
        pytest.param(["repair", "1.0.0", "-o", "x=1"], "--option x=1: give NAME=VALUE", id="input of a helper"),
    ],
)
def test_a_wrong_call_ends_with_2_and_says_why(attempt: Command, arguments: list[str], words: str) -> None:
    done = attempt(*arguments, stdin="x")
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_the_embedded_model_answers(copydesk: Command, folder: Path, tmp_path: Path) -> None:
    require_embedded()
    (tmp_path / "copydesk.yaml").unlink()
    text = ROOT / "docs" / "examples" / "bridge.en.txt"
    arguments = ("summarize", "1.0.0", "1.9.0", "--file", str(text), "-o", "max_words=20", "--json")
    done = copydesk("prompts", "try", *arguments, folder=folder.parent)
    assert done.returncode == 0, done.stderr
    for run in json.loads(done.stdout)["runs"]:
        assert run["output"]["summary"]
        assert run["usage"]["input_tokens"] > 50
