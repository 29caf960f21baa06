"""`.ci/gate-new-versions`: what it judges, what with, and how it ends, with a `copydesk` that only notes its words."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT

Gate = Callable[..., tuple[int, list[str]]]
COPYDESK = """#!/usr/bin/env bash
echo "$*" >> calls
[[ $* == *@9.1.0* ]] && exit 1
[[ $* == *@9.2.0* ]] && exit 4
[[ $* == *@9.3.0* ]] && exit 3
exit 0
"""


def git(*words: str) -> None:
    subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *words], check=True, timeout=60)


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Adds versions to a repository whose production is 1.0.0, sets what production serves then, and runs the script;
    gives its exit code and what `copydesk` was called with."""
    monkeypatch.chdir(tmp_path)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    for folder in (".ci", ".venv/bin", "eval/suites", "prompts/summarize", "prompts/helper"):
        Path(folder).mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "gate-new-versions", ".ci")
    Path(".venv/bin/copydesk").write_text(COPYDESK)
    Path(".venv/bin/copydesk").chmod(0o755)
    Path(".venv/bin/python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    Path(".venv/bin/python").chmod(0o755)
    Path("eval/suites/summarize.yaml").touch()
    Path("prompts/labels.yaml").write_text("summarize:\n  production: 1.0.0\n")
    Path("prompts/summarize/1.0.0.j2").touch()
    git("init", "-q", "-b", "main")
    git("add", "-f", "prompts", "eval")
    git("commit", "-q", "-m", "one")

    def run(*paths: str, serves: str = "1.0.0") -> tuple[int, list[str]]:
        git("checkout", "-q", "-b", "change")
        for path in paths:
            Path("prompts", path).parent.mkdir(exist_ok=True)
            Path("prompts", path).write_text(path)
        Path("prompts/labels.yaml").write_text(f"summarize:\n  production: {serves}\n")
        git("add", "-f", "prompts")
        git("commit", "-q", "--allow-empty", "-m", "two")
        done = subprocess.run([".ci/gate-new-versions", "main", "out"], env=os.environ, check=False, timeout=60)
        calls = Path("calls")
        return done.returncode, calls.read_text().splitlines() if calls.exists() else []

    return run


def called(version: str) -> str:
    return f"eval gate summarize@{version} --baseline 1.0.0 --no-evidence --out out/summarize-{version}"


def test_a_version_that_is_promoted_with_it_is_compared_with_what_served_before(gate: Gate) -> None:
    assert gate("summarize/1.1.0.j2", serves="1.1.0") == (0, [called("1.1.0")])


def test_helpers_and_tasks_that_nothing_serves_are_left_to_others(gate: Gate) -> None:
    Path("eval/suites/translate.yaml").touch()
    assert gate("helper/1.0.0.j2", "translate/1.0.0.j2") == (0, [])


@pytest.mark.parametrize(
    ("versions", "code"),
    [
        pytest.param(["9.0.0"], 0, id="pass"),
        pytest.param(["9.0.0", "9.3.0"], 3, id="not settled"),
        pytest.param(["9.2.0", "9.3.0"], 4, id="recordings missing"),
        pytest.param(["9.1.0", "9.2.0", "9.3.0"], 1, id="regressed"),
    ],
)
def test_it_ends_with_the_gravest_code(gate: Gate, versions: list[str], code: int) -> None:
    assert gate(*(f"summarize/{version}.j2" for version in versions)) == (code, [called(each) for each in versions])
