"""Runs that were made before, as commands that score them again take them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chains.errors import ConfigurationError

if TYPE_CHECKING:
    from eval.datasets import Case
    from eval.run_file import StoredRun
    from eval.suites import Suite

__all__ = ["cases_of", "finished_run"]


def finished_run(path: Path) -> "StoredRun":
    """Raises ConfigurationError where it can't be read, or was stopped before its end."""
    from eval.run_file import read_run

    run = read_run(path)
    if not run.is_finished:
        raise ConfigurationError(f"{path}: the run isn't finished: {len(run.outcomes)} of {run.header.total} are there")
    return run


def cases_of(suite: "Suite", runs: "Sequence[tuple[str, StoredRun]]", data: Path | None) -> "Sequence[Case]":
    """The suite's cases, of which the runs are; each run with its name for messages. Raises ConfigurationError where a
    run is of another task, or a dataset isn't what it was."""
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
    return found.cases
