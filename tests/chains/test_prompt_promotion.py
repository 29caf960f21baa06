"""Promotion wants evidence about what would be served, and a rollback knows the way back."""

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chains.errors import ConfigurationError, CopydeskError, InvalidInput, PromptError, StepRefused, UnknownPrompt
from chains.prompts import PromptSet, load_prompt_set, load_served_set
from chains.prompts.labels import Target, read_labels
from chains.prompts.lifecycle.evidence import (
    Basis,
    EvidenceRecord,
    Promotion,
    Verdict,
    evidence_path,
    read_evidence,
    write_evidence,
)
from chains.prompts.lifecycle.evidence_check import Current
from chains.prompts.lifecycle.promoting import Promoted, Request, promote
from chains.prompts.lifecycle.rollback import RolledBack, rollback
from chains.prompts.lock import LOCK, Lock
from chains.prompts.serving import label_problems
from chains.tasks import load_tasks

NAME = "summarize"
MODEL = "sha256:" + "a" * 64
DATASET = "sha256:" + "b" * 64
OTHER = "sha256:" + "f" * 64
CURRENT = Current("scripted", "script", MODEL, DATASET)
LABELS = "# The author's comment\nsummarize:\n  production: 1.0.0  # since May\n"
FRONT = "---\ndescription: A test\nchangelog: {version}\ninputs: {{text: {{type: string}}{more}}}\n---\n"


@dataclass
class Desk:
    """A prompt folder with released versions of one prompt, and an author at work."""

    folder: Path
    released: dict[str, str] = field(default_factory=dict)
    asked: int = 0

    def write(self, version: str, *, more: str = "", release: bool = True, body: str = "{{ text }}") -> None:
        path = self.folder / NAME / f"{version}.j2"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(FRONT.format(version=version, more=more) + f"user:\n{body}\n")
        if release:
            prompt = self.prompts.get(NAME, version)
            self.released[str(prompt)] = prompt.digest
            (self.folder / LOCK).write_text(Lock(self.released).text())

    def label(self, text: str) -> None:
        (self.folder / "labels.yaml").write_text(text)

    @property
    def prompts(self) -> PromptSet:
        return load_prompt_set(self.folder)

    @property
    def labels(self) -> Mapping[str, Target]:
        return read_labels(self.folder).get(NAME, {})

    def evidence(self, version: str = "1.1.0", **other: Any) -> EvidenceRecord:
        """A record by which the version could be promoted, but for what is `other`."""
        values = record(self.prompts, version) | other
        found = EvidenceRecord.model_validate(values)
        write_evidence(self.folder, found)
        return found

    def record(self, version: str) -> EvidenceRecord:
        found = read_evidence(self.folder, NAME, version)
        assert found is not None
        return found

    def promote(self, version: str = "1.1.0", current: Current = CURRENT, **asked: Any) -> Promoted:
        def find() -> Current:
            self.asked += 1
            return current

        return promote(self.folder, Request(NAME, version, **asked), load_tasks(), find)

    def rollback(self, **asked: Any) -> RolledBack:
        return rollback(self.folder, NAME, load_tasks(), **asked)

    def refusal(self, version: str = "1.1.0", **asked: Any) -> StepRefused:
        """Why a promotion is refused; it must leave every file as it was."""
        before = self.files()
        with pytest.raises(StepRefused) as caught:
            self.promote(version, **asked)
        assert self.files() == before
        return caught.value

    def refused_rollback(self, **asked: Any) -> StepRefused:
        before = self.files()
        with pytest.raises(StepRefused) as caught:
            self.rollback(**asked)
        assert self.files() == before
        return caught.value

    def files(self) -> dict[str, str]:
        return {str(path): path.read_text() for path in self.folder.rglob("[!.]*") if path.is_file()}


def record(prompts: PromptSet, version: str, baseline: str = "1.0.0") -> dict[str, Any]:
    return {
        "name": NAME,
        "version": version,
        "digest": prompts.get(NAME, version).digest,
        "baseline": {"version": baseline, "digest": prompts.get(NAME, baseline).digest},
        "backend_kind": "scripted",
        "model": "script",
        "model_digest": MODEL,
        "suite": "summarize",
        "dataset_digest": DATASET,
        "metrics": [metric()],
        "verdict": "PASS",
        "created_at": "2026-03-01T00:00:00Z",
    }


def metric(**other: Any) -> dict[str, Any]:
    return {
        "name": "coverage",
        "cases": 40,
        "baseline": 0.8,
        "candidate": 0.81,
        "difference": 0.01,
        "lower": -0.01,
        "upper": 0.03,
        "margin": 0.02,
        "verdict": "PASS",
        **other,
    }


def unevaluated(**other: Any) -> dict[str, Any]:
    absent = ("baseline", "backend_kind", "model", "model_digest", "suite", "dataset_digest")
    return {**dict.fromkeys(absent), "metrics": [], "verdict": "UNEVALUATED", **other}


INCONCLUSIVE: dict[str, Any] = {
    "verdict": "INCONCLUSIVE",
    "metrics": [metric(verdict="INCONCLUSIVE", difference=-0.01, lower=-0.04)],
}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    found = Desk(tmp_path)
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        found.write(version, body=f"{version}: {{{{ text }}}}")
    found.label(LABELS)
    return found


def test_evidence_that_passes_promotes(desk: Desk) -> None:
    evidence = desk.evidence()
    start = datetime.now(UTC)
    done = desk.promote()
    assert (desk.folder / "labels.yaml").read_text() == LABELS.replace("1.0.0", "1.1.0")
    assert (done.previous, done.removed_canary) == (Target("1.0.0"), None)
    promotion = Promotion(
        label="production", previous="1.0.0", basis=Basis.EVIDENCE, promoted_at=done.promotion.promoted_at
    )
    assert desk.record("1.1.0") == evidence.with_promotions([promotion])
    assert abs((promotion.promoted_at - start).total_seconds()) < 60
    assert promotion.promoted_at.utcoffset() is not None


REFUSED = [
    pytest.param(
        {"digest": OTHER}, {}, {"digest": f"its digest is {OTHER}, that of summarize@1.1.0 sha256:"}, id="text"
    ),
    pytest.param(
        {"baseline": {"version": "1.2.0", "digest": OTHER}},
        {},
        {"baseline": "compares with summarize@1.2.0, but production serves summarize@1.0.0"},
        id="baseline's version",
    ),
    pytest.param(
        {"baseline": {"version": "1.0.0", "digest": OTHER}},
        {},
        {"baseline": f"compares with summarize@1.0.0 at the digest {OTHER}, but production serves sha256:"},
        id="baseline's digest",
    ),
    pytest.param(
        {"backend_kind": "embedded"},
        {},
        {"model": "is from script (embedded), but script (scripted) would answer"},
        id="kind of backend",
    ),
    pytest.param({"model": "gpt"}, {}, {"model": "is from gpt (scripted), but script"}, id="model"),
    pytest.param(
        {"model_digest": OTHER},
        {},
        {"model": f"another script: its digest is {OTHER}, that of the configured one {MODEL}"},
        id="model's digest",
    ),
    pytest.param({"dataset_digest": OTHER}, {}, {"dataset": f"its digest was {OTHER}, and is {DATASET}"}, id="dataset"),
    pytest.param(
        {
            "verdict": "REGRESSED",
            "metrics": [metric(), metric(name="length", difference=-0.1, lower=-0.2, upper=-0.05, verdict="REGRESSED")],
        },
        {},
        {"verdict": "the verdict is REGRESSED, by length (make it better"},
        id="regressed",
    ),
    pytest.param(INCONCLUSIVE, {}, {"verdict": "INCONCLUSIVE: too few cases"}, id="inconclusive"),
    pytest.param(unevaluated(), {}, {"verdict": "says that summarize@1.1.0 was never evaluated"}, id="unevaluated"),
    pytest.param(None, {}, {"record": "there is no evidence for summarize@1.1.0"}, id="no record"),
    pytest.param({}, {"version": "1.0.0"}, {"served": "production serves summarize@1.0.0 already"}, id="served"),
    pytest.param({}, {"initial": True}, {"initial": "but production serves 1.0.0"}, id="initial where a label serves"),
    pytest.param(
        {},
        {"label": "canary", "percent": 5, "initial": True},
        {"initial": "--initial is not for the canary"},
        id="initial canary",
    ),
    pytest.param(
        {},
        {"version": "1.0.0", "label": "canary", "percent": 5, "force": "x"},
        {"canary": "production serves summarize@1.0.0 already"},
        id="canary of what production serves",
    ),
    pytest.param(
        {}, {"accept_inconclusive": "x"}, {"accept": "but the verdict is PASS (leave --accept"}, id="accept a pass"
    ),
    pytest.param(
        {"verdict": "REGRESSED"},
        {"accept_inconclusive": "x"},
        {"accept": "the verdict is REGRESSED"},
        id="accept a loss",
    ),
    pytest.param(
        None,
        {"accept_inconclusive": "x"},
        {"record": "", "accept": "but there is no record"},
        id="accept nothing",
    ),
    pytest.param(
        {
            "verdict": "INCONCLUSIVE",
            "metrics": [
                metric(),
                metric(name="length", difference=-0.02, lower=-0.1, margin=0.02, verdict="INCONCLUSIVE"),
            ],
        },
        {"accept_inconclusive": "x"},
        {"accept": "length changed by -0.02, and only more than -0.02 can be accepted"},
        id="accept a difference of the margin",
    ),
    pytest.param(
        {**INCONCLUSIVE, "dataset_digest": OTHER},
        {"accept_inconclusive": "x"},
        {"dataset": "the dataset has changed"},
        id="accept on another dataset",
    ),
]


@pytest.mark.parametrize(("evidence", "asked", "expected"), REFUSED)
def test_each_check_is_refused_alone(
    desk: Desk, evidence: dict[str, Any] | None, asked: dict[str, Any], expected: dict[str, str]
) -> None:
    if evidence is not None:
        desk.evidence(**evidence)
    refused = desk.refusal(**asked)
    assert [reason.check for reason in refused.reasons] == list(expected)
    for reason in refused.reasons:
        assert expected[reason.check] in str(reason)
        assert reason.remedy
        assert str(reason) in str(refused)


def test_everything_that_is_wrong_is_told_at_once(desk: Desk) -> None:
    desk.write("1.3.0", release=False, more=", tone: {type: string}")
    desk.evidence(
        "1.3.0",
        digest=OTHER,
        baseline={"version": "1.2.0", "digest": OTHER},
        model="gpt",
        dataset_digest=OTHER,
        verdict="REGRESSED",
    )
    refused = desk.refusal("1.3.0")
    checks = [reason.check for reason in refused.reasons]
    assert checks == ["draft", "contract", "digest", "baseline", "model", "dataset", "verdict"]
    lines = str(refused).splitlines()
    assert lines[0] == "promote summarize@1.3.0 to production: refused"
    assert "(release it first: copydesk prompts release summarize 1.3.0)" in lines[1]
    assert "wants the input 'tone', which the task summarize doesn't supply" in lines[2]


@pytest.mark.parametrize("flag", [{"initial": True, "label": "staging"}, {"force": "x"}], ids=["initial", "force"])
@pytest.mark.parametrize("what", ["draft", "contract", "edited"])
def test_no_flag_lets_a_label_serve_what_it_must_not(desk: Desk, flag: dict[str, Any], what: str) -> None:
    more = ", tone: {type: string}" if what == "contract" else ""
    desk.write("1.3.0", release=what != "draft", more=more)
    if what == "edited":
        desk.write("1.3.0", release=False, body="edited {{ text }}")
    assert [reason.check for reason in desk.refusal("1.3.0", **flag).reasons] == [what]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        pytest.param({"label": "canary"}, "--percent: the label canary needs it", id="canary without a share"),
        pytest.param({"percent": 5}, "--percent: the label canary needs it, and no other", id="share of production"),
        pytest.param({"label": "canary", "percent": 0}, "above 0 and at most 100", id="0 %"),
        pytest.param({"label": "canary", "percent": -1}, "above 0 and at most 100", id="-1 %"),
        pytest.param({"label": "canary", "percent": 100.5}, "--percent 100.5: the share", id="100.5 %"),
        pytest.param({"label": "canary", "percent": float("nan")}, "above 0 and at most 100", id="not a number"),
        pytest.param({"label": "1.0.0"}, "--label 1.0.0: a label has lower-case letters", id="a version as label"),
        pytest.param({"force": " "}, "--force: the reason is blank", id="blank force"),
        pytest.param({"accept_inconclusive": ""}, "--accept-inconclusive: the reason is blank", id="blank acceptance"),
        pytest.param({"force": "x", "initial": True}, "give at most one of", id="two flags"),
        pytest.param({"force": "x", "accept_inconclusive": "y"}, "give at most one of", id="two reasons"),
    ],
)
def test_what_cannot_be_asked(desk: Desk, asked: dict[str, Any], words: str) -> None:
    desk.evidence()
    before = desk.files()
    with pytest.raises(InvalidInput, match=re.escape(words)):
        desk.promote(**asked)
    assert desk.files() == before


def test_what_does_not_exist(desk: Desk) -> None:
    with pytest.raises(UnknownPrompt, match=r"has no version '9\.0\.0'"):
        desk.promote("9.0.0")
    with pytest.raises(UnknownPrompt, match="There is no prompt 'translate'"):
        promote(desk.folder, Request("translate", "1.0.0"), {}, lambda: CURRENT)


def test_a_folder_that_does_not_load_promotes_nothing(desk: Desk) -> None:
    desk.evidence()
    (desk.folder / "other").mkdir()
    (desk.folder / "other" / "1.0.0.j2").write_text("user:\n")
    assert [reason.check for reason in desk.refusal().reasons] == ["load"]


def test_a_record_that_cannot_be_read_is_not_overruled(desk: Desk) -> None:
    desk.evidence()
    evidence_path(desk.folder, NAME, "1.1.0").write_text("{}")
    assert [reason.check for reason in desk.refusal(force="x").reasons] == ["record"]


def test_a_model_that_is_not_here_is_told(desk: Desk) -> None:
    desk.evidence()

    def absent() -> Current:
        raise ConfigurationError("the embedded backend has no model")

    with pytest.raises(StepRefused, match="current: the embedded backend has no model") as caught:
        promote(desk.folder, Request(NAME, "1.1.0"), load_tasks(), absent)
    assert [reason.check for reason in caught.value.reasons] == ["current"]
    done = promote(desk.folder, Request(NAME, "1.1.0", force="it is on fire"), load_tasks(), absent)
    assert "the embedded backend has no model" in done.promotion.overruled[0]


@pytest.mark.parametrize(
    ("evidence", "asked"),
    [
        pytest.param(None, {}, id="no record"),
        pytest.param(unevaluated(), {}, id="unevaluated"),
        pytest.param({}, {"initial": True, "label": "staging"}, id="initial"),
    ],
)
def test_the_model_is_read_only_where_there_is_something_to_compare(
    desk: Desk, evidence: dict[str, Any] | None, asked: dict[str, Any]
) -> None:
    if evidence is not None:
        desk.evidence(**evidence)
    if asked:
        desk.promote(**asked)
    else:
        desk.refusal()
    assert desk.asked == 0


def test_an_accepted_inconclusive_verdict_keeps_its_reason(desk: Desk) -> None:
    desk.evidence(**INCONCLUSIVE)
    promotion = desk.promote(accept_inconclusive="the costs halve").promotion
    assert (promotion.basis, promotion.reason) == (Basis.ACCEPTED_INCONCLUSIVE, "the costs halve")
    assert desk.record("1.1.0").promotions == (promotion,)
    assert desk.record("1.1.0").verdict is Verdict.INCONCLUSIVE


def test_force_keeps_what_it_overruled(desk: Desk) -> None:
    desk.evidence(dataset_digest=OTHER, verdict="REGRESSED")
    promotion = desk.promote(force="production is on fire").promotion
    assert (promotion.basis, promotion.reason) == (Basis.FORCED, "production is on fire")
    assert [words.split(":")[0] for words in promotion.overruled] == [
        "the dataset has changed",
        "the verdict is REGRESSED",
    ]
    assert desk.record("1.1.0").promotions == (promotion,)
    assert desk.labels["production"] == Target("1.1.0")


def test_force_that_overrules_nothing_is_evidence(desk: Desk) -> None:
    desk.evidence()
    promotion = desk.promote(force="to be safe").promotion
    assert (promotion.basis, promotion.reason, promotion.overruled) == (Basis.EVIDENCE, "to be safe", ())


@pytest.mark.parametrize("evidence", [None, {"digest": OTHER}], ids=["no record", "record of another text"])
def test_a_forced_version_has_a_record_that_says_unevaluated(desk: Desk, evidence: dict[str, Any] | None) -> None:
    if evidence is not None:
        desk.evidence(**evidence)
    promotion = desk.promote(force="x").promotion
    found = desk.record("1.1.0")
    assert (found.verdict, found.digest) == (Verdict.UNEVALUATED, desk.prompts.get(NAME, "1.1.0").digest)
    assert found.promotions == (promotion,)
    assert promotion.overruled


def test_the_first_version_of_all(desk: Desk) -> None:
    (desk.folder / "labels.yaml").unlink()
    refused = desk.refusal("1.0.0")
    assert "--initial is for a label that serves nothing yet" in str(refused)
    desk.evidence()
    assert "but production serves nothing (--initial" in str(desk.refusal("1.1.0"))
    done = desk.promote("1.0.0", initial=True)
    assert (done.previous, done.promotion.basis) == (None, Basis.INITIAL)
    assert desk.labels == {"production": Target("1.0.0")}
    assert desk.record("1.0.0").verdict is Verdict.UNEVALUATED


def test_a_canary_needs_production(desk: Desk) -> None:
    desk.label("summarize: {staging: 1.0.0}\n")
    refused = desk.refusal(label="canary", percent=5, force="x")
    assert [reason.check for reason in refused.reasons] == ["canary"]
    assert "there is no production" in str(refused)


def test_another_label_is_compared_with_production_too(desk: Desk) -> None:
    desk.label(LABELS + "  staging: 1.2.0\n")
    desk.evidence()
    done = desk.promote(label="staging")
    assert done.previous == Target("1.2.0")
    assert desk.labels == {"production": Target("1.0.0"), "staging": Target("1.1.0")}


def test_a_canary_grows_on_its_evidence(desk: Desk) -> None:
    evidence = desk.evidence()
    first = desk.promote(label="canary", percent=5).promotion
    second = desk.promote(label="canary", percent=50).promotion
    assert desk.asked == 2
    assert desk.labels["canary"] == Target("1.1.0", 50)
    assert (second.previous, second.previous_percent, second.basis) == ("1.1.0", 5, Basis.EVIDENCE)
    assert desk.record("1.1.0") == evidence.with_promotions([first, second])
    refused = desk.refusal(label="canary", percent=50)
    assert "canary serves summarize@1.1.0 with 50 % already" in str(refused)


def test_a_share_without_a_promotion_on_record_needs_evidence(desk: Desk) -> None:
    desk.label(LABELS + "  canary: {version: 1.1.0, percent: 5}\n")
    assert [reason.check for reason in desk.refusal(label="canary", percent=50).reasons] == ["record"]


def test_a_larger_share_of_another_comparison_is_refused(desk: Desk) -> None:
    desk.evidence()
    desk.promote(label="canary", percent=5)
    desk.label((desk.folder / "labels.yaml").read_text().replace("production: 1.0.0", "production: 1.2.0"))
    refused = desk.refusal(label="canary", percent=100, current=Current("x", "y", OTHER, OTHER))
    assert [reason.check for reason in refused.reasons] == ["baseline", "model", "dataset"]


def test_a_canary_shrinks_on_what_it_was_set_for_and_grows_on_nothing_but_evidence(desk: Desk) -> None:
    first = desk.promote(label="canary", percent=50, force="try it").promotion
    second = desk.promote(label="canary", percent=5).promotion
    assert (second.basis, second.reason, second.overruled) == (Basis.FORCED, "try it", first.overruled)
    for percent in (5.5, 50, 100):
        refused = desk.refusal(label="canary", percent=percent)
        assert [reason.check for reason in refused.reasons] == ["verdict"]
    assert desk.promote(label="canary", percent=100, force="it went well").promotion.reason == "it went well"


def test_a_promoted_canary_ends(desk: Desk) -> None:
    desk.evidence()
    desk.promote(label="canary", percent=5)
    done = desk.promote()
    assert done.removed_canary == Target("1.1.0", 5)
    assert (desk.folder / "labels.yaml").read_text() == LABELS.replace("1.0.0", "1.1.0")


def test_another_canary_stays(desk: Desk) -> None:
    desk.label(LABELS + "  canary: {version: 1.2.0, percent: 5}\n")
    desk.evidence()
    assert desk.promote().removed_canary is None
    assert desk.labels["canary"] == Target("1.2.0", 5)


def test_labels_that_cannot_be_edited_leave_no_promotion(desk: Desk) -> None:
    desk.label("? summarize\n: ? production\n  : 1.0.0\n")
    desk.evidence()
    before = desk.files()
    with pytest.raises(PromptError, match="not edited"):
        desk.promote(label="staging")
    assert desk.files() == before


def test_broken_off_in_between_no_label_lacks_its_record(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, text: str) -> None:
        raise OSError("no space left")

    desk.evidence()
    with monkeypatch.context() as broken:
        broken.setattr("chains.prompts.lifecycle.promoting.write_text", fail)
        with pytest.raises(OSError, match="no space left"):
            desk.promote()
    assert desk.labels == {"production": Target("1.0.0")}
    assert len(desk.record("1.1.0").promotions) == 1
    desk.promote()
    desk.rollback()
    assert desk.labels == {"production": Target("1.0.0")}


def test_a_rollback_broken_off_in_between_skips_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(folder: Path, record: EvidenceRecord) -> None:
        raise OSError("no space left")

    desk.promote("1.1.0", force="x")
    desk.promote("1.2.0", force="x")
    with monkeypatch.context() as broken:
        broken.setattr("chains.prompts.lifecycle.rollback.write_evidence", fail)
        with pytest.raises(OSError, match="no space left"):
            desk.rollback()
    assert desk.labels == {"production": Target("1.1.0")}
    desk.rollback()
    assert desk.labels == {"production": Target("1.0.0")}


def test_a_rollback_restores_what_was_served(desk: Desk) -> None:
    desk.evidence()
    promotion = desk.promote().promotion
    done = desk.rollback(reason="it invents dates")
    assert (done.before, done.after) == (Target("1.1.0"), Target("1.0.0"))
    assert (desk.folder / "labels.yaml").read_text() == LABELS
    (kept,) = desk.record("1.1.0").promotions
    assert kept.rolled_back_at is not None
    assert kept.model_copy(update={"rolled_back_at": None, "rollback_reason": None}) == promotion
    assert kept.rollback_reason == "it invents dates"


def test_rollbacks_go_back_step_by_step_to_the_first(desk: Desk) -> None:
    (desk.folder / "labels.yaml").unlink()
    desk.promote("1.0.0", initial=True)
    desk.promote("1.1.0", force="x")
    desk.promote("1.2.0", force="x")
    desk.promote("1.1.0", force="x")
    served = []
    for _ in range(3):
        desk.rollback()
        served.append(desk.labels["production"].version)
    assert served == ["1.2.0", "1.1.0", "1.0.0"]
    assert "production served nothing before" in str(desk.refused_rollback())


def test_a_promotion_that_was_rolled_back_is_not_taken_again(desk: Desk) -> None:
    desk.promote("1.1.0", force="x")
    desk.rollback()
    desk.promote("1.2.0", force="x")
    desk.promote("1.1.0", force="x")
    desk.rollback()
    assert desk.labels["production"] == Target("1.2.0")
    assert [p.rolled_back_at is None for p in desk.record("1.1.0").promotions] == [False, False]
    desk.label(LABELS.replace("1.0.0", "1.1.0"))
    assert "has no promotion by which production serves summarize@1.1.0" in str(desk.refused_rollback())


def test_a_canary_is_rolled_back_to_its_share_and_then_removed(desk: Desk) -> None:
    desk.evidence()
    desk.promote(label="canary", percent=5)
    desk.promote(label="canary", percent=50)
    assert desk.rollback(label="canary").after == Target("1.1.0", 5)
    done = desk.rollback(label="canary")
    assert (done.before, done.after) == (Target("1.1.0", 5), None)
    assert (desk.folder / "labels.yaml").read_text() == LABELS


def test_a_canary_is_not_rolled_back_to_what_production_serves(desk: Desk) -> None:
    desk.promote("1.1.0", label="canary", percent=5, force="x")
    desk.promote("1.2.0", label="canary", percent=5, force="x")
    desk.label(LABELS.replace("1.0.0", "1.1.0") + "  canary: {version: 1.2.0, percent: 5}\n")
    done = desk.rollback(label="canary")
    assert (done.after, done.in_production) == (None, Target("1.1.0", 5))
    assert desk.labels == {"production": Target("1.1.0")}


@pytest.mark.parametrize(
    ("other", "words"),
    [
        pytest.param({"metrics": [metric(verdict="INCONCLUSIVE")]}, "PASS needs every metric to pass", id="overall"),
        pytest.param({"metrics": [metric(lower=-0.02)]}, "PASS needs a lower above -margin", id="pass"),
        pytest.param({"metrics": [metric(verdict="REGRESSED")]}, "REGRESSED needs an upper below 0", id="regressed"),
        pytest.param({"metrics": [metric(lower=0.02)]}, "lies outside lower and upper", id="below"),
        pytest.param({"metrics": [metric(upper=0)]}, "lies outside lower and upper", id="above"),
    ],
)
def test_a_record_that_contradicts_itself_is_no_evidence(desk: Desk, other: dict[str, Any], words: str) -> None:
    path = evidence_path(desk.folder, NAME, "1.1.0")
    desk.evidence()
    path.write_text(json.dumps({**json.loads(path.read_text()), **other}))
    (reason,) = desk.refusal().reasons
    assert (reason.check, words in reason.message) == ("record", True), reason.message


def test_a_label_that_was_deleted_is_not_a_new_one(desk: Desk) -> None:
    desk.promote(force="x")
    desk.label("# Deleted\n")
    (reason,) = desk.refusal("1.2.0", initial=True).reasons
    assert reason.check == "initial"
    assert "summarize.production did" in reason.message
    assert f"git checkout -- {desk.folder / 'labels.yaml'}" in reason.remedy
    tasks = {NAME: load_tasks()[NAME]}
    assert [e.hint for e in label_problems(desk.prompts, tasks)] == [f"git checkout -- {desk.folder / 'labels.yaml'}"]
    evidence_path(desk.folder, NAME, "1.1.0").unlink()
    (problem,) = label_problems(desk.prompts, tasks)
    assert problem.hint == "copydesk prompts promote summarize VERSION --initial"
    desk.promote("1.2.0", initial=True)


def test_a_version_whose_line_is_lost_from_the_lock_is_not_called_a_draft(desk: Desk) -> None:
    desk.promote(force="x")
    (desk.folder / LOCK).write_text(Lock({k: v for k, v in desk.released.items() if "1.1.0" not in k}).text())
    (reason,) = desk.refusal(label="staging", force="x").reasons
    assert reason.check == "lock"
    assert reason.remedy == f"git checkout -- {desk.folder / LOCK}"


def test_a_label_whose_first_promotion_was_rolled_back_is_new_again(desk: Desk) -> None:
    desk.promote(label="staging", initial=True)
    desk.rollback(label="staging")
    desk.promote("1.2.0", label="staging", initial=True)


def test_a_rollback_of_production_leaves_the_canary(desk: Desk) -> None:
    desk.promote("1.1.0", force="x")
    desk.promote("1.0.0", label="canary", percent=5, force="x")
    done = desk.rollback()
    assert done.canary_serves_what_production_does
    assert desk.labels == {"production": Target("1.0.0"), "canary": Target("1.0.0", 5)}


def test_another_canary_is_no_matter_of_a_rollback(desk: Desk) -> None:
    desk.promote("1.1.0", force="x")
    desk.promote("1.2.0", label="canary", percent=5, force="x")
    assert not desk.rollback().canary_serves_what_production_does


@pytest.mark.parametrize("what", ["gone", "draft", "edited"])
def test_what_was_served_must_still_be_fit(desk: Desk, what: str) -> None:
    desk.promote(force="x")
    if what == "gone":
        (desk.folder / NAME / "1.0.0.j2").unlink()
    elif what == "draft":
        del desk.released["summarize@1.0.0"]
        (desk.folder / LOCK).write_text(Lock(desk.released).text())
    else:
        desk.write("1.0.0", release=False, body="edited {{ text }}")
    assert [reason.check for reason in desk.refused_rollback().reasons] == [what]


@pytest.mark.parametrize(
    ("labels", "asked", "words"),
    [
        pytest.param(LABELS, {}, "no promotion by which production serves summarize@1.0.0, so", id="no record"),
        pytest.param(LABELS, {"label": "canary"}, "there is no such label; summarize has production", id="no label"),
        pytest.param("", {}, "there is no such label; summarize has none", id="no labels"),
        pytest.param(
            LABELS + "  canary: {version: 1.1.0, percent: 7}\n",
            {"label": "canary"},
            "by which canary serves summarize@1.1.0 with 7 %, so what it served before isn't known",
            id="a share by hand",
        ),
    ],
)
def test_a_rollback_that_cannot_know_is_refused(desk: Desk, labels: str, asked: dict[str, Any], words: str) -> None:
    desk.evidence()
    desk.promote(label="canary", percent=5)
    desk.label(labels)
    refused = str(desk.refused_rollback(**asked))
    assert words in refused
    assert ("git log -p --" in refused) == ("by which" in words)


def break_labels(desk: Desk) -> None:
    desk.label((desk.folder / "labels.yaml").read_text() + "other: 5\n")


def break_partial(desk: Desk) -> None:
    (desk.folder / "partials").mkdir()
    (desk.folder / "partials/a.j2").write_text("{% if %}")


def break_shared(desk: Desk) -> None:
    """What production served includes the partial: the prompt can't be loaded without it."""
    break_partial(desk)
    desk.write("1.3.0", release=False, body='{{ text }}{% include "partials/a.j2" %}')


def break_other(desk: Desk) -> None:
    (desk.folder / "other").mkdir()
    (desk.folder / "other/1.0.0.j2").write_text("broken")


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        pytest.param(break_other, "other/1.0.0.j2:1: does not begin with front matter", id="another prompt"),
        pytest.param(break_partial, "partials/a.j2:1:1: ", id="a partial that it doesn't include"),
    ],
)
def test_what_is_broken_elsewhere_stops_no_rollback(desk: Desk, edit: Callable[[Desk], None], words: str) -> None:
    desk.promote(force="x")
    edit(desk)
    assert desk.refusal("1.2.0", force="x").reasons[0].check == "load"
    done = desk.rollback()
    assert desk.labels == {"production": Target("1.0.0")}
    (error,) = done.broken
    assert words in str(error)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        pytest.param(lambda desk: (desk.folder / LOCK).write_text("a"), f"{LOCK}: not a mapping", id="lock"),
        pytest.param(break_labels, "labels.yaml:4: other: not a mapping", id="labels"),
        pytest.param(break_shared, "partials/a.j2:1:1: ", id="a partial that it includes"),
        pytest.param(
            lambda desk: desk.write("1.0.0", release=False, body="{{ none_such }}"),
            "summarize/1.0.0.j2:7:4: 'none_such' is not an input",
            id="its own version",
        ),
    ],
)
def test_what_the_prompt_needs_must_be_whole(desk: Desk, edit: Callable[[Desk], None], words: str) -> None:
    desk.promote(force="x")
    break_other(desk)
    edit(desk)
    refused = desk.refused_rollback()
    assert [reason.check for reason in refused.reasons] == ["load"]
    assert words in str(refused)


@pytest.mark.parametrize(
    ("blocked", "words"),
    [
        pytest.param(".lock", "StepRefused", id="no turn"),
        pytest.param("evidence", "PromptError", id="no evidence"),
    ],
)
def test_a_folder_that_takes_no_files_is_told(desk: Desk, blocked: str, words: str) -> None:
    path = desk.folder / blocked
    if blocked == ".lock":
        path.mkdir()
    else:
        path.write_text("no folder")
    with pytest.raises(CopydeskError, match="cannot be written: ") as caught:
        desk.promote(force="x")
    assert type(caught.value).__name__ == words
    assert str(path) in str(caught.value)
    assert desk.labels == {"production": Target("1.0.0")}


def test_two_promotions_at_once_keep_both(desk: Desk) -> None:
    """The first one is held up where it has read everything and written nothing."""
    desk.evidence()
    reading, go_on = threading.Event(), threading.Event()

    def find() -> Current:
        reading.set()
        assert go_on.wait(10)
        return CURRENT

    with ThreadPoolExecutor() as pool:
        asked = Request(NAME, "1.1.0", "canary", 5)
        first = pool.submit(promote, desk.folder, asked, load_tasks(), find)
        assert reading.wait(10)
        second = pool.submit(desk.promote, "1.1.0", label="staging")
        time.sleep(0.3)
        assert not second.done()
        go_on.set()
        first.result()
        second.result()
    assert desk.labels.keys() == {"production", "canary", "staging"}
    assert [p.label for p in desk.record("1.1.0").promotions] == ["canary", "staging"]


def test_a_blank_reason_is_refused(desk: Desk) -> None:
    with pytest.raises(InvalidInput, match="--reason: the reason is blank"):
        desk.rollback(reason=" ")


def test_what_was_promoted_is_served(desk: Desk) -> None:
    desk.promote("1.1.0", force="x")
    desk.promote("1.2.0", label="canary", percent=5, force="x")
    tasks = {NAME: load_tasks()[NAME]}
    assert dict(load_served_set(desk.folder, tasks).labels[NAME]) == desk.labels
