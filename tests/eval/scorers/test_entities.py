"""Entity scores against published values, nervaluate's other input format, and plain sets."""

from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nervaluate.evaluator import Evaluator

from eval.scorers.entities import MATCHES, Match, Matches, Span, entity_scores, offset_validity, share

# The scenarios III, II, V, IV, I, I, VI of SemEval-2013 task 9.1, one a text, as in nervaluate's README.
SEMEVAL = [
    ([Span("brand", 0, 7)], []),
    ([], [Span("brand", 0, 2)]),
    ([Span("drug", 3, 11)], [Span("drug", 0, 11)]),
    ([Span("drug", 0, 11)], [Span("brand", 0, 11)]),
    ([Span("drug", 0, 9)], [Span("drug", 0, 9)]),
    ([Span("drug", 0, 12)], [Span("drug", 0, 12)]),
    ([Span("group", 5, 19)], [Span("drug", 0, 19)]),
]


@pytest.mark.parametrize(
    ("match", "correct", "incorrect", "partial", "f1"),
    [
        pytest.param("strict", 2, 3, 0, 2 / 6, id="strict"),
        pytest.param("exact", 3, 2, 0, 3 / 6, id="exact"),
        pytest.param("partial", 3, 0, 2, 4 / 6, id="partial"),
        pytest.param("type", 3, 2, 0, 3 / 6, id="type"),
    ],
)
def test_published_values(match: Match, correct: int, incorrect: int, partial: int, f1: float) -> None:
    expected, found = zip(*SEMEVAL, strict=True)
    counted = entity_scores(expected, found).micro[match]
    assert (counted.correct, counted.incorrect, counted.partial) == (correct, incorrect, partial)
    assert (counted.missed, counted.spurious) == (1, 1)
    assert (counted.precision, counted.recall, counted.f1) == pytest.approx((f1, f1, f1))


def test_a_type_has_its_own_scores() -> None:
    expected, found = zip(*SEMEVAL, strict=True)
    strict = {kind: scores["strict"].f1 for kind, scores in entity_scores(expected, found).by_type.items()}
    assert strict == pytest.approx({"brand": 0.0, "drug": 2 * 2 / (4 + 4), "group": 0.0})


TAGS = st.lists(st.sampled_from(["O", "B-PER", "I-PER", "B-ORG", "I-ORG"]), min_size=6, max_size=6)


def spans_of(tags: list[str]) -> list[Span]:
    """The entities of BIO tags, one unit a token."""
    spans: list[Span] = []
    for place, tag in enumerate(tags):
        if tag.startswith("B-"):
            spans.append(Span(tag[2:], place, place + 1))
        elif tag.startswith("I-") and spans and spans[-1].end == place and spans[-1].type == tag[2:]:
            spans[-1] = Span(tag[2:], spans[-1].start, place + 1)
    return spans


def tags_of(spans: list[Span]) -> list[str]:
    tags = ["O"] * 6
    for span in spans:
        tags[span.start : span.end] = [f"I-{span.type}"] * (span.end - span.start)
        tags[span.start] = f"B-{span.type}"
    return tags


@given(st.lists(st.tuples(TAGS, TAGS), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_spans_score_as_their_tags_do_in_nervaluate(texts: list[tuple[list[str], list[str]]]) -> None:
    expected, found = ([spans_of(tags[side]) for tags in texts] for side in (0, 1))
    tagged = [[tags_of(spans) for spans in side] for side in (expected, found)]
    reference = Evaluator(tagged[0], tagged[1], tags=["PER", "ORG"], loader="list").evaluate()["overall"]
    counted = entity_scores(expected, found).micro
    for match, name in MATCHES.items():
        assert counted[match].f1 == pytest.approx(reference[name].f1)


SPANS = st.lists(
    st.builds(lambda kind, start, size: Span(kind, start, start + size), st.sampled_from("AB"),
              st.integers(0, 6), st.integers(1, 3)),
    max_size=4, unique=True,
)  # fmt: skip


@given(st.lists(st.tuples(SPANS, SPANS), min_size=1, max_size=4))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_strict_is_what_both_sets_hold_also_where_entities_overlap(texts: list[tuple[list[Span], list[Span]]]) -> None:
    expected, found = zip(*texts, strict=True)
    hits = sum(len(set(right) & set(named)) for right, named in texts)
    strict = entity_scores(expected, found).micro["strict"]
    assert strict.correct == hits
    count = sum(map(len, expected)) + sum(map(len, found))
    assert strict.f1 == pytest.approx(2 * hits / count if count else 0)


A, B = Span("A", 0, 3), Span("B", 4, 6)


@pytest.mark.parametrize(
    ("expected", "found", "strict"),
    [
        pytest.param([], [], Matches(), id="no text"),
        pytest.param([[]], [[]], Matches(), id="nothing expected, nothing found"),
        pytest.param([[A]], [[]], Matches(missed=1), id="nothing found"),
        pytest.param([[]], [[A]], Matches(spurious=1), id="nothing expected"),
        pytest.param([[A, B]], [[B, A]], Matches(correct=2, precision=1.0, recall=1.0, f1=1.0), id="equal"),
        pytest.param([[A]], [[A, A]], Matches(correct=1, spurious=1, precision=0.5, recall=1.0, f1=2 / 3), id="twice"),
        pytest.param([[A]], [[Span("C", 0, 3)]], Matches(incorrect=1), id="a type that nobody asked for"),
        pytest.param([[A]], [[Span("A", 0, 2)]], Matches(incorrect=1), id="one short"),
        pytest.param([[A], []], [[], [A]], Matches(missed=1, spurious=1), id="in another text"),
    ],
)
def test_degenerate_cases(expected: list[list[Span]], found: list[list[Span]], strict: Matches) -> None:
    assert entity_scores(expected, found).micro["strict"] == strict


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="1 texts with expected entities and 2 with found ones"):
        entity_scores([[]], [[], []])
    with pytest.raises(ValueError, match="The A from 3 to 3 is empty; the end is exclusive"):
        entity_scores([[Span("A", 3, 3)]], [[]])


@pytest.mark.parametrize(
    ("unit", "entities", "expected"),
    [
        pytest.param("utf16", [("Ada", 3, 3), ("世", 7, 1)], 1.0, id="utf16"),
        pytest.param("unicode", [("Ada", 2, 3), ("世", 6, 1)], 1.0, id="code points"),
        pytest.param("utf16", [("Ada", 2, 3), ("Ada", 3, 3)], 0.5, id="one is off"),
        pytest.param("utf16", [("🎉", 0, 2), ("\ud83c", 0, 1)], 1.0, id="half a pair is what is there"),
        pytest.param("unicode", [("Ada", -1, 3), ("", 100, 0), ("da", 3, -2)], 0.0, id="outside"),
        pytest.param("unicode", [], None, id="none"),
    ],
)
def test_offset_validity(
    unit: Literal["utf16", "unicode"], entities: list[tuple[str, int, int]], expected: float | None
) -> None:
    assert offset_validity("🎉 Ada 世界", entities, unit) == expected


def test_share() -> None:
    assert share(1, 4) == 0.25
    assert share(0, 0) is None
