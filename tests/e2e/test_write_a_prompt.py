"""docs/write-a-prompt.md, followed to the letter in a copy of the tree, with the real model where it tries a prompt."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, require_embedded

pytestmark = pytest.mark.e2e

GUIDE = (ROOT / "docs" / "write-a-prompt.md").read_text(encoding="utf-8")
STEPS = re.findall(r"^```sh\n(.*?)^```\n(?:```text\n(.*?)^```$)?", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("prompts", "docs", "eval"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def done(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLUMNS": "200"}
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_every_command_does_and_prints_what_the_guide_says(copy: Path) -> None:
    require_embedded()
    ran: list[str] = []
    for commands, shown in STEPS:
        printed = ""
        for command in commands.splitlines():
            if command.startswith(". "):  # the tests' own environment is active already
                continue
            result = done(command, copy)
            printed += result.stdout + result.stderr
            assert result.returncode == (1 if command.endswith("# refused") else 0), f"{command}\n{printed}"
            ran.append(command)
        missing = [line for line in shown.splitlines() if _plain(line) not in _plain(printed)]
        assert missing == [], f"{commands}\nprinted:\n{printed}"
    names = {command.split()[2] for command in ran if command.startswith("copydesk prompts")}
    assert names == {
        "list",
        "lint",
        "render",
        "diff",
        "impact",
        "try",
        "release",
        "check",
        "promote",
        "rollback",
        "export",
    }


def _plain(text: str) -> str:
    """Without the width of a table's columns."""
    return re.sub(r"[ \n]+", " ", text).strip()
