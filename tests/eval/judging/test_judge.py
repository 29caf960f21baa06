"""Judges of known bias: the flip rate and the kappa come out as they were made."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chains.backends.configuration import ModelIdentity
from chains.errors import BackendUnavailable, ConfigurationError
from chains.prompts import load_prompt_set
from chains.runner import parts_of
from eval.judging.calibration import Calibration, calibrated, cohen_kappa, flip_rate
from eval.judging.judge import PROMPT, Judge
from eval.judging.labelled import load_labelled
from eval.judging.metric import judged_score, paired_wins
from eval.judging.pair import JudgedPair, Pair, Preference
from eval.statistics.verdict import Verdict, compare
from tests.conftest import ROOT
from tests.eval.judging.judges import (
    JUDGE,
    JUDGED,
    LABELLED,
    Rule,
    always_first,
    judged,
    longer,
    right,
    right_mostly,
    script,
)
from tests.traffic.lanes import lane_over

BASELINE, CANDIDATE, TIE = Preference.BASELINE, Preference.CANDIDATE, Preference.TIE
LABELS = {pair.id: pair.better for pair in LABELLED}
PAIRS = [pair.pair() for pair in LABELLED]


def kappa_by_hand(said: Sequence[tuple[Preference, Preference]]) -> float:
    """(observed - expected) / (1 - expected)."""
    count = len(said)
    observed = sum(one is other for one, other in said) / count
    sides = [Counter(side) for side in zip(*said, strict=True)]
    expected = sum(sides[0][name] * sides[1][name] for name in Preference) / count**2
    return (observed - expected) / (1 - expected)


def calibration_of(rule: Rule) -> tuple[Calibration, list[JudgedPair]]:
    found = judged(script(rule, LABELLED), PAIRS)
    return calibrated(found, LABELS), found


def test_a_judge_that_prefers_the_first_answer_always_flips() -> None:
    calibration, found = calibration_of(always_first)
    assert calibration.flips == 1.0
    assert {pair.preference for pair in found} == {TIE}
    assert calibration.kappa == pytest.approx(0.0)
    assert not calibration.can_gate
    assert "flips 100%; decides nothing: kappa must be 0.6 or more" in calibration.text()


def test_a_judge_that_is_right_agrees_with_people() -> None:
    calibration, _ = calibration_of(right)
    assert calibration == Calibration(labels=40, judged=40, kappa=1.0, flips=0.0)
    assert calibration.can_gate
    assert calibration.text() == "agreement with people: kappa 1.00 over 40 of 40 labelled pairs; flips 0%"


@pytest.mark.parametrize(("share", "can_gate"), [(0.9, True), (0.8, True), (0.7, False), (0.5, False)])
def test_a_judge_that_is_right_in_a_share_of_the_pairs(share: float, can_gate: bool) -> None:
    calibration, found = calibration_of(right_mostly(share, LABELLED))
    hits = sum(pair.preference is LABELS[pair.id] for pair in found)
    assert hits / len(found) == share
    assert calibration.flips == 0.0
    said = [(LABELS[pair.id], pair.preference) for pair in found if pair.preference]
    assert calibration.kappa == pytest.approx(kappa_by_hand(said))
    assert calibration.can_gate is can_gate


def test_a_judge_that_prefers_the_longer_answer_is_not_trusted() -> None:
    calibration, found = calibration_of(longer)
    assert calibration.flips == 0.0
    assert sum(pair.preference is LABELS[pair.id] for pair in found) == 18
    assert calibration.kappa is not None
    assert calibration.kappa < 0.6
    assert not calibration.can_gate


def test_a_judge_that_flips_in_a_known_share_of_pairs() -> None:
    """The first ten pairs by their place, the other thirty rightly."""
    first_ten = {pair.id for pair in LABELLED[:10]}
    calibration, _ = calibration_of(lambda pair, order: "second" if pair.id in first_ten else right(pair, order))
    assert calibration.flips == 0.25
    ties = sum(LABELS[name] is TIE for name in first_ten)
    said = [(label, TIE if name in first_ten else label) for name, label in LABELS.items()]
    assert calibration.kappa == pytest.approx(kappa_by_hand(said))
    assert sum(one is other for one, other in said) == 30 + ties


def test_a_tie_in_one_order_only_is_a_flip() -> None:
    assert JudgedPair("a", TIE, CANDIDATE).is_flipped
    assert JudgedPair("a", TIE, CANDIDATE).preference is TIE
    assert not JudgedPair("a", TIE, TIE).is_flipped
    assert JudgedPair("a", CANDIDATE, CANDIDATE).score == 1.0
    assert JudgedPair("a", None, CANDIDATE).is_flipped is None
    assert JudgedPair("a", None, CANDIDATE).score is None


@given(st.lists(st.tuples(st.sampled_from(Preference), st.sampled_from(Preference)), min_size=1, max_size=40))
@settings(deadline=None)
def test_kappa_is_agreement_beyond_chance(said: list[tuple[Preference, Preference]]) -> None:
    found = cohen_kappa([one for one, _ in said], [other for _, other in said])
    if len({name for pair in said for name in pair}) == 1:
        assert found is None
    else:
        assert found == pytest.approx(kappa_by_hand(said))


def test_the_published_example_of_kappa() -> None:
    """50 proposals and two readers: 20 times both yes, 15 times both no, 5 and 10 times one each: 0.4 (the usual
    textbook table, as in Wikipedia's article on Cohen's kappa)."""
    one = [CANDIDATE] * 25 + [BASELINE] * 25
    other = [CANDIDATE] * 20 + [BASELINE] * 5 + [CANDIDATE] * 10 + [BASELINE] * 15
    assert cohen_kappa(one, other) == pytest.approx(0.4)


@pytest.mark.parametrize(
    "judge",
    [
        pytest.param(JUDGED, id="the same"),
        pytest.param(ModelIdentity("ollama", "other name", JUDGED.digest), id="by another name"),
    ],
)
def test_a_model_cannot_judge_itself(judge: ModelIdentity) -> None:
    lane, _ = lane_over(script(right, LABELLED))
    parts = parts_of(load_prompt_set(ROOT / "prompts").get(PROMPT, "1.0.0"), lane)
    with pytest.raises(ConfigurationError, match="can't judge its own answers"):
        Judge(parts, judge, [ModelIdentity("openai", "third", JUDGE.digest), JUDGED])


def test_answers_of_no_use_are_no_preference() -> None:
    """Pairs that the judge answers beside the schema, or cut off, are counted apart."""
    good = script(right, LABELLED[2:])
    bad = [{**line, "answer": {"better": "both"}} for line in script(right, LABELLED[:1])]
    cut = [{**line, "cut_off": True} for line in script(right, LABELLED[1:2])]
    found = judged([{"when": "cannot be used", "answer": "no object"}, *bad, *cut, *good], PAIRS)
    assert [pair.preference for pair in found[:3]] == [None, None, LABELS[found[2].id]]
    calibration = calibrated(found, LABELS)
    assert (calibration.labels, calibration.judged, calibration.kappa) == (40, 38, 1.0)
    score = judged_score(found, calibration)
    assert score.unjudged == 2
    assert "2 without a usable answer" in score.text()
    assert compare(paired_wins("judge", found)).left_out == 2


def test_a_judge_that_cannot_be_reached_is_an_error() -> None:
    with pytest.raises(BackendUnavailable):
        judged([{"fail": "unavailable"}], PAIRS[:2])


def test_few_labels_do_not_make_a_judge() -> None:
    found = judged(script(right, LABELLED[:29]), PAIRS[:29])
    calibration = calibrated(found, LABELS)
    assert (calibration.kappa, calibration.can_gate) == (1.0, False)
    assert calibration.text().endswith("decides nothing: fewer than 30 labelled pairs")
    assert flip_rate([]) is None
    assert calibrated([], {}) == Calibration(0, 0, None, None)
    with pytest.raises(ValueError, match="has no label"):
        calibrated(found, {})


@pytest.mark.parametrize(
    ("wins", "ties", "losses", "verdict"),
    [
        pytest.param(20, 100, 20, Verdict.PASS, id="as many wins as losses"),
        pytest.param(5, 60, 35, Verdict.REGRESSED, id="far more losses"),
        pytest.param(35, 60, 5, Verdict.PASS, id="far more wins"),
        pytest.param(8, 20, 12, Verdict.INCONCLUSIVE, id="some more losses in 40"),
        pytest.param(0, 10, 10, Verdict.INCONCLUSIVE, id="20 pairs"),
    ],
)
def test_wins_and_losses_are_compared_like_any_metric(wins: int, ties: int, losses: int, verdict: Verdict) -> None:
    found = [JudgedPair(str(place), side, side) for side, count in ((CANDIDATE, wins), (TIE, ties), (BASELINE, losses))
             for place in range(count)]  # fmt: skip
    compared = compare(paired_wins("judge", found, margin=0.1))
    assert compared.verdict is verdict
    assert compared.difference == pytest.approx((wins - losses) / (wins + ties + losses))
    score = judged_score(found, Calibration(40, 40, 0.71, 0.08))
    assert (score.wins, score.ties, score.losses, score.can_gate) == (wins, ties, losses, True)
    assert score.text().endswith("; agreement with people: kappa 0.71 over 40 of 40 labelled pairs; flips 8%")


def test_the_labelled_pairs_are_balanced_and_say_why() -> None:
    assert len(LABELLED) >= 30
    better = Counter(pair.better for pair in LABELLED)
    assert min(better.values()) >= 8
    assert Counter(pair.language for pair in LABELLED) == {"en": 20, "de": 5, "zh": 5, "ar": 5, "ja": 5}
    assert all(pair.why and pair.id.startswith(f"judge-{pair.language}-") for pair in LABELLED)
    assert len({pair.trap for pair in LABELLED}) > 8


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        pytest.param(["{}"], "pairs.jsonl:1: id: ", id="a key is absent"),
        pytest.param(["good", "good"], "pairs.jsonl:2: the id 'judge-en-ferry-hours' stands twice", id="an id twice"),
        pytest.param([], "there are no labelled pairs", id="none"),
    ],
)
def test_labelled_pairs_are_read_with_file_and_line(tmp_path: Path, lines: list[str], problem: str) -> None:
    good = (ROOT / "eval" / "datasets" / "judge" / "pairs.jsonl").read_text(encoding="utf-8").splitlines()[0]
    (tmp_path / "pairs.jsonl").write_text("\n".join(good if line == "good" else line for line in lines))
    with pytest.raises(ConfigurationError, match=problem):
        load_labelled(tmp_path)


def test_the_judge_sees_both_answers_in_both_orders_and_nothing_of_their_origin() -> None:
    lane, model = lane_over([{"answer": {"reason": "a", "better": "tie"}}])
    parts = parts_of(load_prompt_set(ROOT / "prompts").get(PROMPT, "1.0.0"), lane)
    shown = parts.prompt.invoke(
        {"request": "Q", "text": "D", "criterion": "K", "first": "answer one", "second": "answer two"}
    ).to_string()
    assert shown.index("answer one") < shown.index("answer two")
    assert "baseline" not in shown
    assert "candidate" not in shown
    judged([{"answer": {"reason": "a", "better": "tie"}}], [Pair("p", "Q", "D", "K", "x", "y")])
    assert model.served_tokens == 0
