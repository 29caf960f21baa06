"""Rollback: a label serves again what it served before, as the record of the version that it serves now tells."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chains.errors import InvalidInput, PromptError, Reason, StepRefused, UnknownPrompt
from chains.prompts.labels import CANARY, LABELS, PRODUCTION, Target
from chains.prompts.lifecycle.evidence import EvidenceRecord, Promotion, evidence_path, read_evidence, write_evidence
from chains.prompts.lifecycle.label_file import edited_labels
from chains.prompts.lifecycle.promoting import last_promotion, now, unfit_reasons
from chains.prompts.lifecycle.steps import load_one_for, reason_of, writing
from chains.prompts.lock import write_text
from chains.prompts.registry import PromptSet
from chains.task import Task

__all__ = ["RolledBack", "rollback"]


@dataclass(frozen=True, slots=True)
class RolledBack:
    """A rollback that was made. `before` is what the label served, `after` what it serves again, None where it was
    removed; `canary` is the prompt's canary, which stays as it was. While there are `broken` files of other prompts, a
    running service keeps its last good set, and the rollback waits. `in_production` is what a canary served before,
    where it was removed because production serves that version now."""

    name: str
    label: str
    before: Target
    after: Target | None
    canary: Target | None
    broken: tuple[PromptError, ...] = ()
    in_production: Target | None = None

    @property
    def canary_serves_what_production_does(self) -> bool:
        return bool(
            self.label == PRODUCTION and self.canary and self.after and self.canary.version == self.after.version
        )


def rollback(
    folder: Path,
    name: str,
    tasks: Mapping[str, Task[Any, Any]],
    label: str = PRODUCTION,
    reason: str | None = None,
) -> RolledBack:
    """Let a label serve again what it served before; a label before which there was nothing is removed, but
    production never. Broken files of other prompts don't stand against it.

    Raises InvalidInput for a blank reason, UnknownPrompt, ConfigurationError where the folder is the installed
    package's, StepRefused with what stands against it, and PromptError where labels.yaml can't be edited, or a file
    can't be written.
    """
    if reason is not None and not reason.strip():
        raise InvalidInput("--reason: the reason is blank, but it is kept with the promotion")
    step = f"roll {name}.{label} back"
    with writing(step, folder):
        return _rollback(step, folder, name, tasks, label, reason)


def _rollback(
    step: str, folder: Path, name: str, tasks: Mapping[str, Task[Any, Any]], label: str, reason: str | None
) -> RolledBack:
    prompts, broken = load_one_for(step, folder, name)
    prompts.versions(name)
    targets = prompts.labels.get(name, {})
    target = targets.get(label)
    if target is None:
        known = f"{name} has {', '.join(targets)}" if targets else f"{name} has none"
        raise StepRefused(step, [Reason("label", f"there is no such label; {known}", "name a label that serves")])
    record, promotion = _last(prompts, step, name, label, target)
    after = Target(promotion.previous, promotion.previous_percent) if promotion.previous else None
    in_production = None
    if label == CANARY and after and PRODUCTION in targets and after.version == targets[PRODUCTION].version:
        after, in_production = None, after
    reasons = _against(prompts, name, label, after, tasks)
    if reasons:
        raise StepRefused(step, reasons)
    # First the label, then the record: broken off in between, a second rollback must not skip a version.
    write_text(folder / LABELS, edited_labels(folder, name, {label: after}))
    undone = promotion.model_copy(update={"rolled_back_at": now(), "rollback_reason": reason})
    promotions = [undone if kept is promotion else kept for kept in record.promotions]
    write_evidence(folder, record.with_promotions(promotions))
    return RolledBack(name, label, target, after, targets.get(CANARY), broken, in_production)


def _last(prompts: PromptSet, step: str, name: str, label: str, target: Target) -> tuple[EvidenceRecord, Promotion]:
    """By which promotion the label serves what it does. Raises StepRefused where no record tells."""
    path = evidence_path(prompts.folder, name, target.version)
    try:
        record = read_evidence(prompts.folder, name, target.version)
    except PromptError as error:
        raise StepRefused(step, [reason_of("record", error)]) from error
    promotion = last_promotion(record, label)
    share = "" if target.percent is None else f" with {target.percent:g} %"
    if record is None or promotion is None or promotion.percent != target.percent:
        message = f"{path} has no promotion by which {label} serves {name}@{target.version}{share}, so what it served "
        message += f"before isn't known; was {LABELS} edited by hand?"
        file = prompts.folder / LABELS
        remedy = f"git log -p -- {file} shows what stood there; or promote: copydesk prompts promote {name} VERSION"
        raise StepRefused(step, [Reason("record", message, remedy)])
    return record, promotion


def _against(
    prompts: PromptSet, name: str, label: str, after: Target | None, tasks: Mapping[str, Task[Any, Any]]
) -> list[Reason]:
    if after is None:
        if label != PRODUCTION:
            return []
        remedy = f"promote another version: copydesk prompts promote {name} VERSION"
        return [Reason("first", f"{PRODUCTION} served nothing before", remedy)]
    try:
        prompt = prompts.get(name, after.version)
    except UnknownPrompt:
        file = prompts.folder / name / f"{after.version}.j2"
        message = f"{label} served {name}@{after.version} before, but its file is gone"
        return [Reason("gone", message, f"bring it back: git log -- {file}; or promote another version")]
    return unfit_reasons(prompts, prompt, tasks)
