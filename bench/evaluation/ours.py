"""`copydesk eval run`: on a backend that answers at once, and on the recordings of its answers."""

import json
import sys
from pathlib import Path
from typing import Any

from bench.evaluation.spending import Spent, spent_by
from bench.evaluation.workload import Workload
from eval.datasets import Case

__all__ = ["Ours"]

_ROOT = Path(__file__).parents[2]
_KNOWN_BY = 200
"""By so many characters of its text a script's line knows a case."""


class Ours:
    """One workload for Copydesk, in a folder of its own."""

    def __init__(self, folder: Path, work: Workload) -> None:
        self._folder = folder
        self._work = work
        data = folder / "data" / work.task
        data.mkdir(parents=True)
        lines = (case.model_dump_json(exclude_none=True) for case in work.cases)
        (data / "golden.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        suite = {"task": work.task, "datasets": [work.task], "metrics": {name: {} for name in work.metrics}}
        self._write("suite.yaml", suite)
        self._write("copydesk.yaml", {"backends": {"instant": {"kind": "scripted", "answers": _script(work)}}})

    def _write(self, name: str, value: Any) -> None:
        """JSON is YAML."""
        (self._folder / name).write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")

    def record(self) -> Spent:
        return self._run("record")

    def replay(self) -> Spent:
        """On what `record` has recorded."""
        return self._run("replay")

    def live(self) -> Spent:
        return self._run("live")

    def _run(self, mode: str) -> Spent:
        """Raises RuntimeError where it failed, or didn't find what is wrong."""
        run = self._folder / "run.jsonl"
        run.unlink(missing_ok=True)
        options = {"--mode": mode, "--config": "copydesk.yaml", "--dir": str(_ROOT / "prompts"), "--data": "data"}
        options |= {"--run": "run.jsonl", "--recordings": "recordings.jsonl"}
        words = [word for option in options.items() for word in option]
        spent = spent_by(
            [sys.executable, "-m", "cli.main", "eval", "run", "suite.yaml", *words],
            self._folder,
            {"PYTHONPATH": str(_ROOT)},
        )
        if spent.code != 0:
            raise RuntimeError(f"copydesk eval run ended with {spent.code}:\n{spent.said[-2000:]}")
        self._check(run)
        return spent

    def _check(self, run: Path) -> None:
        answers = [json.loads(line) for line in run.read_text(encoding="utf-8").split("\n")[1:-1]]
        failed = [answer for answer in answers if "error" in answer]
        if failed or len(answers) != len(self._work.cases):
            raise RuntimeError(
                f"{len(answers)} of {len(self._work.cases)} cases ran, {len(failed)} failed: {failed[:1]}"
            )
        cases = {case.id: case for case in self._work.cases}
        wrong = sum(not _is_right(cases[answer["case"]], answer) for answer in answers)
        if wrong != self._work.wrong:
            raise RuntimeError(f"{wrong} answers are wrong and not {self._work.wrong}")


def _script(work: Workload) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for case in work.originals:
        answer = work.answers[case.id]
        line: dict[str, Any] = {"when": case.input.text[:_KNOWN_BY], "answer": answer}
        if work.task == "classify":
            line["scores"] = {json.loads(answer)["label"]: -0.01}
        lines.append(line)
    return [*lines, {"answer": "-"}]  # for the text without content that labels are compared on


def _is_right(case: Case, answer: dict[str, Any]) -> bool:
    return case.task != "classify" or [each["name"] for each in answer["output"]["labels"]] == case.expected["labels"]
