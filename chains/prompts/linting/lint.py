"""What is wrong with a prompt folder, found without a model and without a task being served."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from chains.errors import PromptError, UnknownPrompt
from chains.prompts.cases import CaseRun, run_cases
from chains.prompts.error_list import ErrorList
from chains.prompts.linting.findings import Finding
from chains.prompts.linting.version_lint import DEFAULT_BUDGET, example_errors, version_warnings
from chains.prompts.registry import PromptSet, Reading, read_prompt_set
from chains.prompts.source import read_text
from chains.prompts.version import PromptVersion
from chains.prompts.yaml_places import place_in_yaml
from chains.task import Task

__all__ = ["DEFAULT_BUDGET", "lint_errors", "lint_folder", "lint_reading"]

_SHARED_FILES = frozenset({"partials", "schemas"})


def lint_folder(
    folder: Path,
    tasks: Mapping[str, Task[Any, Any]] = MappingProxyType({}),
    *,
    only: Collection[str] = (),
    released: bool = False,
    budget: int = DEFAULT_BUDGET,
) -> list[Finding]:
    """Everything that is wrong with a prompt folder, in the order of its files.

    Errors are told of all versions, warnings of drafts and, where `released` is set, of all. `only` names prompts
    (`summarize`) and versions (`summarize@1.4.0`); without it all are meant. `tasks` brings the answer schemas of
    prompts that declare no output. `budget` is in tokens.

    Raises UnknownPrompt for a name in `only`, and PromptSetError where there is no such folder.
    """
    return lint_reading(read_prompt_set(folder), tasks, only=only, released=released, budget=budget)


def lint_reading(
    reading: Reading,
    tasks: Mapping[str, Task[Any, Any]],
    *,
    only: Collection[str] = (),
    released: bool = False,
    budget: int = DEFAULT_BUDGET,
) -> list[Finding]:
    """The same for a folder that was read."""
    lint = _Lint(reading, tasks, only, released, budget)
    return sorted(dict.fromkeys(lint.findings()), key=lambda finding: finding.order)


def lint_errors(prompts: PromptSet, tasks: Mapping[str, Task[Any, Any]]) -> list[PromptError]:
    """The errors of a set that could be loaded; no time is spent on warnings."""
    lint = _Lint(Reading(prompts, (), ()), tasks, (), False, DEFAULT_BUDGET, warn=False)
    return [finding.error() for finding in lint.findings()]


class _Lint:
    def __init__(
        self,
        reading: Reading,
        tasks: Mapping[str, Task[Any, Any]],
        only: Collection[str],
        released: bool,
        budget: int,
        warn: bool = True,
    ) -> None:
        self._reading = reading
        self._prompts = reading.prompts
        self._tasks = tasks
        self._only = frozenset(only)
        self._released = released
        self._budget = budget
        self._warn = warn
        _check_names(reading, self._only)

    def findings(self) -> Iterator[Finding]:
        for error in self._reading.errors:
            if self._concerns(error):
                yield Finding.of(error)
        for name in self._prompts.names:
            versions = [p for p in self._prompts.versions(name) if self._is_meant(name, p.version)]
            if versions:
                yield from self._prompt(name, versions)
        if self._warn and not self._only and not self._reading.errors:
            yield from _unused_partials(self._prompts)

    def _is_meant(self, name: str, version: str) -> bool:
        return not self._only or name in self._only or f"{name}@{version}" in self._only

    def _concerns(self, error: PromptError) -> bool:
        """Errors of shared files concern everybody: nobody knows which version couldn't be loaded for them."""
        if error.path is None or error.path.parent.name in _SHARED_FILES or error.path.parent == self._prompts.folder:
            return True
        path = error.path
        return self._is_meant(path.parent.name, path.stem) if path.suffix == ".j2" else True

    def _prompt(self, name: str, versions: Sequence[PromptVersion]) -> Iterator[Finding]:
        errors = ErrorList()
        cases = errors.catch(self._prompts.cases, name) or {}
        runs = {str(prompt): list(run_cases(prompt, cases)) for prompt in self._prompts.versions(name)}
        yield from map(Finding.of, errors)
        if not any(key.startswith(f"{name}@") for key in self._reading.missing):
            yield from _mismatches(self._prompts, name, list(runs.values()))
        doubted = [p for p in versions if self._warn and (self._released or not self._prompts.is_released(p))]
        if not cases and not errors and doubted:
            yield _missing_cases(doubted[-1])
        task = self._tasks.get(name)
        for prompt in versions:
            yield from (Finding.of(run.error) for run in runs[str(prompt)] if run.error is not None)
            yield from example_errors(self._prompts.folder, prompt, task.answer if task is not None else None)
        for prompt in doubted:
            yield from version_warnings(self._prompts.folder, prompt, cases, runs[str(prompt)], self._budget)


def _check_names(reading: Reading, only: Collection[str]) -> None:
    versions = [str(prompt) for prompt in reading.prompts] + list(reading.missing)
    names = sorted({key.split("@")[0] for key in versions})
    for wanted in sorted(only):
        name = wanted.split("@")[0]
        if name not in names:
            raise UnknownPrompt(f"There is no prompt {name!r}. The prompts are: {', '.join(names)}.")
        if "@" in wanted and wanted not in versions:
            known = ", ".join(key.split("@")[1] for key in versions if key.startswith(f"{name}@"))
            raise UnknownPrompt(f"There is no prompt {wanted!r}. The versions of {name} are: {known}.")


def _mismatches(prompts: PromptSet, name: str, runs: Sequence[Sequence[CaseRun]]) -> Iterator[Finding]:
    """Cases that no version takes, with what the highest one has against them."""
    path = prompts.folder / name / "cases.yaml"
    highest = prompts.versions(name)[-1]
    for number, of_case in enumerate(zip(*runs, strict=True)):
        if all(run.wrong for run in of_case):
            run = of_case[-1]
            line, column = place_in_yaml(read_text(path), number)
            reason = f"{run.wrong[0].pointer} {run.wrong[0].message}".strip()
            message = f"no version of {name} takes the case {run.case!r}; {highest.version}: {reason}"
            hint = "correct the case, or widen the inputs of the version that it is for"
            yield Finding("case-mismatch", "error", path, line, column, message, hint=hint)


def _missing_cases(prompt: PromptVersion) -> Finding:
    path = prompt.ingredients.source.path
    message = f"the prompt {prompt.name} has no golden case"
    hint = f"write a few into {path.with_name('cases.yaml')}: - {{name: short, inputs: {{...}}}}"
    return Finding("missing-cases", "warning", path, 1, 1, message, hint=hint)


def _unused_partials(prompts: PromptSet) -> Iterator[Finding]:
    used = {name for prompt in prompts for name in prompt.ingredients.partials}
    for path in sorted((prompts.folder / "partials").glob("[!.]*.j2")):
        if f"partials/{path.name}" not in used:
            message = f"no version includes partials/{path.name}"
            hint = f'include it: {{% include "partials/{path.name}" %}}, or delete it'
            yield Finding("unused-partial", "warning", path, 1, 1, message, hint=hint)
