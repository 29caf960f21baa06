"""docs/add-a-task.md, followed to the letter in a copy of the tree: the new task answers over HTTP."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, scripted_configuration, serving

pytestmark = pytest.mark.e2e

GUIDE = re.compile(r"^`([\w./-]+)`:\n\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project with the files that the guide shows and what its commands for the prompt did, and nothing else."""
    for name in ("app", "chains", "cli", "eval", "prompts", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    files = GUIDE.findall((ROOT / "docs" / "add-a-task.md").read_text())
    assert [name for name, _ in files] == [
        "chains/tasks/translate.py",
        "prompts/translate/1.0.0.j2",
        "prompts/translate/cases.yaml",
        "eval/datasets/translate/golden.jsonl",
        "eval/datasets/translate/README.md",
    ]
    for name, content in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    guide = (ROOT / "docs" / "add-a-task.md").read_text()
    steps = re.findall(r"^copydesk (prompts .*)$", guide, re.MULTILINE)
    assert [step.split()[1] for step in steps] == ["release", "promote"]
    for step in steps:
        command = [sys.executable, "-m", "cli.main", *step.split()]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return tmp_path


def test_the_new_task_has_its_operation_its_command_and_its_checks(copy: Path) -> None:
    script = [{"when": "Translate the document to German.", "answer": "Die Sitzung ist am Montag."}]
    configuration = scripted_configuration(copy, script)
    request = {"text": "The meeting is on Monday.", "language": "German"}
    with serving("--config", str(configuration), folder=copy) as service, service.client() as client:
        answer = client.post("/v1/translate", json=request).json()
        assert answer["translation"] == "Die Sitzung ist am Montag."
        assert answer["meta"]["prompt"]["name"] == "translate"
        assert client.post("/v1/translate", json={"text": "x"}).json()["errors"][0]["pointer"] == "/language"
        assert "translate" in [task["name"] for task in client.get("/v1/tasks").json()["tasks"]]
        document = client.get("/openapi.json").json()
        assert document["paths"]["/v1/translate"]["post"]["operationId"] == "translate"
        assert "TranslateResponse" in document["components"]["schemas"]

    command = [sys.executable, "-m", "cli.main", "run", "translate", "-c", str(configuration), "-o", "language=German"]
    done = subprocess.run(command, input=request["text"], cwd=copy, capture_output=True, text=True, check=False)
    assert done.stdout == "Die Sitzung ist am Montag.\n", done.stderr

    tests = [sys.executable, "-m", "pytest", "-q", "tests/test_architecture.py", "-k", "translate or layers"]
    checked = subprocess.run(tests, cwd=copy, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    assert "passed" in checked.stdout


def test_a_missing_piece_is_told(copy: Path) -> None:
    shutil.rmtree(copy / "eval" / "datasets" / "translate")
    tests = [sys.executable, "-m", "pytest", "-q", "tests/test_architecture.py", "-k", "translate"]
    checked = subprocess.run(tests, cwd=copy, capture_output=True, text=True, check=False)
    assert "eval/datasets/translate/README.md is missing" in checked.stdout

    shutil.rmtree(copy / "prompts" / "translate")
    configuration = scripted_configuration(copy)
    command = [sys.executable, "-m", "cli.main", "config", "check", "-c", str(configuration)]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "translate@1.0.0 was released, but its file is gone" in done.stderr
