"""`copydesk eval` that is stopped: by its user, who is told how to go on, and by force."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from eval.run_file import read_run
from tests.conftest import wait_until
from tests.eval.planted import cases_of, script_of, write_cases

pytestmark = pytest.mark.e2e

CASES = cases_of(40)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_cases(tmp_path / "eval" / "datasets", CASES)
    script = [{**line, "delay_ms": 40} for line in script_of(CASES)]
    backend = {"kind": "scripted", "answers": script, "concurrency": 2}
    (tmp_path / "copydesk.yaml").write_text(yaml.safe_dump({"backends": {"script": backend}}))
    return tmp_path


def started(folder: Path, run: str, *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "cli.main", "eval", "run", "summarize", "--mode", "live", "--run", run, *words]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    _, said = process.communicate(timeout=120)
    return process.returncode, said


def lines_of(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def outcomes(path: Path) -> list[dict[str, Any]]:
    """The file's outcomes in their order, without times."""
    lines = [json.loads(line) for line in path.read_text().split("\n")[1:-1]]
    return [{key: value for key, value in line.items() if key not in ("model_ms", "total_ms")} for line in lines]


def whole(folder: Path) -> list[dict[str, Any]]:
    assert ended(started(folder, "whole.jsonl"))[0] == 0
    return outcomes(folder / "whole.jsonl")


def test_an_interrupted_run_tells_how_to_go_on(folder: Path) -> None:
    process = started(folder, "run.jsonl")
    assert wait_until(lambda: lines_of(folder / "run.jsonl") >= 6, 60)
    process.send_signal(signal.SIGINT)
    code, said = ended(process)
    assert code == 130
    assert "of 40 are in run.jsonl" in said
    assert "To go on: copydesk eval run summarize --mode live --run run.jsonl --resume" in said
    assert "Traceback" not in said
    assert 5 <= len(read_run(folder / "run.jsonl").outcomes) < 40
    code, said = ended(started(folder, "run.jsonl", "--resume"))
    assert code == 0
    assert "from before" in said
    assert outcomes(folder / "run.jsonl") == whole(folder)


def killed(folder: Path, run: str, lines: int, seconds: float) -> None:
    """Continue a run, and kill it some time after its file has so many lines."""
    process = started(folder, run, "--resume")
    assert wait_until(lambda: lines_of(folder / run) >= lines or process.poll() is not None, 60)
    time.sleep(seconds)
    process.kill()
    ended(process)


@pytest.mark.soak
def test_a_killed_command_goes_on_and_ends_as_the_same_file(folder: Path) -> None:
    expected = whole(folder)
    for number in range(8):
        run = f"{number}.jsonl"
        for lines in range(1, 40, 9):
            killed(folder, run, lines, 0.013 * number)
        assert ended(started(folder, run, "--resume"))[0] == 0
        assert outcomes(folder / run) == expected
