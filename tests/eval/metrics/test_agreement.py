"""Metrics and the columns of `make quality` say the same of the same answers: both ask the same scorers."""

from collections.abc import Sequence
from typing import Any

import pytest

from bench.quality.scores import (
    Found,
    confidence_figures,
    entity_figures,
    label_figures,
    label_set_figures,
    rewrite_figures,
    summary_figures,
)
from eval.datasets import Case, load_dataset
from eval.metrics.labels import is_several
from eval.metrics.metric import Metric
from eval.metrics.table import metrics_of
from eval.scorers.entities import Span
from tests.conftest import ROOT
from tests.eval.metrics.answers import labels, perfect, scored, summary, text


def golden(task: str) -> list[Case]:
    return load_dataset(ROOT / "eval" / "datasets" / task)


def of_the_next(cases: Sequence[Case], number: int) -> Any:
    """Some answers are those to another case, so that not all is right."""
    return perfect(cases[(number + 1) % len(cases)] if number % 3 == 0 else cases[number])


def over(metric: Metric, cases: Sequence[Case], answers: Sequence[Any]) -> float | None:
    scorer = metric.scorer(cases)
    return metric.over(scorer(scored(case, answer)) for case, answer in zip(cases, answers, strict=True))


def test_summaries() -> None:
    cases = golden("summarize")
    answers = [of_the_next(cases, number)["summary"] for number in range(len(cases))]
    sources, references = [c.input.text for c in cases], [c.expected["references"] for c in cases]
    figures = summary_figures(sources, references, answers, None)
    short = [case.model_copy(update={"input": case.input.model_copy(update={"params": {}})}) for case in cases]
    pairs = {
        "rouge1": "ROUGE-1",
        "rouge2": "ROUGE-2",
        "rougeLsum": "ROUGE-Lsum",
        "number_precision": "numbers",
        "name_precision": "names",
    }
    for name, column in pairs.items():
        found = over(metrics_of("summarize")[name], short, [summary(answer) for answer in answers])
        assert found == pytest.approx(figures[column]), name


def test_rewritings() -> None:
    cases = [case for case in golden("rewrite") if case.input.text not in case.expected["references"]]
    answers = [of_the_next(cases, number)["text"] for number in range(len(cases))]
    answers[1] = cases[1].input.text
    sources, references = [c.input.text for c in cases], [c.expected["references"] for c in cases]
    figures = rewrite_figures(sources, references, answers)
    for name, column, scale in (("chrf", "chrF", 100), ("sari", "SARI", 100), ("copied", "copies", 1)):
        found = over(metrics_of("rewrite")[name], cases, [text(answer) for answer in answers])
        assert found is not None
        assert found * scale == pytest.approx(figures[column]), name


def test_labels() -> None:
    cases = [case for case in golden("classify") if not is_several(case) and case.expected["labels"]]
    given = [c.input.params["labels"][number % 2]["name"] for number, c in enumerate(cases)]
    figures = label_figures([c.expected["labels"][0] for c in cases], given)
    answers = [labels(name, confidence=0.3 + 0.6 * (number % 4) / 3) for number, name in enumerate(given)]
    for name, column in (("accuracy", "accuracy"), ("macro_f1", "macro F1"), ("mcc", "MCC")):
        assert over(metrics_of("classify")[name], cases, answers) == pytest.approx(figures[column]), name
    sure = [answer["labels"][0]["confidence"] for answer in answers]
    right = [c.expected["labels"] == [name] for c, name in zip(cases, given, strict=True)]
    confident = confidence_figures(sure, right)
    for name, column in (("brier", "Brier"), ("calibration_error", "ECE, equal width")):
        assert over(metrics_of("classify")[name], cases, answers) == pytest.approx(confident[column]), name


def test_several_labels() -> None:
    cases = [case for case in golden("classify") if is_several(case)]
    given = [c.expected["labels"][: number % 3] for number, c in enumerate(cases)]
    figures = label_set_figures([c.expected["labels"] for c in cases], given)
    for name, column in (("micro_f1", "micro F1"), ("macro_f1", "macro F1"), ("exact_match", "exact match")):
        found = over(metrics_of("classify")[name], cases, [labels(*names) for names in given])
        assert found == pytest.approx(figures[column]), name


def test_entities() -> None:
    cases = golden("extract")
    expected = [[Span(e["label"], e["start"], e["end"]) for e in c.expected["entities"]] for c in cases]
    found = [Found(spans[1:], [("Nobody", "PERSON")] * (number % 2)) for number, spans in enumerate(expected)]
    figures = entity_figures([c.input.text for c in cases], expected, found)
    answers = []
    for number, case in enumerate(cases):
        answer = perfect(case)
        answers.append(
            {
                **answer,
                "entities": answer["entities"][1:],
                "ungrounded": [{"text": "Nobody", "type": "PERSON"}] * (number % 2),
            }
        )
    pairs = {f"{match}_f1": f"{match} F1" for match in ("strict", "exact", "partial", "type")}
    for name, column in {**pairs, "precision": "precision", "recall": "recall"}.items():
        assert over(metrics_of("extract")[name], cases, answers) == pytest.approx(figures[column]), name
    assert over(metrics_of("extract")["ungrounded_rate"], cases, answers) == pytest.approx(
        figures["ungrounded"] / figures["named"]  # type: ignore[operator]
    )
