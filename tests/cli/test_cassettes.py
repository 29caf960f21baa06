"""`copydesk eval cassette`: what it prints, and its exit codes."""

import asyncio
import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from chains.recordings import noting_recordings
from tests.backends.cassettes import GREEDY, recording, script

pytestmark = pytest.mark.e2e
Command = Callable[..., subprocess.CompletedProcess[str]]


def recorded(path: Path) -> Sequence[str]:
    model = recording(path, script())

    async def work() -> Sequence[str]:
        keys: list[str] = []
        for text in ("one", "two"):
            with noting_recordings() as noted:
                await model.ainvoke(text, **GREEDY)
            keys += noted.used
        await model.aclose()
        return keys

    return asyncio.run(work())


def test_verify(copydesk: Command, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    recorded(path)
    done = copydesk("eval", "cassette", "verify", str(path))
    assert done.returncode == 0, done.stderr
    assert "2 chat" in done.stdout
    assert f"2 recordings, {path.stat().st_size} bytes" in done.stdout
    done = copydesk("eval", "cassette", "verify", str(path), "--json")
    (told,) = json.loads(done.stdout)
    assert (told["recordings"], told["model"], told["problems"]) == ({"chat": 2}, "scripted script", [])
    path.write_bytes(path.read_bytes() + b"nonsense\n")
    done = copydesk("eval", "cassette", "verify", str(path))
    assert done.returncode == 1
    assert f"{path}:4: Invalid JSON" in done.stdout
    done = copydesk("eval", "cassette", "verify", str(tmp_path / "absent"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "there are no recordings" in done.stderr


def test_prune_and_redact(copydesk: Command, tmp_path: Path) -> None:
    path, run = tmp_path / "a.jsonl", tmp_path / "run.jsonl"
    first, _ = recorded(path)
    run.write_text(json.dumps({"case": "1", "recordings": [first]}) + "\n")
    done = copydesk("eval", "cassette", "prune", str(path), str(run), "--dry-run")
    assert (done.returncode, done.stdout) == (0, "1 recordings would stay, 1 would go\n"), done.stderr
    done = copydesk("eval", "cassette", "prune", str(path), str(run))
    assert done.stdout.startswith("1 recordings stay, 1 went: ")
    done = copydesk("eval", "cassette", "redact", str(path), "--pattern", "Well")
    assert (done.returncode, done.stdout) == (0, "0 requests were redacted, 1 answers rewritten\n"), done.stderr
    assert "[redacted]." in path.read_text()
