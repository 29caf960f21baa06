"""`copydesk eval cassette`: what it prints, and its exit codes."""

import asyncio
import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from chains.recordings import noting_recordings
from cli.evaluate import app
from tests.backends.cassettes import GREEDY, recording, script

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


def cassette(*arguments: str | Path) -> Result:
    """The command within this process: its start takes longer than all that it does."""
    return CliRunner().invoke(app, ["cassette", *map(str, arguments)])


def test_verify_prints_what_there_is_and_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    recorded(path)
    done = cassette("verify", path)
    assert done.exit_code == 0
    assert "2 chat" in done.stdout
    assert f"2 recordings, {path.stat().st_size} bytes" in done.stdout
    (told,) = json.loads(cassette("verify", path, "--json").stdout)
    assert (told["recordings"], told["model"], told["problems"]) == ({"chat": 2}, "scripted script", [])
    path.write_bytes(path.read_bytes() + b"nonsense\n")
    done = cassette("verify", path)
    assert done.exit_code == 2
    assert f"{path}:4: Invalid JSON" in done.stdout


@pytest.mark.e2e
def test_what_is_wrong_with_the_call_is_a_message(copydesk: Command, tmp_path: Path) -> None:
    done = copydesk("eval", "cassette", "verify", str(tmp_path / "absent"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"copydesk: {tmp_path / 'absent'}: there are no recordings\n"


def test_prune_and_redact(tmp_path: Path) -> None:
    path, run = tmp_path / "a.jsonl", tmp_path / "run.jsonl"
    first, _ = recorded(path)
    run.write_text(json.dumps({"case": "1", "recordings": [first]}) + "\n")
    assert cassette("prune", path, run, "--dry-run").stdout == "1 recordings would stay, 1 would go\n"
    assert cassette("prune", path, run).stdout.startswith("1 recordings stay, 1 went: ")
    assert cassette("redact", path, "--pattern", "Well").stdout == "0 requests were redacted, 1 answers rewritten\n"
    assert "[redacted]." in path.read_text()
