"""What the workflow for pull requests runs: each version that a branch adds, against what production served before."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, require_embedded

pytestmark = pytest.mark.e2e

SOURCE = "prompts/generate/1.1.0.j2"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the project's prompts and evaluations, and a branch beside main."""
    folder = tmp_path_factory.mktemp("pull-request")
    for name in ("prompts", "eval", ".ci"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".venv").symlink_to(Path(sys.executable).parent.parent)
    (folder / ".gitignore").write_text(".venv\n.copydesk\nreports\n")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit(folder)
    return folder


def git(folder: Path, *arguments: str) -> None:
    names = ("-c", "user.name=Author", "-c", "user.email=author@example.org")
    subprocess.run(["git", *names, *arguments], cwd=folder, check=True)


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "a step")


@pytest.mark.parametrize(
    ("old", "new", "code", "told"),
    [
        pytest.param("changelog: Objects", "changelog: Some objects", 0, "PASS: generate@1.2.0", id="read the same"),
        pytest.param("You write", "Please write", 4, "answers need recording", id="never asked"),
    ],
)
def test_a_new_version_is_judged(base: Path, tmp_path: Path, old: str, new: str, code: int, told: str) -> None:
    require_embedded()
    git(base, "checkout", "--quiet", "-B", "change", "main")
    text = (base / SOURCE).read_text("utf-8")
    assert old in text
    (base / "prompts/generate/1.2.0.j2").write_text(text.replace(old, new), "utf-8")
    labels = base / "prompts/labels.yaml"  # the author has promoted it already
    labels.write_text(
        labels.read_text("utf-8").replace("generate:\n  production: 1.1.0", "generate:\n  production: 1.2.0")
    )
    commit(base)
    done = subprocess.run(
        [".ci/gate-new-versions", "main", str(tmp_path)], cwd=base, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert told in done.stdout + done.stderr
    assert (tmp_path / "generate-1.2.0" / "report.md").exists() is (code == 0)


def test_without_a_new_version_nothing_is_judged(base: Path) -> None:
    git(base, "checkout", "--quiet", "-B", "nothing", "main")
    done = subprocess.run([".ci/gate-new-versions", "main", "reports"], cwd=base, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
