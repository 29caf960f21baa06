"""What a report shows of one variant beside its metrics: entities by type, and what abstaining would buy."""

from collections.abc import Mapping
from typing import Any

from eval.datasets import Case
from eval.metrics.table import metrics_of
from eval.outcomes import Failure, Outcome, Variant
from eval.report import TradeOff, VariantReport
from eval.variant_report import variant_report

DIGEST = "sha256:" + "0" * 64


def report(task: str, case: Mapping[str, Any], outputs: Mapping[str, Any]) -> VariantReport:
    """Of one case that is asked under several ids: an output by the id, None for an error."""
    variant = Variant(
        name="v",
        task=task,
        version="1.0.0",
        digest=DIGEST,
        backend="b",
        kind="scripted",
        model="m",
        model_digest=DIGEST,
    )
    cases = {name: Case.model_validate({"id": name, "task": task, **case}) for name in outputs}
    failure = Failure(code="output_invalid", message="no output")
    outcomes = [
        Outcome(variant="v", case=name, output=output, error=None if output else failure)
        for name, output in outputs.items()
    ]
    return variant_report(variant, cases, outcomes, {}, {name: [] for name in metrics_of(task)})


def test_entities_are_told_by_their_types() -> None:
    entities = [
        {"text": "Ada", "label": "PERSON", "start": 0, "end": 3},
        {"text": "Rome", "label": "CITY", "start": 7, "end": 11},
    ]
    case = {
        "input": {"text": "Ada in Rome", "params": {"types": [{"name": "PERSON"}, {"name": "CITY"}]}},
        "expected": {"entities": entities},
    }
    person = {"text": "Ada", "type": "PERSON", "offset": 0, "length": 3, "alignment": "exact"}
    wrong = {"text": "in", "type": "PERSON", "offset": 4, "length": 2, "alignment": "exact"}
    found = report("extract", case, {"right": {"entities": [person], "ungrounded": []},
                                     "more": {"entities": [person, wrong], "ungrounded": []}})  # fmt: skip
    told = {one.type: (one.expected, one.named, round(one.precision, 3), one.recall) for one in found.by_type}
    assert told == {"CITY": (2, 0, 0.0, 0.0), "PERSON": (2, 3, 0.667, 1.0)}
    assert found.trade_off == ()


def test_what_abstaining_would_buy() -> None:
    case = {
        "input": {"text": "x", "params": {"labels": [{"name": "a"}, {"name": "b"}]}},
        "expected": {"labels": ["a"]},
    }

    def said(name: str, confidence: float) -> dict[str, Any]:
        return {"labels": [{"name": name, "confidence": confidence}], "abstained": False}

    found = report("classify", case, {"sure": said("a", 0.9), "unsure": said("b", 0.4), "failed": None})
    assert found.trade_off == (
        TradeOff(threshold=0.9, coverage=0.5, risk=0.0),
        TradeOff(threshold=0.4, coverage=1.0, risk=0.5),
    )
    assert found.by_type == ()
