"""`copydesk eval judge` that is stopped: what was judged is recorded, and isn't asked for again."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, wait_until
from tests.eval.planted import Bench, cases_of, planted_prompts, script_of, suite_of, write_cases

pytestmark = pytest.mark.e2e

CASES = cases_of(40)
RECORDED = Path("eval/recordings/judge/large.jsonl")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    prompts = planted_prompts(tmp_path / "prompts")
    data = write_cases(tmp_path / "eval" / "datasets", CASES)
    script = script_of(CASES, lambda reference, number: f"In short: {reference}")
    Bench(prompts, data, script, suite=suite_of(name="summarize")).run(tmp_path / "run.jsonl")
    says = [{"answer": {"reason": "It is first.", "better": "first"}, "delay_ms": 30}]
    backend = {"kind": "scripted", "answers": says, "concurrency": 2}
    (tmp_path / "copydesk.yaml").write_text(yaml.safe_dump({"backends": {"large": backend}}))
    return tmp_path


def started(folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "cli.main", "eval", "judge", "run.jsonl", "--judge", "large"]
    return subprocess.Popen(
        [*command, "--mode", "record-missing"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stopped(folder: Path, lines: int, how: int) -> tuple[int, str, set[bytes]]:
    """Stop the command when so many lines are recorded: its code, what it said, and the lines that are there then."""
    process = started(folder)
    path = folder / RECORDED
    assert wait_until(lambda: path.exists() and path.read_bytes().count(b"\n") >= lines, 60)
    process.send_signal(how)
    _, said = process.communicate(timeout=120)
    return process.returncode, said, set(path.read_bytes().splitlines())


def test_a_stopped_judge_goes_on_where_it_was(folder: Path) -> None:
    """Each line holds how long its answer took: one that was asked for again would be another line."""
    code, said, first = stopped(folder, 30, signal.SIGINT)
    assert code == 130
    assert "of 80 pairs were judged" in said
    assert "To go on: copydesk eval judge run.jsonl --judge large --mode record-missing" in said
    assert "Traceback" not in said
    code, said, second = stopped(folder, len(first) + 30, signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert first < second
    process = started(folder)
    told, said = process.communicate(timeout=120)
    assert process.returncode == 3, said
    assert "0 wins, 40 ties, 0 losses; 100% of them flipped with the order" in told
    whole = (folder / RECORDED).read_bytes().splitlines()
    assert len(whole) == 1 + 2 * 80
    assert len(second - set(whole)) <= 1  # a line that was being written
    assert len(first) + 30 <= len(second) < len(whole)
