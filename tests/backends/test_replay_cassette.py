"""Cassettes as files: whole after every kill, in order at the end, and never read where they are damaged."""

import asyncio
import json
import logging
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from chains.backends.replay.cassette import Cassette, header_of
from chains.backends.replay.recorder import Recorder
from chains.backends.replay.recording import ScoringRecordingChatModel
from chains.backends.replay.shapes import Chat, ChatResponse, Header, Recorded, Request, line_of
from chains.errors import ConfigurationError
from chains.terms import Terms, on_terms
from tests.backends.cassettes import GREEDY, lines_of, recording, replaying, script, scripted_inside, with_model
from tests.conftest import ROOT

HEADER = Header(kind="scripted", model="m", digest="sha256:" + "0" * 64)


def chat(number: int, text: str = "Well.", about: str = "", again: bool = False) -> Chat:
    return Chat(
        key=f"{number:064x}",
        request=Request(task="summarize", about=about),
        response=ChatResponse(text=text, finish_reason="stop"),
        recorded=Recorded(ms=1.5),
        again=again,
    )


def written(path: Path, *lines: bytes) -> Path:
    path.write_bytes(b"".join(lines))
    return path


def texts(path: Path) -> dict[int, str]:
    """The answers by their numbers, as a cassette is read."""
    cassette = Cassette.read(path)
    found = [recording for file in cassette.files for recording, _ in file.lines()]
    return {int(one.key, 16): one.response.text for one in found if isinstance(one, Chat)}


def test_what_is_recorded_is_read_again(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.jsonl")
    recorder.begin(HEADER)
    said = ["Ünï 😀\u2028 \x00 \\ \" 'x'", "", "a\nb\r\nc"]
    for number, text in enumerate(said):
        recorder.add(HEADER, chat(number, text))
    recorder.close()
    assert texts(tmp_path / "a.jsonl") == dict(enumerate(said))
    assert header_of(tmp_path / "a.jsonl") == HEADER
    assert len(lines_of(tmp_path / "a.jsonl")) == 4


def test_numbers_survive_to_the_last_bit(tmp_path: Path) -> None:
    dice = random.Random(7)
    values = [dice.uniform(-100, 0) * 10 ** dice.randint(-12, 2) for _ in range(500)]
    told = tuple({"token": "a", "logprob": value, "top_logprobs": []} for value in values)
    response = ChatResponse(text="a" * 500, finish_reason="stop", logprobs=told)
    path = written(tmp_path / "a.jsonl", line_of(HEADER), line_of(chat(1).model_copy(update={"response": response})))
    found = Cassette.read(path).find(f"{1:064x}")
    assert isinstance(found, Chat)
    assert [token["logprob"] for token in found.response.logprobs] == values


@pytest.mark.parametrize("kept", [1, 30, 100, 180])
def test_a_line_that_was_torn_is_left_out_and_recorded_anew(
    tmp_path: Path, kept: int, caplog: pytest.LogCaptureFixture
) -> None:
    line = line_of(chat(2, "Second."))
    path = written(tmp_path / "a.jsonl", line_of(HEADER), line_of(chat(1)), line[:kept])
    with caplog.at_level(logging.WARNING):
        assert texts(path) == {1: "Well."}
    assert f"{path}:3" in caplog.text
    recorder = Recorder(path)
    recorder.begin(HEADER)
    recorder.add(HEADER, chat(2, "Second."))
    recorder.close()
    assert texts(path) == {1: "Well.", 2: "Second."}


def test_a_last_line_that_lacks_only_its_end_counts(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", line_of(HEADER), line_of(chat(1)).rstrip())
    recorder = Recorder(path)
    recorder.begin(HEADER)
    recorder.add(HEADER, chat(2))
    assert texts(path) == {1: "Well.", 2: "Well."}
    recorder.close()
    assert texts(path) == {1: "Well.", 2: "Well."}


def test_a_torn_header_is_an_empty_cassette(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", line_of(HEADER)[:40])
    with pytest.raises(ConfigurationError, match="no recordings"):
        header_of(path)
    recorder = Recorder(path)
    recorder.begin(HEADER)
    recorder.add(HEADER, chat(1))
    recorder.close()
    assert texts(path) == {1: "Well."}


DAMAGED: dict[str, tuple[Callable[[], list[bytes]], str]] = {
    "a line in the middle": (lambda: [line_of(HEADER), b'{"operation": "ch\n', line_of(chat(1))], ":2: Invalid JSON"),
    "a last line with its end": (lambda: [line_of(HEADER), line_of(chat(1)), b'{"operation": "ch\n'], ":3: Invalid"),
    "no header": (lambda: [line_of(chat(1))], ":1: kind: Field required"),
    "another format": (lambda: [line_of(HEADER).replace(b'"cassette":1', b'"cassette":2')], ":1: cassette"),
    "a field that nobody knows": (
        lambda: [line_of(HEADER), line_of(chat(1)).replace(b'"text"', b'"texts"')],
        ":2: chat.response.text: Field required",
    ),
    "a key that is none": (lambda: [line_of(HEADER), line_of(chat(1)).replace(b"0" * 63, b"x")], ":2: chat.key"),
    "a key twice": (lambda: [line_of(HEADER), line_of(chat(1)), line_of(chat(1))], ":3: the key 000"),
    "half a merge": (lambda: [line_of(HEADER), b"<<<<<<< HEAD\n", line_of(chat(1))], "a merge was left half done"),
    "bytes that are no text": (lambda: [line_of(HEADER), b'{"operation": "\xff"}\n', line_of(chat(1))], ":2: "),
    "an empty line": (lambda: [line_of(HEADER), b"\n", line_of(chat(1))], ":2: Invalid JSON"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_any_other_damage_is_refused_with_its_place(tmp_path: Path, name: str) -> None:
    lines, said = DAMAGED[name]
    path = written(tmp_path / "a.jsonl", *lines())
    with pytest.raises(ConfigurationError, match=r"a\.jsonl") as caught:
        Cassette.read(path)
    assert said in str(caught.value)
    assert "Well." not in str(caught.value)


def test_every_wrong_line_is_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", line_of(HEADER), *[b"{}\n"] * 30)
    with pytest.raises(ConfigurationError) as caught:
        Cassette.read(path)
    assert len(caught.value.problems) == 20


@pytest.mark.parametrize(
    ("second", "said"),
    [
        pytest.param([line_of(HEADER.model_copy(update={"model": "n"}))], "of another model", id="models"),
        pytest.param([line_of(HEADER.model_copy(update={"context_tokens": 7}))], "of another model", id="contexts"),
        pytest.param([line_of(HEADER), line_of(chat(1))], "stands in", id="a key in both"),
    ],
)
def test_the_files_of_a_folder_belong_together(tmp_path: Path, second: list[bytes], said: str) -> None:
    written(tmp_path / "a.jsonl", line_of(HEADER), line_of(chat(1)))
    written(tmp_path / "b.jsonl", *second)
    with pytest.raises(ConfigurationError, match=said) as caught:
        Cassette.read(tmp_path)
    assert "b.jsonl" in str(caught.value)
    assert "a.jsonl" in str(caught.value)


def test_a_file_that_changes_while_it_is_in_use_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", line_of(HEADER), line_of(chat(1)), line_of(chat(2)))
    cassette = Cassette.read(path)
    written(path, line_of(HEADER), line_of(chat(2)), line_of(chat(1)))
    with pytest.raises(ConfigurationError, match="changed while it was in use"):
        cassette.find(f"{1:064x}")


def test_a_file_that_was_changed_is_not_written_to(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", line_of(HEADER), line_of(chat(1)))
    recorder = Recorder(path)
    recorder.begin(HEADER)
    changed = written(path, line_of(HEADER), line_of(chat(1)), line_of(chat(2))).read_bytes()
    with pytest.raises(ConfigurationError, match="changed while it was in use"):
        recorder.add(HEADER, chat(3))
    recorder.close()
    assert path.read_bytes() == changed


FULL = """
import resource, signal, sys
from pathlib import Path
from chains.backends.replay.recorder import Recorder
from tests.backends.test_replay_cassette import HEADER, chat

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
recorder = Recorder(Path(sys.argv[1]))
recorder.begin(HEADER)
for number in range(100):
    try:
        recorder.add(HEADER, chat(number, "word " * (20 if number else 999)))  # the first one is too long already
    except Exception as error:
        print(number, type(error).__name__)
"""


@pytest.mark.e2e
def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    """A file that may have 1,000 bytes stands for the disk: what doesn't fit is told, and the rest is read again."""
    path = tmp_path / "a.jsonl"
    command = [sys.executable, "-c", FULL, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert "ConfigurationError" in done.stdout
    assert path.stat().st_size < 1000
    assert path.read_bytes().endswith(b"\n")
    assert len(texts(path)) >= 2


def test_lines_are_in_an_order_that_says_what_changed(tmp_path: Path) -> None:
    """However they were recorded, the file is the same, and another answer changes one line."""
    asked = [chat(number, about=about) for number, about in enumerate(["b", "a", "c", "a"])]
    contents: list[Sequence[bytes]] = []
    for order in (asked, asked[::-1]):
        recorder = Recorder(tmp_path / f"{len(contents)}.jsonl")
        recorder.begin(HEADER)
        for one in order:
            recorder.add(HEADER, one)
        recorder.close()
        contents.append(lines_of(tmp_path / f"{len(contents)}.jsonl"))
    assert contents[0] == contents[1]
    told = [json.loads(line)["request"]["about"] for line in contents[0][1:]]
    assert told == ["a", "a", "b", "c"]
    recorder = Recorder(tmp_path / "0.jsonl")
    recorder.begin(HEADER)
    recorder.add(HEADER, chat(0, "Better.", about="b"))
    assert texts(tmp_path / "0.jsonl")[0] == "Better."  # while it isn't in order yet
    recorder.add(HEADER, chat(1, about="a").model_copy(update={"recorded": Recorded(ms=99)}))
    recorder.close()
    now = lines_of(tmp_path / "0.jsonl")
    assert [number for number, line in enumerate(now) if line != contents[0][number]] == [3]
    assert b'"again"' not in b"".join(now)


def test_one_process_records_at_a_time(tmp_path: Path) -> None:
    for path in (tmp_path / "a.jsonl", tmp_path / "folder"):
        first, second = Recorder(path), Recorder(path)
        first.open()
        with pytest.raises(ConfigurationError, match="another process records into it"):
            second.open()
        first.close()
        second.open()
        second.close()
    assert not (tmp_path / "a.jsonl").exists()  # nothing was recorded


def test_recordings_of_another_model_are_not_mixed(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", line_of(HEADER), line_of(chat(1)))
    recorder = Recorder(path)
    with pytest.raises(ConfigurationError, match="the model m, and this one has n"):
        recorder.begin(HEADER.model_copy(update={"model": "n"}))
    recorder.close()


def test_each_task_has_a_file_of_its_folder(tmp_path: Path) -> None:
    async def work(model: ScoringRecordingChatModel) -> None:
        for task in ("summarize", "rewrite", ""):
            with on_terms(Terms(task=task)):
                await model.ainvoke(f"Hello {task}", **GREEDY)

    with_model(recording(tmp_path / "folder", script()), work)
    assert sorted(file.name for file in (tmp_path / "folder").iterdir()) == [
        "other.jsonl",
        "rewrite.jsonl",
        "summarize.jsonl",
    ]
    replayed = replaying(tmp_path / "folder")
    assert asyncio.run(replayed.ainvoke("Hello rewrite", **GREEDY)).text == "Well."


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.backends.cassettes import GREEDY, recording, script

async def work():
    model = recording(Path(sys.argv[1]), script({"answer": "word " * 400}, concurrency=4))
    for number in range(100_000):
        await model.ainvoke(f"Question {number}", **{**GREEDY, "max_tokens": 1000})
        print(number, flush=True)

asyncio.run(work())
"""


@pytest.mark.e2e
def test_a_killed_recording_loses_no_answer_that_was_given_out(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    command = [sys.executable, "-c", KILLED, str(path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ})
    assert process.stdout is not None
    told = [next(process.stdout) for _ in range(25)]
    process.send_signal(signal.SIGKILL)
    told += process.stdout.readlines()
    process.wait(10)
    process.stdout.close()

    async def again(model: ScoringRecordingChatModel) -> int:
        for number in range(len(told)):
            await model.ainvoke(f"Question {number}", **{**GREEDY, "max_tokens": 1000})
        return scripted_inside(model).reported.model_calls

    assert with_model(recording(path, script({"answer": "word " * 400})), again) == 0
    assert len(lines_of(path)) >= len(told) + 1
