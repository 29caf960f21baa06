"""The cases of a measurement: golden cases over and over, each time with another number behind the text.

Every tenth answer to a case of classify is a wrong one, so that both tools have something to find.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import eval.datasets
from eval.datasets import Case, CaseInput, load_dataset

__all__ = ["TASKS", "Workload", "workload"]

_FOLDER = Path(eval.datasets.__file__).with_suffix("")

_METRICS: Mapping[str, Sequence[str]] = {
    "classify": ("accuracy",),
    "summarize": ("rouge1", "length_compliance", "facts_stated"),
}
TASKS = tuple(_METRICS)
"""What is measured: a task whose answers are objects, and one whose answers are texts."""


@dataclass(frozen=True, slots=True)
class Workload:
    """`originals` are the golden cases, `answers` what the model says to each, by its id; `cases` are those that are
    evaluated, of which `wrong` get a wrong answer. `metrics` are Copydesk's."""

    task: str
    metrics: Sequence[str]
    originals: Sequence[Case]
    answers: Mapping[str, str]
    cases: Sequence[Case]
    wrong: int

    def answer(self, case: Case) -> str:
        return self.answers[_original(case.id)]


def workload(task: str, count: int) -> Workload:
    originals = [case for case in load_dataset(_FOLDER / task) if _is_plain(case)]
    answers = {case.id: _answer(case, number) for number, case in enumerate(originals)}
    cases = tuple(islice(_numbered(originals), count))
    wrong = sum(not _is_right(case, answers[_original(case.id)]) for case in cases)
    return Workload(task, _METRICS[task], originals, answers, cases, wrong)


def _is_plain(case: Case) -> bool:
    """One request a case, and one right answer: no text that is read in parts, no several labels or none."""
    params = case.input.params
    one_label = case.task != "classify" or not ({"multi_label", "abstain_below"} & params.keys())
    return one_label and len(case.input.text) < 1000


def _numbered(originals: Sequence[Case]) -> Iterator[Case]:
    number = 0
    while True:
        for case in originals:
            number += 1
            text = CaseInput(text=f"{case.input.text} ({number})", params=case.input.params)
            yield case.model_copy(update={"id": f"{case.id}#{number}", "input": text})


def _original(case_id: str) -> str:
    return case_id.partition("#")[0]


def _answer(case: Case, number: int) -> str:
    if case.task == "summarize":
        return str(case.expected["references"][0])
    right = case.expected["labels"][0]
    others = (label["name"] for label in case.input.params["labels"] if label["name"] != right)
    return json.dumps({"label": next(others) if number % 10 == 9 else right}, ensure_ascii=False)


def _is_right(case: Case, answer: str) -> bool:
    return case.task != "classify" or json.loads(answer)["label"] == case.expected["labels"][0]
