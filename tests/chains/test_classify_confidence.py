"""From evidence to confidences, from those of chunks to those of a text, and from them to an answer."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chains.tasks.classify.calibration import evidence, of_each, of_one
from chains.tasks.classify.contract import ClassifyRequest, ConfidenceMethod
from chains.tasks.classify.judgement import Judgement, combined, decided

LOGPROBS = st.lists(st.floats(-300, 0), min_size=2, max_size=200)
VOTES, LIKELIHOOD = ConfidenceMethod.VOTES, ConfidenceMethod.LIKELIHOOD


@given(LOGPROBS)
def test_the_confidences_of_one_right_label_are_shares(found: list[float]) -> None:
    confidences = of_one(found)
    assert math.fsum(confidences) == pytest.approx(1)
    assert all(0 <= one <= 1 for one in confidences)
    assert max(confidences) == confidences[found.index(max(found))]


@given(LOGPROBS, st.floats(-50, 50))
def test_what_is_added_to_all_evidence_changes_no_share(found: list[float], more: float) -> None:
    assert of_one([one + more for one in found]) == pytest.approx(of_one(found), abs=1e-6)


@given(LOGPROBS)
def test_more_evidence_is_never_less_confidence(found: list[float]) -> None:
    for confidences in (of_one(found), of_each(found)):
        by_evidence = [one for _, one in sorted(zip(found, confidences, strict=True))]
        assert by_evidence == sorted(by_evidence)
        assert all(0 <= one <= 1 for one in confidences)


def test_labels_that_nothing_tells_apart_share() -> None:
    assert of_one([-3.0] * 4) == pytest.approx([0.25] * 4)


def test_a_label_that_is_likely_anyway_has_to_become_likelier() -> None:
    common, rare = evidence([-3.0, -6.0], [-2.0, -9.0])
    assert rare > common


def request(**fields: object) -> ClassifyRequest:
    labels = [{"name": name} for name in "abc"]
    return ClassifyRequest.model_validate({"text": "x", "labels": labels, **fields})


@pytest.mark.parametrize(
    ("fields", "confidences", "given", "abstained"),
    [
        pytest.param({}, [0.2, 0.5, 0.3], ["b"], False, id="the best"),
        pytest.param({}, [0.4, 0.4, 0.2], ["a"], False, id="the first of equals"),
        pytest.param({"abstain_below": 0.5}, [0.2, 0.5, 0.3], ["b"], False, id="at the bar"),
        pytest.param({"abstain_below": 0.51}, [0.2, 0.5, 0.3], [], True, id="below it"),
        pytest.param({"multi_label": True}, [0.5, 0.1, 0.9], ["c", "a"], False, id="several, best first"),
        pytest.param({"multi_label": True}, [0.4, 0.1, 0.2], [], False, id="none of them"),
        pytest.param({"multi_label": True, "abstain_below": 0.8}, [0.6, 0.1, 0.9], ["c"], False, id="some kept back"),
        pytest.param({"multi_label": True, "abstain_below": 0.8}, [0.6, 0.1, 0.7], [], True, id="all kept back"),
        pytest.param({"multi_label": True, "abstain_below": 0.8}, [0.4, 0.1, 0.2], [], False, id="nothing to keep"),
    ],
)
def test_the_answer(fields: dict[str, object], confidences: list[float], given: list[str], abstained: bool) -> None:
    output = decided(request(**fields), Judgement(confidences, VOTES))
    assert ([label.name for label in output.labels], output.abstained) == (given, abstained)
    assert [label.confidence for label in output.labels] == [confidences["abc".index(name)] for name in given]


def test_the_judgements_of_chunks_count_by_their_lengths() -> None:
    found = combined([Judgement([1.0, 0.0], LIKELIHOOD), Judgement([0.2, 0.8], LIKELIHOOD)], [30, 10])
    assert found.confidences == pytest.approx([0.8, 0.2])
    assert (found.method, found.chunks) == (LIKELIHOOD, 2)


def test_what_is_not_measured_of_one_chunk_is_not_measured_of_the_text() -> None:
    found = combined([Judgement([1.0, 0.0], VOTES), Judgement([1.0, 0.0], ConfidenceMethod.NONE)], [1, 1])
    assert not found.is_measured
    assert decided(request(), Judgement([0.0, 1.0, 0.0], found.method)).labels[0].confidence is None
