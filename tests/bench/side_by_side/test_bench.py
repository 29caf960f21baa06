"""What sections share: one that fails costs no other."""

import subprocess
from pathlib import Path

import pytest

from bench.side_by_side.bench import Bench, commit
from bench.side_by_side.results import Section
from bench.side_by_side.subjects.subject import MissingSubject
from tests.bench.side_by_side.runs import section


def empty(folder: Path) -> Bench:
    return Bench(quick=True, rounds=1, seconds=1, subjects={}, folder=folder)


@pytest.mark.parametrize(
    ("error", "failed", "reason"),
    [
        pytest.param(MissingSubject("no wrk"), [], "no wrk", id="what is known to be missing"),
        pytest.param(ValueError("no round"), ["streams"], "it FAILED with ValueError: no round", id="unexpected"),
        pytest.param(KeyError("ready"), ["streams"], "it FAILED with KeyError: 'ready'", id="a mistake of the bench"),
    ],
)
def test_a_section_that_raises_is_missing_and_the_others_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], error: Exception, failed: list[str], reason: str
) -> None:
    def measure(key: str) -> Section:
        if key == "streams":
            raise error
        return section(key, rates={"copydesk": [1.0]})

    bench = empty(tmp_path)
    sections, told = bench.sections(["overhead", "streams", "start"], measure)
    assert [each.key for each in sections] == ["overhead", "start"]
    assert all(each.measured for each in sections)
    assert (told, bench.missing) == (failed, {"the section streams": reason})
    assert f"MISSING the section streams: {reason}" in capsys.readouterr().err


def test_a_run_that_somebody_ends_is_no_failed_section(tmp_path: Path) -> None:
    def measure(key: str) -> Section:
        raise KeyboardInterrupt(key)

    with pytest.raises(KeyboardInterrupt):
        empty(tmp_path).sections(["overhead"], measure)


def test_the_commit_of_a_repository_is_found_and_whether_files_have_changed(tmp_path: Path) -> None:
    assert commit(tmp_path) == "unknown"
    git(tmp_path, "init", "-q")
    assert commit(tmp_path) == "unknown"
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-q", "-m", "One")
    head = git(tmp_path, "rev-parse", "--short=12", "HEAD")
    assert len(head) == 12
    assert commit(tmp_path) == head
    (tmp_path / "file").write_text("two")
    assert commit(tmp_path) == f"{head}, changed"


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()
