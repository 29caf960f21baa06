"""Runs that were made before, as commands that score them again take them."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chains.errors import ConfigurationError

if TYPE_CHECKING:
    from eval.datasets import Case
    from eval.outcomes import Variant
    from eval.run_file import StoredRun
    from eval.suites import Suite

__all__ = ["cases_of", "finished_run", "two_variants"]


def finished_run(path: Path) -> "StoredRun":
    """Raises ConfigurationError where it can't be read, or was stopped before its end."""
    from eval.run_file import read_run

    run = read_run(path)
    if not run.is_finished:
        raise ConfigurationError(f"{path}: the run isn't finished: {len(run.outcomes)} of {run.header.total} are there")
    return run


def cases_of(suite: "Suite", runs: "Sequence[tuple[str, StoredRun]]", data: Path | None) -> "Sequence[Case]":
    """The suite's cases, of which the runs are; each run with its name for messages. Raises ConfigurationError where a
    run is of another task, a dataset isn't what it was, or an outcome is of none of its cases."""
    from chains.tasks import load_tasks
    from eval.case_files import dataset_folders, load_cases

    tasks = {variant.task for _, run in runs for variant in run.header.variants}
    if tasks != {suite.task}:
        raise ConfigurationError(f"the runs are of {', '.join(sorted(tasks))}, the suite is about {suite.task}")
    found = load_cases(suite, load_tasks()[suite.task], dataset_folders(data))
    known = {dataset.name: dataset.digest for dataset in found.datasets}
    for name, run in runs:
        for dataset in run.header.datasets:
            if known.get(dataset.name) != dataset.digest:
                raise ConfigurationError(f"{name}: the dataset {dataset.name} has changed since, or isn't the suite's")
    _check_cases(runs, {case.id for case in found.cases})
    return found.cases


def _check_cases(runs: "Sequence[tuple[str, StoredRun]]", known: Collection[str]) -> None:
    for name, run in runs:
        unknown = sorted({outcome.case for outcome in run.outcomes.values()} - set(known))
        if unknown:
            told = f"{unknown[0]!r}" + (f" and {len(unknown) - 1} more" if len(unknown) > 1 else "")
            raise ConfigurationError(f"{name}: it has outcomes of cases that its datasets don't have: {told}")


def two_variants(path: Path, baseline: str | None, candidate: str | None) -> "StoredRun":
    """A finished run without its other variants: first the baseline, else the run's first variant, then the candidate,
    else its only other one. Both are named as in the run, or by their version.

    Raises ConfigurationError where it can't be read, isn't finished, or hasn't these variants.
    """
    run = finished_run(path)
    variants = run.header.variants
    if len(variants) < 2:
        raise ConfigurationError(f"{path}: it has one variant, {variants[0].name}: two are needed to be compared")
    first = _named(path, variants, baseline) if baseline else variants[0]
    others = [each for each in variants if each != first]
    second = _named(path, variants, candidate) if candidate else others[0]
    if first == second:
        raise ConfigurationError(f"{path}: {first.name} is the baseline and the candidate: name two variants")
    if candidate is None and len(others) > 1:
        raise ConfigurationError(f"{path}: name one of its variants with --candidate: {_names(others)}")
    run.header = run.header.model_copy(update={"variants": (first, second)})
    kept = {first.name, second.name}
    run.outcomes = {place: outcome for place, outcome in run.outcomes.items() if outcome.variant in kept}
    return run


def _named(path: Path, variants: "Sequence[Variant]", name: str) -> "Variant":
    found = [each for each in variants if each.name == name] or [each for each in variants if each.version == name]
    if len(found) != 1:
        several = f"{len(found)} of its variants are of {name}" if found else f"it has no variant {name!r}"
        raise ConfigurationError(f"{path}: {several}: name one of {_names(variants)}")
    return found[0]


def _names(variants: "Sequence[Variant]") -> str:
    return "; ".join(each.name for each in variants)
