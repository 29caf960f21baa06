"""The golden suites catch what they are for: planted regressions, each by its metric; an equivalent rewording is none.

The scripted backend answers with the references, and to the planted version with what is planted. What a script can't
plant is how a small model errs; that is what recordings of it are for.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chains.prompts.lifecycle.evidence import Verdict
from eval.report import Comparison, Report
from eval.suites import Suite, find_suite, read_suite
from tests.eval.planted import GOLDEN, Bench, golden, planted_prompts, script_of

ENGLISH = "The text is about a decision that was made, and about the reasons that were given for it."
GERMAN = "In dem Text geht es um eine Entscheidung und um die Gründe, die dafür genannt wurden."

Plant = Callable[[dict[str, Any], str, int], str]


def same(case: dict[str, Any], reference: str, number: int) -> str:
    return reference


def without_numbers(case: dict[str, Any], reference: str, number: int) -> str:
    return re.sub(r"\d+", "some", reference)


def in_another_language(case: dict[str, Any], reference: str, number: int) -> str:
    return GERMAN if case.get("language") == "en" else ENGLISH


def few_shot_leaked(case: dict[str, Any], reference: str, number: int) -> str:
    return f"{reference} You still owe 85 euros. Please pay by the end of this month."


def prompt_told(case: dict[str, Any], reference: str, number: int) -> str:
    return f"You summarize documents. Keep names, numbers and dates as they stand there. {reference}"


def copied(case: dict[str, Any], reference: str, number: int) -> str:
    return str(case["input"]["text"])


def too_long(case: dict[str, Any], reference: str, number: int) -> str:
    return f"{reference} " + "And so on and so forth. " * 90


def reworded(case: dict[str, Any], reference: str, number: int) -> str:
    """One case in nine has other words, for better or worse."""
    return f"{reference}\n" if number % 9 else f"In short: {reference}"


def planted_report(folder: Path, task: str, base: str, plant: Plant) -> Report:
    cases = golden(task)
    bench = Bench(
        planted_prompts(folder / "prompts", task, base, "9.0.0"),
        GOLDEN,
        script_of(cases, lambda reference, number: plant(cases[number], reference, number)),
        suite=gated(read_suite(find_suite(task))),
        versions=[base, "9.0.0"],
    )
    return bench.report(folder / "run.jsonl")


def gated(suite: Suite) -> Suite:
    """The suite with nothing but what decides: half of the time goes into what is only reported."""
    return suite.model_copy(update={"metrics": {name: suite.metrics[name] for name in suite.gated}})


def regressed(comparison: Comparison) -> set[str]:
    return {metric.metric for metric in comparison.metrics if metric.gated and metric.verdict is Verdict.REGRESSED}


@pytest.mark.parametrize(
    ("task", "base", "plant", "by"),
    [
        pytest.param("summarize", "1.3.0", without_numbers, "facts_stated", id="summarize drops numbers"),
        pytest.param("summarize", "1.3.0", in_another_language, "language_kept", id="summarize in another language"),
        pytest.param("summarize", "1.3.0", prompt_told, "leak_free", id="summarize tells its prompt"),
        pytest.param("summarize", "1.3.0", too_long, "length_compliance", id="summarize is too long"),
        pytest.param("rewrite", "1.1.0", copied, "copied", id="rewrite changes nothing"),
        pytest.param("rewrite", "1.1.0", in_another_language, "language_kept", id="rewrite in another language"),
        pytest.param("rewrite", "1.1.0", few_shot_leaked, "leak_free", id="rewrite leaks its examples"),
    ],
)
def test_a_planted_regression_is_caught(tmp_path: Path, task: str, base: str, plant: Plant, by: str) -> None:
    report = planted_report(tmp_path, task, base, plant)
    (comparison,) = report.comparisons
    assert report.verdict is Verdict.REGRESSED
    assert by in regressed(comparison)
    losses = [flip for flip in comparison.flips if flip.is_worse and flip.metric == by]
    assert len(losses) >= 5
    assert all(flip.before != flip.after for flip in losses)
    order = [flip.is_worse for flip in comparison.flips]
    assert order == sorted(order, reverse=True)


@pytest.mark.parametrize(
    ("task", "base", "plant"),
    [
        pytest.param("summarize", "1.3.0", same, id="summarize says the same"),
        pytest.param("summarize", "1.3.0", reworded, id="summarize in other words"),
        pytest.param("rewrite", "1.1.0", same, id="rewrite says the same"),
        pytest.param("rewrite", "1.1.0", reworded, id="rewrite in other words"),
    ],
)
def test_an_equivalent_version_is_no_regression(tmp_path: Path, task: str, base: str, plant: Plant) -> None:
    report = planted_report(tmp_path, task, base, plant)
    assert regressed(report.comparisons[0]) == set()
    assert report.verdict is Verdict.PASS
