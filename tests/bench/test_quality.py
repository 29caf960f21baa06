"""A whole measurement, on the scripted backend."""

import json
from pathlib import Path

import pytest

from bench.quality.__main__ import main, tasks
from chains.tasks import load_tasks

TEXTS = ["Which protein, no sorry, which energy is used?", "Who, um, is lost?", "Where is the outage?"]
SCRIPT = """
backends:
  script:
    kind: scripted
    answers:
      - {when: outage, fail: rejected}
      - {when: lost, answer: "Who is lost?"}
      - {answer: "Which energy is used?"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = [
        {
            "id": text,
            "task": "rewrite",
            "input": {"text": text, "params": {"style": "clean_transcript", "instruction": "Clean it."}},
            "expected": {"references": ["Which energy is used?", "Who is lost?"]},
        }
        for text in TEXTS
    ]
    (tmp_path / "rewrite_disflqa.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "rewrite_conciseness.jsonl").write_text(json.dumps(lines[0]))
    (tmp_path / "copydesk.yaml").write_text(SCRIPT)
    return tmp_path


def measured(folder: Path, *more: str) -> int:
    return main(["rewrite", "--data", str(folder), "--config", str(folder / "copydesk.yaml"), *more])


def test_each_way_is_measured_and_errors_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, answers = folder / "out.json", folder / "answers.jsonl"
    assert measured(folder, "--out", str(out), "--answers", str(answers), "--only", "*disflqa*") == 0
    (record,) = json.loads(out.read_text())
    assert [(row["dataset"], row["way"], row["cases"]) for row in record["rows"]] == [
        ("rewrite_disflqa", "plain", 3),
        ("rewrite_disflqa", "task", 3),
    ]
    for row in record["rows"]:
        assert row["figures"]["errors"] == "1 backend_rejected"
        assert row["figures"]["chrF"] == pytest.approx(200 / 3), "a case that failed scores as an empty text"
        assert row["figures"]["tokens out"] > 0
    assert (record["model"], record["seed"]) == ("script", 7)
    assert record["command"].startswith("python -m bench.quality rewrite --data ")
    assert "| plain | 66.667 |" in capsys.readouterr().out
    kept = [json.loads(line) for line in answers.read_text().splitlines()]
    assert len(kept) == 6
    assert {line["answer"] for line in kept[:3]} == {"Which energy is used?", "Who is lost?", None}


def test_an_absent_set_ends_the_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "rewrite_disflqa.jsonl").unlink()
    assert measured(folder) == 1
    assert "google-research-datasets/Disfl-QA" in capsys.readouterr().err


def test_a_folder_has_to_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rewrite"]) == 2
    assert "--data DIR or COPYDESK_DATA_DIR" in capsys.readouterr().err


@pytest.mark.parametrize(("count", "message"), [("0", "at least 1, not 0"), ("x", "invalid _count value: 'x'")])
def test_cases_are_counted_from_one(folder: Path, capsys: pytest.CaptureFixture[str], count: str, message: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        measured(folder, "--cases", count)
    assert message in capsys.readouterr().err


def test_every_task_can_be_measured() -> None:
    assert tasks() == sorted(load_tasks())
