"""The measurement beside promptfoo: the cases of both sides, what is asserted, what a process took."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.evaluation.__main__ import in_turns
from bench.evaluation.measured import Measured, read, write
from bench.evaluation.ours import Ours
from bench.evaluation.peer import Peer, installed
from bench.evaluation.spending import Spent
from bench.evaluation.workload import TASKS, workload
from tests.conftest import ROOT


@pytest.mark.parametrize("task", TASKS)
def test_cases_are_golden_cases_with_texts_of_their_own(task: str) -> None:
    work = workload(task, 120)
    assert len({case.id for case in work.cases}) == len({case.input.text for case in work.cases}) == 120
    assert {case.id.partition("#")[0] for case in work.cases} == set(work.answers)
    assert all(work.answer(case) for case in work.cases)


def test_every_tenth_answer_to_a_case_of_classify_is_wrong() -> None:
    work = workload("classify", 40)
    told = [json.loads(work.answer(case))["label"] for case in work.cases]
    wrong = [number for number, case in enumerate(work.cases) if [told[number]] != case.expected["labels"]]
    assert wrong == [9, 19, 29, 39]
    assert work.wrong == 4
    assert workload("summarize", 40).wrong == 0


def test_both_sides_get_the_same_cases_and_answers(tmp_path: Path) -> None:
    work = workload("classify", 12)
    Ours(tmp_path / "ours", work)
    Peer((Path("node"), Path("promptfoo")), tmp_path / "peer", work)
    lines = (tmp_path / "ours/data/classify/golden.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    ours = {case["id"]: case["input"]["text"] for case in map(json.loads, lines)}
    tests: list[dict[str, Any]] = json.loads((tmp_path / "peer/tests.json").read_text(encoding="utf-8"))
    assert {test["vars"]["name"]: test["vars"]["text"] for test in tests} == ours
    assert json.loads((tmp_path / "peer/answers.json").read_text(encoding="utf-8")).keys() == ours.keys()
    assert tests[0]["assert"] == [{"type": "is-json"}, {"type": "equals", "value": {"label": "complaint"}}]


def test_a_text_is_asserted_by_words_length_and_facts(tmp_path: Path) -> None:
    work = workload("summarize", 40)
    Peer((Path("node"), Path("promptfoo")), tmp_path / "peer", work)
    tests = json.loads((tmp_path / "peer/tests.json").read_text(encoding="utf-8"))
    kinds = [[each["type"] for each in test["assert"]] for test in tests]
    assert all(each[0] == "rouge-n" for each in kinds)
    for case, each in zip(work.cases, kinds, strict=True):
        assert ("word-count" in each) == ("max_words" in case.input.params)
        assert ("icontains-all" in each) == bool(case.expected.get("facts"))


def test_the_order_of_the_ways_is_turned_round_each_round() -> None:
    order: list[str] = []

    def way(name: str) -> Callable[[], Spent]:
        def run() -> Spent:
            order.append(name)
            return Spent(len(order), 0, 0, 0, "")

        return run

    found = in_turns({name: way(name) for name in "abc"}, 3)
    assert "".join(order) == "abccbaabc"
    assert [spent.seconds for spent in found["a"]] == [1, 6, 7]


def test_promptfoo_that_is_not_installed_is_told(tmp_path: Path) -> None:
    assert installed(tmp_path) is None


@pytest.mark.parametrize("script", ["exit 1", "echo no version", "echo v18.0.0", None])
def test_a_node_that_is_broken_or_old_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None
) -> None:
    node = tmp_path / "node_modules/node-some-machine/bin/node"
    entry = tmp_path / "node_modules/promptfoo/dist/src/entrypoint.js"
    for path, text in ((node, f"#!/bin/sh\n{script}\n" if script else "neither a program nor a script\n"), (entry, "")):
        path.parent.mkdir(parents=True)
        path.write_text(text)
    node.chmod(0o755)
    monkeypatch.setenv("PATH", "/nowhere")
    assert installed(tmp_path) is None


def test_what_a_process_took(tmp_path: Path) -> None:
    """Asked by a small process, as the benchmark is: Linux counts the memory of whoever starts a process as its own."""
    program = "import os; kept = bytearray(100 * 2**20); print(os.getcwd(), os.environ['NAME']); raise SystemExit(3)"
    asks = f"""
import json, sys
from pathlib import Path
from bench.evaluation.spending import spent_by
spent = spent_by([sys.executable, "-c", {program!r}], Path({str(tmp_path)!r}), {{"NAME": "value"}})
print(json.dumps([spent.code, spent.said.split(), spent.peak_mib, spent.cpu_seconds, spent.seconds]))
"""
    done = subprocess.run([sys.executable, "-c", asks], cwd=ROOT, capture_output=True, text=True, check=True)
    code, said, peak_mib, cpu_seconds, seconds = json.loads(done.stdout)
    assert (code, said) == (3, [str(tmp_path), "value"])
    assert 100 < peak_mib < 200
    assert 0 < cpu_seconds < 60
    assert seconds > 0


def test_what_was_measured_is_read_as_it_was_written(tmp_path: Path) -> None:
    measured = [
        Measured("classify", 50, "a way", [Spent(1.5, 0.5, 90.0, 0, "said")]),
        Measured("summarize", 9, "b", []),
    ]
    write(tmp_path / "measured.json", measured)
    assert read(tmp_path / "measured.json") == measured
