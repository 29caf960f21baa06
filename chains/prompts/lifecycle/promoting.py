"""Promotion: a label serves another version, on evidence.

Every promotion is kept in the promoted version's evidence record, so that a rollback knows what was served before.
The record is written before labels.yaml: no label ever serves a version whose record doesn't say why. A canary's
share falls on what it was set for; every rise is a promotion that needs its evidence, or its flag, anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chains.errors import InvalidInput, PromptError, Reason, StepRefused, UnknownPrompt
from chains.prompts.contract import contract_problems
from chains.prompts.labels import CANARY, LABELS, PRODUCTION, Target, is_label
from chains.prompts.lifecycle.evidence import (
    Basis,
    EvidenceRecord,
    Promotion,
    Verdict,
    has_served,
    read_evidence,
    write_evidence,
)
from chains.prompts.lifecycle.evidence_check import FindCurrent, evidence_reasons, inconclusive_reasons
from chains.prompts.lifecycle.label_file import edited_labels
from chains.prompts.lifecycle.steps import load_for, reason_of, writing
from chains.prompts.lock import write_text
from chains.prompts.registry import PromptSet
from chains.prompts.serving import lost_lock_line
from chains.prompts.version import PromptVersion
from chains.task import Task

__all__ = ["Promoted", "Request", "last_promotion", "now", "promote", "unfit_reasons"]


@dataclass(frozen=True, slots=True)
class Request:
    """What an author asks of a promotion. `percent` is the canary's share. At most one of the last three is given:
    `initial`, or the reason for which an inconclusive evaluation is accepted or missing evidence is overruled."""

    name: str
    version: str
    label: str = PRODUCTION
    percent: float | None = None
    initial: bool = False
    accept_inconclusive: str | None = None
    force: str | None = None

    @property
    def has_flag(self) -> bool:
        return self.initial or self.accept_inconclusive is not None or self.force is not None

    def problems(self) -> list[str]:
        """Why this can't be asked, whatever the prompts are."""
        problems = []
        if not is_label(self.label):
            problems.append(f"--label {self.label}: a label has lower-case letters, digits, dash and underscore")
        if (self.percent is None) == (self.label == CANARY):
            problems.append("--percent: the label canary needs it, and no other label takes it")
        if self.percent is not None and not 0 < self.percent <= 100:
            problems.append(f"--percent {self.percent:g}: the share must be above 0 and at most 100")
        flags = {"--accept-inconclusive": self.accept_inconclusive, "--force": self.force}
        given = [flag for flag, reason in flags.items() if reason is not None]
        if len(given) + self.initial > 1:
            problems.append("give at most one of --initial, --accept-inconclusive and --force")
        problems += [
            f"{flag}: the reason is blank, but it is kept with the promotion"
            for flag in given
            if not str(flags[flag]).strip()
        ]
        return problems


@dataclass(frozen=True, slots=True)
class Promoted:
    """A promotion that was made. `previous` is what the label served before; `removed_canary` the canary that ended
    because production serves its version now."""

    prompt: PromptVersion
    promotion: Promotion
    previous: Target | None
    removed_canary: Target | None


def promote(folder: Path, request: Request, tasks: Mapping[str, Task[Any, Any]], find_current: FindCurrent) -> Promoted:
    """Let a label serve a released version: add the promotion to its record, then edit labels.yaml.

    Raises InvalidInput for a request that can't be, UnknownPrompt, ConfigurationError where the folder is the
    installed package's, StepRefused with every reason that stands against it, and PromptError where labels.yaml
    can't be edited, or a file can't be written.
    """
    problems = request.problems()
    if problems:
        raise InvalidInput("\n".join(problems))
    step = f"promote {request.name}@{request.version} to {request.label}"
    with writing(step, folder):
        return _promote(step, folder, request, tasks, find_current)


def _promote(
    step: str, folder: Path, request: Request, tasks: Mapping[str, Task[Any, Any]], find_current: FindCurrent
) -> Promoted:
    prompts = load_for(step, folder)
    prompt = prompts.get(request.name, request.version)
    if prompts.labels.get(request.name, {}).get(request.label) == Target(request.version, request.percent):
        share = "" if request.percent is None else f" with {request.percent:g} %"
        message = f"{request.label} serves {prompt}{share} already"
        raise StepRefused(step, [Reason("served", message, "there is nothing to do")])
    try:
        record = read_evidence(folder, request.name, request.version)
    except PromptError as error:
        raise StepRefused(step, [reason_of("record", error)]) from error
    reasons = [*unfit_reasons(prompts, prompt, tasks), *_misplaced(prompts, request)]
    ground = _ground(prompts, prompt, request, record, find_current)
    if reasons or ground.against:
        raise StepRefused(step, [*reasons, *ground.against])
    return _write(prompts, prompt, request, record, ground)


def unfit_reasons(prompts: PromptSet, prompt: PromptVersion, tasks: Mapping[str, Task[Any, Any]]) -> list[Reason]:
    """Why no label may serve a version: it is a draft, was edited after its release, or doesn't fit its task."""
    reasons = []
    locked = prompts.lock.versions.get(str(prompt))
    lost = lost_lock_line(prompts, prompt)
    if lost is not None:
        reasons.append(reason_of("lock", lost))
    elif locked is None:
        remedy = f"release it first: copydesk prompts release {prompt.name} {prompt.version}"
        reasons.append(Reason("draft", f"{prompt} is a draft", remedy))
    elif locked != prompt.digest:
        message = f"{prompt} was edited after its release: its digest is {prompt.digest}, in the lock {locked}"
        reasons.append(Reason("edited", message, "copydesk prompts check names the file; undo the edit"))
    if prompt.name in tasks:
        reasons += [reason_of("contract", error) for error in contract_problems(tasks[prompt.name], prompt)]
    return reasons


def last_promotion(record: EvidenceRecord | None, label: str) -> Promotion | None:
    """By which promotion the label serves the record's version; those that were rolled back are history."""
    promotions = record.promotions if record else ()
    return next((p for p in reversed(promotions) if p.label == label and p.rolled_back_at is None), None)


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _misplaced(prompts: PromptSet, request: Request) -> list[Reason]:
    """What is wrong with the label for this version, however good it is."""
    reasons = []
    targets = prompts.labels.get(request.name, {})
    target = targets.get(request.label)
    production = targets.get(PRODUCTION)
    served = f"{request.name}@{request.version}"
    if request.label == CANARY:
        if production is None:
            message = f"there is no {PRODUCTION} whose requests the canary could share"
            reasons.append(Reason("canary", message, f"promote a version to {PRODUCTION} first"))
        elif production.version == request.version:
            reasons.append(Reason("canary", f"{PRODUCTION} serves {served} already", "a canary is another version"))
        if request.initial:
            message = f"--initial is not for the canary, which takes a part of {PRODUCTION}'s requests"
            reasons.append(Reason("initial", message, "evaluate the version, or --force REASON"))
    elif request.initial and target is None:
        reasons += _served_before(prompts, request)
    elif request.initial and target is not None:
        message = f"--initial is for a label that serves nothing yet, but {request.label} serves {target.version}"
        reasons.append(Reason("initial", message, "leave --initial out: the version needs evidence"))
    return reasons


def _served_before(prompts: PromptSet, request: Request) -> list[Reason]:
    """Whoever deletes a label's line from labels.yaml doesn't make it a new label."""
    try:
        if not has_served(prompts.folder, request.name, request.label):
            return []
    except PromptError as error:
        return [reason_of("record", error)]
    file = prompts.folder / LABELS
    message = f"--initial is for a label that never served, but {request.name}.{request.label} did, says evidence/"
    remedy = f"git checkout -- {file}; or leave --initial out: the version needs evidence"
    return [Reason("initial", message, remedy)]


@dataclass(frozen=True, slots=True)
class _Ground:
    """On what a promotion stands. `against` forbids it, `overruled` would have without --force."""

    basis: Basis
    reason: str | None = None
    against: tuple[Reason, ...] = ()
    overruled: tuple[str, ...] = ()


def _ground(
    prompts: PromptSet,
    prompt: PromptVersion,
    request: Request,
    record: EvidenceRecord | None,
    find_current: FindCurrent,
) -> _Ground:
    if request.initial:
        return _Ground(Basis.INITIAL)
    target = prompts.labels.get(prompt.name, {}).get(request.label)
    earlier = last_promotion(record, request.label)
    falls = target is not None and target.version == prompt.version and _is_less(request.percent, target.percent)
    if falls and earlier and record and record.digest == prompt.digest and not request.has_flag:
        return _Ground(earlier.basis, earlier.reason, (), earlier.overruled)  # fewer are served what more were
    against = evidence_reasons(record, prompt, _production(prompts, prompt.name), find_current)
    if request.force is not None:
        basis = Basis.FORCED if against else Basis.EVIDENCE
        return _Ground(basis, request.force, (), tuple(reason.message for reason in against))
    if request.accept_inconclusive is not None:
        against = [reason for reason in against if reason.check != "verdict"] + inconclusive_reasons(record)
        return _Ground(Basis.ACCEPTED_INCONCLUSIVE, request.accept_inconclusive, tuple(against))
    return _Ground(Basis.EVIDENCE, None, tuple(against))


def _is_less(percent: float | None, before: float | None) -> bool:
    return percent is not None and before is not None and percent <= before


def _production(prompts: PromptSet, name: str) -> PromptVersion | None:
    """What production serves now; None where it serves nothing that exists."""
    target = prompts.labels.get(name, {}).get(PRODUCTION)
    try:
        return prompts.get(name, target.version) if target else None
    except UnknownPrompt:
        return None


def _write(
    prompts: PromptSet, prompt: PromptVersion, request: Request, record: EvidenceRecord | None, ground: _Ground
) -> Promoted:
    targets = prompts.labels.get(prompt.name, {})
    previous, canary = targets.get(request.label), targets.get(CANARY)
    promotion = Promotion(
        label=request.label,
        percent=request.percent,
        previous=previous.version if previous else None,
        previous_percent=previous.percent if previous else None,
        basis=ground.basis,
        reason=ground.reason,
        overruled=ground.overruled,
        promoted_at=now(),
    )
    changes: dict[str, Target | None] = {request.label: Target(prompt.version, request.percent)}
    ended = canary if request.label == PRODUCTION and canary and canary.version == prompt.version else None
    if ended:
        changes[CANARY] = None
    text = edited_labels(prompts.folder, prompt.name, changes)
    write_evidence(prompts.folder, _with(record, prompt, promotion))
    write_text(prompts.folder / LABELS, text)
    return Promoted(prompt, promotion, previous, ended)


def _with(record: EvidenceRecord | None, prompt: PromptVersion, promotion: Promotion) -> EvidenceRecord:
    """The record with one more promotion; one that says UNEVALUATED where there is none about this text."""
    kept = record.promotions if record else ()
    if record is None or record.digest != prompt.digest:
        record = EvidenceRecord(
            name=prompt.name,
            version=prompt.version,
            digest=prompt.digest,
            verdict=Verdict.UNEVALUATED,
            created_at=promotion.promoted_at,
        )
    return record.with_promotions([*kept, promotion])
