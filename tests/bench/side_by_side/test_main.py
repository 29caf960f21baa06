"""The command, on the backend and Copydesk alone: it measures, keeps what it found, and compares it."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from bench.side_by_side.__main__ import main
from bench.side_by_side.results import Run
from tests.bench.side_by_side.runs import run, section
from tests.conftest import ROOT, program, wait_until


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
    assert found.missing == {}, done.stderr
    medians = {(row.subject, row.case, row.metric): row.median for row in found.rows()}
    for subject in ("direct", "copydesk"):
        for case in ("1 stream", "16 streams"):
            assert medians[subject, case, "first token"] >= 30
    assert "| added to the first token, 1 stream |" in done.stdout
    assert "NOTE: ratios aren't compared: this run is a quick one, and the stored a whole one" in done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize("wrong", [("--only", "nothing"), ("--subject", "nobody"), ("--rounds", "3")])
def test_what_there_is_not_is_refused(wrong: tuple[str, ...]) -> None:
    done = command(*wrong)
    assert done.returncode == 2
    assert wrong[-1] in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(None, "there is no such file; name a run.json, or add --write-docs", id="absent"),
        pytest.param("{}", "is no run that can be read", id="no run"),
    ],
)
def test_a_run_to_compare_with_that_is_named_has_to_be_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, said: str
) -> None:
    named = tmp_path / "stored.json"
    if text is not None:
        named.write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["--quick", "--stored", str(named)])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("part", [("--quick",), ("--subject", "copydesk")])
def test_a_part_of_a_run_is_never_written_to_the_page(
    part: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--write-docs", *part, "--stored", str(tmp_path / "stored.json")])
    assert ended.value.code == 2
    assert "leave out --quick and --subject" in capsys.readouterr().err


def test_programs_that_every_load_needs_are_looked_for_before_peers_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["--only", "overhead", "--subject", "direct", "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "loads need wrk; on Debian: apt-get install wrk. Nothing was installed or measured." in said
    assert not (tmp_path / "out").exists()


@pytest.mark.e2e
def test_a_run_that_is_ended_leaves_nothing_behind(tmp_path: Path) -> None:
    program("nginx", "nginx-light")
    program("wrk", "wrk")
    whole = [sys.executable, "-m", "bench.side_by_side", "--quick", "--subject", "direct", "--subject", "copydesk"]
    with subprocess.Popen(
        [*whole, "--out", str(tmp_path)], cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        assert wait_until(lambda: b"starting copydesk" in next(iter(process.stderr or []), b""))
        assert wait_until(lambda: len(started_in(tmp_path)) >= 2)
        process.terminate()
        process.stderr.read()
    assert process.returncode == 143
    assert wait_until(lambda: not started_in(tmp_path), 10)
    assert list(tmp_path.iterdir()) == []


def started_in(folder: Path) -> list[int]:
    """The processes that have the folder in their command: the backend and the service."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if b"copydesk-bench-" in (command := (entry / "cmdline").read_bytes()) and bytes(folder) in command:
                    found.append(int(entry.name))
    return found
