"""What a judge is asked about the cases of a run, and what needs no judge."""

from typing import Any

import pytest

from chains.errors import ConfigurationError
from eval.datasets import Case
from eval.judging.calibration import Calibration, flip_rate
from eval.judging.metric import judged_score
from eval.judging.pair import JudgedPair, Preference
from eval.judging.questions import questions_of
from eval.outcomes import Failure, Outcome

BASELINE, CANDIDATE, TIE = Preference.BASELINE, Preference.CANDIDATE, Preference.TIE


def case(task: str = "summarize", text: str = "The bridge is closed.", **params: Any) -> Case:
    return Case.model_validate({"id": "a", "task": task, "input": {"text": text, "params": params}, "expected": {}})


def outcome(text: str | None, variant: str = "v", repeat: int = 0) -> Outcome:
    said: dict[str, Any] = (
        {"error": Failure(code="output_invalid", message="x")} if text is None else {"output": {"text": text}}
    )
    return Outcome(variant=variant, case="a", repeat=repeat, **said)


@pytest.mark.parametrize(
    ("before", "after", "settled"),
    [
        pytest.param("One.", "Two.", None, id="two answers"),
        pytest.param("One.", "One.", TIE, id="the same answer"),
        pytest.param("One.", None, BASELINE, id="the candidate failed"),
        pytest.param(None, "Two.", CANDIDATE, id="the baseline failed"),
        pytest.param(None, None, TIE, id="both failed"),
        pytest.param("[output_invalid]", None, BASELINE, id="an answer that reads like a failure"),
    ],
)
def test_what_is_plain_needs_no_judge(before: str | None, after: str | None, settled: Preference | None) -> None:
    found = questions_of("rewrite", [case("rewrite")], [outcome(before)], [outcome(after)])
    assert [pair.preference for pair in found.settled] == ([settled] if settled else [])
    assert len(found.pairs) == (settled is None)


@pytest.mark.parametrize(
    ("asked", "request_text", "document"),
    [
        pytest.param(case(), "Summarize the document", "The bridge is closed.", id="summarize"),
        pytest.param(
            case(max_words=30, style="bullets"),
            "Summarize the document (max_words: 30; style: bullets)",
            "The bridge is closed.",
            id="its parameters",
        ),
        pytest.param(
            case("rewrite", style="formal", preserve=["names"]),
            'Rewrite the document (style: formal; preserve: ["names"])',
            "The bridge is closed.",
            id="rewrite",
        ),
        pytest.param(
            case("generate", "Write to her.", data={"name": "Zoë"}, max_words=5),
            "Write to her. (max_words: 5)",
            '{"name": "Zoë"}',
            id="generate: the data is the document",
        ),
        pytest.param(case("generate", "Write a line."), "Write a line.", "{}", id="generate without data"),
    ],
)
def test_the_judge_sees_what_was_asked_for(asked: Case, request_text: str, document: str) -> None:
    (pair,) = questions_of(asked.task, [asked], [outcome("One.")], [outcome("Two.")]).pairs
    assert (pair.id, pair.request, pair.text, pair.baseline, pair.candidate) == (
        "a",
        request_text,
        document,
        "One.",
        "Two.",
    )
    assert pair.criterion


def test_of_repeats_the_first_is_judged_and_a_case_without_an_answer_is_left_out() -> None:
    cases = [case(), case().model_copy(update={"id": "b"})]
    found = questions_of("summarize", cases, [outcome("One."), outcome("Other.", repeat=1)], [outcome("Two.")])
    assert [(pair.id, pair.baseline) for pair in found.pairs] == [("a", "One.")]


@pytest.mark.parametrize("task", ["classify", "extract"])
def test_labels_and_entities_are_not_judged(task: str) -> None:
    with pytest.raises(ConfigurationError, match=f"the answers of {task} are none: .* gate"):
        questions_of(task, [], [], [])


def test_what_was_plain_counts_as_won_or_tied_but_not_as_not_flipped() -> None:
    found = [JudgedPair("a", BASELINE, CANDIDATE), JudgedPair("b", TIE, TIE, is_asked=False)]
    assert flip_rate(found) == 1.0
    score = judged_score(found, Calibration(40, 40, 0.7, 0.1))
    assert (score.ties, score.unasked, score.flips) == (2, 1, 1.0)
    assert score.counts() == (
        "0 wins, 2 ties, 0 losses, 1 of them plain without the judge; "
        "100% of the pairs that it was asked for flipped with the order"
    )
