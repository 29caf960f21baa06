"""What has to hold before a prompt folder is merged: the rules of lint's that are errors, those of serving, and
evidence for whatever a label serves."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chains.errors import PromptError, UnknownPrompt
from chains.prompts.error_list import ErrorList
from chains.prompts.labels import LABELS, label_line
from chains.prompts.lifecycle.evidence import evidence_path, read_evidence
from chains.prompts.linting.findings import Finding
from chains.prompts.linting.lint import lint_reading
from chains.prompts.registry import PromptSet, read_prompt_set
from chains.prompts.serving import label_problems, lock_problems
from chains.prompts.version import PromptVersion
from chains.task import Task

__all__ = ["CheckResult", "check_folder", "evidence_problems"]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was found, and how much was looked at."""

    findings: tuple[Finding, ...]
    prompts: int
    versions: int
    drafts: int
    cases: int
    labels: int


def check_folder(folder: Path, tasks: Mapping[str, Task[Any, Any]]) -> CheckResult:
    """Check a prompt folder. Raises PromptSetError where there is no such folder.

    Where something can't be loaded, nothing is said of labels and evidence: they would seem to lack it.
    """
    reading = read_prompt_set(folder)
    prompts = reading.prompts
    found = [finding for finding in lint_reading(reading, tasks) if finding.severity == "error"]
    found += map(Finding.of, lock_problems(prompts, reading.missing))
    if not reading.errors:
        found += map(Finding.of, [*label_problems(prompts, tasks), *evidence_problems(prompts)])
    cases = [ErrorList().catch(prompts.cases, name) or {} for name in prompts.names]  # lint tells what is wrong
    return CheckResult(
        findings=tuple(sorted(dict.fromkeys(found), key=lambda finding: finding.order)),
        prompts=len(prompts.names),
        versions=len(list(prompts)),
        drafts=sum(not prompts.is_released(prompt) for prompt in prompts),
        cases=sum(map(len, cases)),
        labels=sum(map(len, prompts.labels.values())),
    )


def evidence_problems(prompts: PromptSet) -> list[PromptError]:
    """Labelled versions without a record, or with one of another content. What the record says is for promotion to
    judge, so that a later golden case doesn't turn old labels red."""
    errors = ErrorList()
    for name, targets in prompts.labels.items():
        for label, target in targets.items():
            try:
                prompt = prompts.get(name, target.version)
            except UnknownPrompt:  # which label_problems tells, as it does of drafts
                continue
            if prompts.is_released(prompt):
                errors.catch(_check_evidence, prompts, prompt, label)
    return errors


def _check_evidence(prompts: PromptSet, prompt: PromptVersion, label: str) -> None:
    folder, name, version = prompts.folder, prompt.name, prompt.version
    record = read_evidence(folder, name, version)
    if record is None:
        line = label_line(folder / LABELS, name, label)
        message = f"{name}.{label}: {prompt} has no evidence: there is no {evidence_path(folder, name, version)}"
        hint = f"undo the edit and let copydesk prompts promote {name} {version} set the label: it keeps the evidence"
        raise PromptError(message, path=folder / LABELS, line=line, column=1, hint=hint, rule="evidence")
    was_edited = record.digest == prompts.lock.versions.get(str(prompt))  # which lock_problems tells
    if record.digest != prompt.digest and not was_edited:
        message = f"is evidence for another content of {prompt}: {record.digest}, and the version is {prompt.digest}"
        hint = f"evaluate {prompt} as it is, or undo the edit of its files"
        path = evidence_path(folder, name, version)
        raise PromptError(message, path=path, hint=hint, rule="evidence")
