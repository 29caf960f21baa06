"""The command, on the backend and Copydesk alone: it measures, keeps what it found, and compares it."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.side_by_side.results import Run
from tests.bench.side_by_side.runs import run, section
from tests.conftest import ROOT, program


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    whole = [sys.executable, "-m", "bench.side_by_side", *arguments]
    return subprocess.run(whole, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.e2e
def test_a_section_is_measured_kept_and_compared(tmp_path: Path) -> None:
    program("nginx", "nginx-light")
    program("wrk", "wrk")
    unreachable = section(
        "streams", rates={"direct": [1.0], "copydesk": [0.001]}, metric="first token", case="1 stream"
    )
    run(unreachable).write(tmp_path / "stored.json")
    done = command(
        *("--quick", "--only", "streams", "--subject", "direct", "--subject", "copydesk", "--strict"),
        *("--out", str(tmp_path), "--stored", str(tmp_path / "stored.json")),
    )
    found = Run.read(tmp_path / "run.json")
    assert found.missing == {}
    for subject in ("direct", "copydesk"):
        for case in ("1 stream", "16 streams"):
            median = found.median("streams", subject, case, "first token")
            assert median is not None, done.stderr
            assert median >= 50
    assert "| added to the first token, 1 stream |" in done.stdout
    assert "WORSE: streams, 1 stream: copydesk's first token is" in done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize("wrong", [("--only", "nothing"), ("--subject", "nobody"), ("--rounds", "3")])
def test_what_there_is_not_is_refused(wrong: tuple[str, ...]) -> None:
    done = command(*wrong)
    assert done.returncode == 2
    assert wrong[-1] in done.stderr
