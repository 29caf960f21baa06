"""Answers to cases, made by hand: perfect ones, from what the case expects, and any others."""

from collections.abc import Mapping, Sequence
from typing import Any

from chains.text import Utf16Index
from eval.datasets import Case, CaseInput
from eval.metrics.metric import Scored, Value
from eval.metrics.table import metrics_of

__all__ = ["entities", "labels", "made", "perfect", "scored", "summary", "text", "value", "values"]


def made(task: str, source: str, expected: Mapping[str, Any], language: str | None = None, /, **params: Any) -> Case:
    return Case(
        id="case",
        task=task,
        input=CaseInput(text=source, params=params),
        expected=dict(expected),
        language=language,
    )


def summary(text: str, *, shortened: bool = False) -> dict[str, Any]:
    coverage = {"chunks": 1, "chunks_used": 1, "spans": []}
    return {"summary": text, "shortened": shortened, "unsupported": [], "coverage": coverage}


def text(text: str, task: str = "rewrite", **more: Any) -> dict[str, Any]:
    return {"text": text, **({"lost": []} if task == "rewrite" else {"output": None, "shortened": False}), **more}


def labels(*names: str, confidence: float | None = None, abstained: bool = False) -> dict[str, Any]:
    return {
        "labels": [{"name": name, "confidence": confidence} for name in names],
        "abstained": abstained,
        "confidence_method": "none" if confidence is None else "votes",
        "chunks": 1,
    }


def entities(*found: tuple[str, str, int], ungrounded: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
    """Each entity as text, type and offset; the length is the text's in code points."""
    return {
        "entities": [
            {"text": text, "type": kind, "offset": offset, "length": len(text), "alignment": "exact"}
            for text, kind, offset in found
        ],
        "ungrounded": [{"text": text, "type": kind} for text, kind in ungrounded],
        "records": [],
    }


def perfect(case: Case, number: int = 0) -> dict[str, Any]:
    """The answer that the case expects: the reference of this number, or the first one."""
    expected = case.expected
    references = expected.get("references", [""])
    reference = references[min(number, len(references) - 1)]
    if case.task == "summarize":
        return summary(reference)
    if case.task == "rewrite":
        return text(reference)
    if case.task == "generate":
        return text(". ".join(expected.get("facts", ["-"])), "generate", output=expected.get("output"))
    if case.task == "classify":
        return labels(*expected["labels"])
    index = Utf16Index(case.input.text)
    unit = (lambda place: place) if case.input.params.get("string_index_type") == "unicode" else index.offset
    found = entities(*((one["text"], one["label"], unit(one["start"])) for one in expected["entities"]))
    for own, one in zip(found["entities"], expected["entities"], strict=True):
        own["length"] = unit(one["end"]) - unit(one["start"])
    return found


def scored(case: Case, output: Mapping[str, Any] | None, examples: Sequence[str] = ()) -> Scored:
    return Scored(case, output, None if output is not None else "backend_unavailable", examples)


def value(name: str, case: Case, output: Mapping[str, Any] | None, examples: Sequence[str] = ()) -> Value:
    return metrics_of(case.task)[name].score(scored(case, output, examples))


def values(case: Case, output: Mapping[str, Any] | None, examples: Sequence[str] = ()) -> dict[str, float | None]:
    """Every metric of the case's task, counts as their ratio."""
    one = scored(case, output, examples)
    return {name: metric.over([metric.score(one)]) for name, metric in metrics_of(case.task).items()}
