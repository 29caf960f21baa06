"""Looking after cassettes: verify, prune and redact."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import BaseMessage, HumanMessage

from chains.backends.replay.recording import ScoringRecordingChatModel
from chains.backends.replay.upkeep import prune, redact, used_keys, verify
from chains.errors import ConfigurationError
from chains.recordings import noting_recordings
from chains.terms import Terms, on_terms
from tests.backends.cassettes import GREEDY, lines_of, recording, replaying, script, with_model

LAST: list[BaseMessage] = [HumanMessage("last one")]


def recorded(path: Path, **options: Any) -> Mapping[str, tuple[str, ...]]:
    """A folder with recordings of two tasks, and the keys that each text's request used."""

    async def work(model: ScoringRecordingChatModel) -> Mapping[str, tuple[str, ...]]:
        used = {}
        for task, text in (("summarize", "mail ada@example.com"), ("summarize", "two"), ("rewrite", "three")):
            with on_terms(Terms(task=task)), noting_recordings() as noted:
                await model.ainvoke(text, **{**GREEDY, **options})
            used[text] = noted.used
        with on_terms(Terms(task="rewrite")), noting_recordings() as noted:
            await model.count_tokens(LAST)
            await model.score_continuations(LAST, ["a"])
        used["last"] = noted.used
        return used

    config = script({"when": "mail", "answer": "Ask ada@example.com or bob@example.com."}, {"answer": "Well."})
    return with_model(recording(path, config), work)


def test_verify_tells_what_there_is(tmp_path: Path) -> None:
    recorded(tmp_path)
    rewrites, summaries = verify(tmp_path)
    assert rewrites.path.name == "rewrite.jsonl"
    assert rewrites.recordings == {"chat": 1, "count_tokens": 1, "scores": 1}
    assert summaries.recordings == {"chat": 2}
    assert summaries.bytes == summaries.path.stat().st_size
    assert (summaries.model, summaries.is_in_order, summaries.problems) == ("scripted script", True, ())


def test_verify_tells_all_that_is_wrong(tmp_path: Path) -> None:
    recorded(tmp_path)
    path = tmp_path / "summarize.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + b"{}\nnonsense\n")
    rewrites, summaries = verify(tmp_path)
    assert rewrites.problems == ()
    assert [problem.partition(": ")[0] for problem in summaries.problems] == [f"{path}:4", f"{path}:5"]
    path.write_bytes(whole)
    (tmp_path / "twice.jsonl").write_bytes(whole)
    *_, last = verify(tmp_path)
    assert len(last.problems) == 2
    assert "stands in" in last.problems[0]
    (tmp_path / "twice.jsonl").write_bytes(b"")
    *_, last = verify(tmp_path)
    assert "no header" in last.problems[0]
    with pytest.raises(ConfigurationError, match="there are no recordings"):
        verify(tmp_path / "absent")


def test_verify_tells_what_a_killed_recording_left(tmp_path: Path) -> None:
    recorded(tmp_path)
    path = tmp_path / "summarize.jsonl"
    header, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([header, *rest[::-1]]))
    assert [report.is_in_order for report in verify(tmp_path)] == [True, False]


def test_prune_keeps_what_runs_used(tmp_path: Path) -> None:
    used = recorded(tmp_path)
    keep = {*used["two"], *used["last"]}
    before = sum(path.stat().st_size for path in tmp_path.iterdir())
    planned = prune(tmp_path, keep, dry_run=True)
    assert (planned.kept, planned.dropped) == (3, 2)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == before
    done = prune(tmp_path, keep)
    assert (done.kept, done.dropped) == (3, 2)
    assert done.bytes_before == before > done.bytes_after
    model = replaying(tmp_path)
    assert asyncio.run(model.ainvoke("two", **GREEDY)).text == "Well."
    assert asyncio.run(model.count_tokens(LAST)) == 2
    assert len(model.cassette) == 3
    with pytest.raises(ConfigurationError, match="nothing was dropped"):
        prune(tmp_path, {"0" * 64})
    assert len(replaying(tmp_path).cassette) == 3


def test_what_runs_used_stands_in_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    lines = [{"suite": "a"}, {"case": "1", "recordings": ["a", "b"]}, {"case": "2", "recordings": ["b", "c"]}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"case": "3", "recor')
    assert used_keys(path) == {"a", "b", "c"}
    path.write_text('{"case": "3", "recor\n' + json.dumps(lines[1]) + "\n")
    with pytest.raises(ConfigurationError, match=r"run\.jsonl:1: not a JSON object"):
        used_keys(path)
    path.write_text(json.dumps(lines[0]) + "\n")
    with pytest.raises(ConfigurationError, match="no line names recordings"):
        used_keys(path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        used_keys(tmp_path / "absent")


def test_redacting_takes_requests_out_and_replays_go_on(tmp_path: Path) -> None:
    recorded(tmp_path)
    done = redact(tmp_path)
    assert (done.requests, done.answers) == (5, 0)
    told = [json.loads(line) for file in tmp_path.iterdir() for line in lines_of(file)[1:]]
    assert all("about" not in one["request"] for one in told)
    assert b"mail" not in (tmp_path / "summarize.jsonl").read_bytes()
    answer = asyncio.run(replaying(tmp_path).ainvoke("mail ada@example.com", **GREEDY))
    assert answer.text == "Ask ada@example.com or bob@example.com."
    assert redact(tmp_path).requests == 0


def test_redacting_by_a_pattern_rewrites_answers(tmp_path: Path) -> None:
    recorded(tmp_path)
    done = redact(tmp_path, r"\w+@[\w.]+\w")
    assert (done.requests, done.answers) == (1, 1)
    answer = asyncio.run(replaying(tmp_path).ainvoke("mail ada@example.com", **GREEDY))
    assert answer.text == "Ask [redacted] or [redacted]."
    assert b"@" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize(("pattern", "said"), [("(", "no regular expression"), ("@", "has log-probabilities")])
def test_redacting_writes_nothing_where_it_cannot(tmp_path: Path, pattern: str, said: str) -> None:
    recorded(tmp_path, logprobs=True)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ConfigurationError, match=said):
        redact(tmp_path, pattern)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
