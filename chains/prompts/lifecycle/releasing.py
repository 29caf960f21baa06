"""Releasing a draft: from then on its digest is in the lock and never changes.

What a version number claims is compared with what differs from the version released before it, so that a caller
who reads the number is not misled.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semver import Version

from chains.errors import PromptError, Reason, StepRefused
from chains.prompts.comparison.bump import Bump, Change, bump_between, smallest_version
from chains.prompts.comparison.changes import Comparison, compare
from chains.prompts.error_list import ErrorList
from chains.prompts.lifecycle.evidence import evidence_path, read_evidence
from chains.prompts.lifecycle.steps import load_for, reason_of, writing
from chains.prompts.linting.lint import lint_folder
from chains.prompts.linting.rules import RULES
from chains.prompts.lock import LOCK, write_text
from chains.prompts.registry import PromptSet
from chains.prompts.serving import lock_problems, lost_lock_line
from chains.prompts.version import PromptVersion
from chains.task import Task

__all__ = ["Release", "plan_release", "release"]


@dataclass(frozen=True, slots=True)
class Release:
    """One release. `base` is the version that it was compared with, None for the first of its prompt; `required` is
    the smallest bump that its `changes` allow, `claimed` the one that its number makes."""

    prompt: PromptVersion
    base: PromptVersion | None
    required: Bump
    claimed: Bump
    changes: tuple[Change, ...]


def release(folder: Path, name: str, version: str, tasks: Mapping[str, Task[Any, Any]]) -> Release:
    """Release a version: write its digest, and those of the files that it shares, to the lock.

    Raises UnknownPrompt, ConfigurationError where the folder is the installed package's, StepRefused with every
    reason that stands against it, and PromptError where the lock can't be written.
    """
    with writing(_step(name, version), folder):
        prompts, planned = _planned(folder, name, version, tasks)
        prompt = planned.prompt
        lock = prompts.lock.with_version(str(prompt), prompt.digest, prompt.ingredients.files)
        write_text(folder / LOCK, lock.text())
    return planned


def plan_release(folder: Path, name: str, version: str, tasks: Mapping[str, Task[Any, Any]]) -> Release:
    """What `release` would do, or its errors; nothing is written."""
    return _planned(folder, name, version, tasks)[1]


def _step(name: str, version: str) -> str:
    return f"release {name}@{version}"


def _planned(folder: Path, name: str, version: str, tasks: Mapping[str, Task[Any, Any]]) -> tuple[PromptSet, Release]:
    step = _step(name, version)
    prompts = load_for(step, folder)
    prompt = prompts.get(name, version)
    if prompts.is_released(prompt):
        raise StepRefused(step, _released(prompts, prompt))
    errors = ErrorList()
    cases = errors.catch(prompts.cases, name) or {}
    base = _base(prompts, prompt)
    comparison = errors.catch(compare, base, prompt, cases) if base else None
    reasons = [
        *_flaws(prompts, prompt, tasks),
        *(reason_of(error.rule, error) for error in errors),
        *(_unproven(prompt, cases) if not errors else ()),
        *_pinned_drafts(prompts, prompt),
        *_changed_files(prompts, prompt),
        *_other_evidence(prompts, prompt),
        *(_misnumbered(prompts, comparison) if comparison else ()),
    ]
    if reasons:
        raise StepRefused(step, list({str(reason): reason for reason in reasons}.values()))
    if base is None or comparison is None:
        return prompts, Release(prompt, None, Bump.NONE, Bump.NONE, ())
    claimed = bump_between(base.version, version)
    return prompts, Release(prompt, base, comparison.minimum, claimed, comparison.changes)


def _released(prompts: PromptSet, prompt: PromptVersion) -> list[Reason]:
    if prompts.lock.versions[str(prompt)] != prompt.digest:
        return [reason_of("edited", error) for error in lock_problems(prompts) if str(prompt) in error.message]
    remedy = f"promote it: copydesk prompts promote {prompt.name} {prompt.version}"
    return [Reason("released", f"{prompt} is released already, just as it is now", remedy)]


def _base(prompts: PromptSet, prompt: PromptVersion) -> PromptVersion | None:
    """The greatest released version below it that isn't a pre-release."""
    parsed = Version.parse(prompt.version)
    below = [
        other
        for other in prompts.versions(prompt.name)
        if prompts.is_released(other) and not (found := Version.parse(other.version)).prerelease and found < parsed
    ]
    return below[-1] if below else None


def _flaws(prompts: PromptSet, prompt: PromptVersion, tasks: Mapping[str, Task[Any, Any]]) -> Iterator[Reason]:
    """The errors that lint finds in the version. Those of other prompts don't stand against it."""
    for finding in lint_folder(prompts.folder, tasks, only={str(prompt)}):
        if finding.severity == "error":
            place = ":".join(str(part) for part in (finding.path, finding.line, finding.column) if part is not None)
            remedy = finding.hint or RULES[finding.rule].remedy
            yield Reason(finding.rule, f"{place}: {finding.message}", remedy)


def _unproven(prompt: PromptVersion, cases: Mapping[str, Mapping[str, Any]]) -> Iterator[Reason]:
    file = prompt.ingredients.source.path.with_name("cases.yaml")
    if not cases:
        message = f"{file}: there is no golden case, so nothing can prove that a later version renders the same"
        yield Reason("cases", message, "write a few: - {name: short, inputs: {...}}")
    elif all(prompt.validate(inputs) for inputs in cases.values()):
        message = f"{file}: {prompt} takes none of its golden cases, so nothing can prove what it renders"
        yield Reason("cases", message, "add a case with the inputs of this version")


def _pinned_drafts(prompts: PromptSet, prompt: PromptVersion) -> Iterator[Reason]:
    for alias, helper in prompt.uses.items():
        if not prompts.is_released(helper):
            message = f"uses.{alias}: {helper} is a draft, and may still change"
            yield Reason("uses", message, f"release it first: copydesk prompts release {helper.name} {helper.version}")


def _changed_files(prompts: PromptSet, prompt: PromptVersion) -> Iterator[Reason]:
    """Edits of what was released: of a file that it shares, of a helper, of the version that it is compared with."""
    own = lost_lock_line(prompts, prompt)  # to release it again brings its line back
    problems = [error for error in lock_problems(prompts) if own is None or str(error) != str(own)]
    yield from (reason_of("edited", error) for error in problems)
    for name, digest in prompt.ingredients.files.items():
        path = prompts.folder / name
        if prompts.lock.files.get(name, digest) != digest and path not in [error.path for error in problems]:
            message = f"{path}: the lock has this file as it was before it was edited"
            yield Reason("edited", message, f"undo the edit, or put it into a new file: git log -p -- {path}")


def _other_evidence(prompts: PromptSet, prompt: PromptVersion) -> Iterator[Reason]:
    """Evidence about another text under this number."""
    path = evidence_path(prompts.folder, prompt.name, prompt.version)
    try:
        record = read_evidence(prompts.folder, prompt.name, prompt.version)
    except PromptError as error:
        yield reason_of("record", error)
        return
    if record is None or record.digest == prompt.digest:
        return
    message = f"{path} is about another text of {prompt}: its digest is {record.digest}, now it is {prompt.digest}"
    if record.promotions:
        lock, file = prompts.folder / LOCK, prompt.ingredients.source.path
        remedy = f"it was released and promoted: git checkout -- {lock} {file}, and put the edit into a new version"
    else:
        remedy = "evaluate it as it is now, or delete the record"
    yield Reason("evidence", message, remedy)


def _misnumbered(prompts: PromptSet, comparison: Comparison) -> Iterator[Reason]:
    base, prompt = comparison.before, comparison.after
    if prompt.changelog == base.changelog:
        path, line = prompt.ingredients.source.path, prompt.ingredients.source.key_lines.get("changelog")
        message = f"{path}:{line}: the changelog is still that of {base}"
        yield Reason("changelog", message, "say what changed, for those who decide whether to take it")
    claimed = bump_between(base.version, prompt.version)
    if claimed >= comparison.minimum:
        return
    told = "; ".join(f"{c.place}: {c.message}" for c in comparison.changes if c.bump > claimed)
    message = (
        f"{prompt} claims a {claimed.name} change of {base}, but it is {comparison.minimum.name}, because of {told}"
    )
    file = prompt.ingredients.source.path
    free = _free_version(prompts, comparison)
    yield Reason("bump", message, f"the smallest version that would do is {free}: mv {file} {file.with_name(free)}.j2")


def _free_version(prompts: PromptSet, comparison: Comparison) -> str:
    """The smallest version that is far enough from the base and isn't taken, with the pre-release's suffix."""
    prompt = comparison.after
    taken = {other.version for other in prompts.versions(prompt.name)}
    parsed = Version.parse(prompt.version)
    found = comparison.before.version
    while True:
        found = smallest_version(found, comparison.minimum)
        full = str(Version.parse(found).replace(prerelease=parsed.prerelease, build=parsed.build))
        if full not in taken and found not in taken:
            return full
