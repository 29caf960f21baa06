"""Metrics of entities against the scorer of whole lists, which is tested against SemEval's values and nervaluate."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eval.datasets import Case
from eval.metrics.metric import Value
from eval.metrics.table import metrics_of
from eval.scorers.entities import MATCHES, Span, entity_scores
from tests.eval.metrics.answers import entities, made, scored, value
from tests.eval.scorers.test_entities import SEMEVAL

METRICS = metrics_of("extract")
TEXT = "abcdefghijklmnopqrst"


def case_of(spans: list[Span], text: str = TEXT, **params: Any) -> Case:
    expected = [
        {"text": text[one.start : one.end], "label": one.type, "start": one.start, "end": one.end} for one in spans
    ]
    return made("extract", text, {"entities": expected}, **params)


def found(spans: list[Span], text: str = TEXT) -> dict[str, Any]:
    return entities(*((text[one.start : one.end], one.type, one.start) for one in spans))


SPANS = st.lists(
    st.builds(lambda kind, start, size: Span(kind, start, start + size), st.sampled_from("AB"),
              st.integers(0, 6), st.integers(1, 3)),
    max_size=4, unique=True,
)  # fmt: skip


@given(st.lists(st.tuples(SPANS, SPANS), min_size=1, max_size=4))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_sums_of_counts_give_the_micro_average(texts: list[tuple[list[Span], list[Span]]]) -> None:
    micro = entity_scores(*zip(*texts, strict=True)).micro
    values = [
        {name: metric.score(scored(case_of(right), found(named))) for name, metric in METRICS.items()}
        for right, named in texts
    ]
    for match in MATCHES:
        whole = METRICS[f"{match}_f1"].over(one[f"{match}_f1"] for one in values)
        anything = any(right or named for right, named in texts)
        assert whole == pytest.approx(micro[match].f1 if anything else 1.0)
    if any(named for _, named in texts):
        assert METRICS["precision"].over(one["precision"] for one in values) == pytest.approx(micro["strict"].precision)
    if any(right for right, _ in texts):
        assert METRICS["recall"].over(one["recall"] for one in values) == pytest.approx(micro["strict"].recall)


def test_published_values() -> None:
    """SemEval-2013's scenarios, as in nervaluate's README: 2, 3, 4 and 3 of six expected and six found."""
    for match, hits in (("strict", 2), ("exact", 3), ("partial", 4), ("type", 3)):
        metric = METRICS[f"{match}_f1"]
        values = [metric.score(scored(case_of(list(right)), found(list(named)))) for right, named in SEMEVAL]
        assert metric.over(values) == pytest.approx(hits / 6)


ADA = Span("PERSON", 0, 3)


@pytest.mark.parametrize(
    ("right", "output", "name", "expected"),
    [
        pytest.param([ADA], found([ADA]), "strict_f1", (1.0, 1.0, 1.0), id="right"),
        pytest.param([ADA], found([Span("CITY", 0, 3)]), "strict_f1", (0.0, 1.0, 1.0), id="of another type"),
        pytest.param([ADA], found([Span("PERSON", 0, 2)]), "partial_f1", (0.5, 1.0, 1.0), id="an overlap is half"),
        pytest.param([], entities(), "strict_f1", (0.0, 0.0, 0.0), id="nothing to find, nothing found"),
        pytest.param([], found([ADA]), "strict_f1", (0.0, 0.0, 1.0), id="nothing to find, something found"),
        pytest.param([ADA], entities(), "strict_f1", (0.0, 1.0, 0.0), id="something to find, nothing found"),
        pytest.param([ADA], None, "strict_f1", (0.0, 1.0, 1.0), id="a failure names as many wrong ones"),
        pytest.param([], None, "strict_f1", (0.0, 0.0, 1.0), id="a failure names at least one"),
        pytest.param([ADA], None, "recall", (0.0, 1.0), id="a failure finds nothing"),
        pytest.param([ADA], entities(ungrounded=[("Bob", "PERSON")]), "strict_f1", (0.0, 1.0, 1.0), id="ungrounded"),
        pytest.param([ADA], entities(ungrounded=[("Bob", "PERSON")]), "precision", (0.0, 1.0), id="is imprecise"),
        pytest.param([ADA], entities(ungrounded=[("Bob", "X")]), "ungrounded_rate", (1.0, 1.0), id="counted"),
        pytest.param([ADA], entities(), "ungrounded_rate", (0.0, 0.0), id="nothing named"),
        pytest.param([ADA], None, "ungrounded_rate", (1.0, 1.0), id="a failure is ungrounded"),
        pytest.param([ADA], entities(), "offset_validity", None, id="no offsets"),
        pytest.param([ADA], entities(("abc", "PERSON", 0), ("abc", "X", 1)), "offset_validity", 0.5, id="one is off"),
    ],
)
def test_one_case(right: list[Span], output: dict[str, Any] | None, name: str, expected: Value) -> None:
    assert value(name, case_of(right), output) == expected


@pytest.mark.parametrize(
    ("params", "offset", "length", "expected"),
    [
        pytest.param({}, 3, 4, 1.0, id="utf16 is what is meant where nothing is said"),
        pytest.param({"string_index_type": "utf16"}, 3, 4, 1.0, id="utf16"),
        pytest.param({"string_index_type": "unicode"}, 2, 3, 1.0, id="code points"),
        pytest.param({"string_index_type": "unicode"}, 3, 4, 0.0, id="the other unit"),
        pytest.param({}, 1, 4, 0.0, id="within an emoji"),
        pytest.param({}, 400, 4, 0.0, id="outside"),
    ],
)
def test_offsets_are_read_in_the_unit_that_was_asked_for(
    params: dict[str, str], offset: int, length: int, expected: float
) -> None:
    text = "🎉 Ad😀 Lovelace"
    case = case_of([Span("PERSON", 2, 5)], text, **params)
    one = {"text": "Ad😀", "type": "PERSON", "offset": offset, "length": length, "alignment": "exact"}
    counts = value("strict_f1", case, {"entities": [one], "ungrounded": [], "records": []})
    assert metrics_of("extract")["strict_f1"].over([counts]) == expected
