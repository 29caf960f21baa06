"""The cases of a suite: of the golden folders, and of public sets in any folder that is given."""

import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import eval as evaluation
from chains.errors import ConfigurationError
from chains.task import Task
from eval.datasets import Case, dataset_digest, load_dataset
from eval.public_cases import public_cases
from eval.report import Dataset
from eval.suites import Suite

__all__ = ["CaseSet", "dataset_folders", "load_cases"]


@dataclass(frozen=True, slots=True)
class CaseSet:
    """The cases that take part, in the order of their files, and what they were taken from. `left_out` counts what
    public cases hold and the task has no use for, by its name; `sampled` tells whether cases were left out."""

    cases: tuple[Case, ...]
    datasets: tuple[Dataset, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)
    sampled: bool = False


def dataset_folders(data: Path | None) -> tuple[Path, ...]:
    """Where datasets are looked for: in the given folder, in ./eval/datasets, and in the package."""
    own = (Path("eval/datasets"), Path(evaluation.__file__).parent / "datasets")
    return (*((data,) if data is not None else ()), *own)


def load_cases(suite: Suite, task: Task[Any, Any], folders: Sequence[Path]) -> CaseSet:
    """The suite's cases, sampled as it says. Each is a request of the task.

    Raises ConfigurationError with everything that is wrong: a dataset that isn't there, a line that is no case, an id
    that stands twice.
    """
    found: dict[str, tuple[Case, str]] = {}
    digests: dict[str, str] = {}
    left_out: dict[str, int] = {}
    for name in suite.datasets:
        cases, digests[name] = _dataset(name, task, folders, left_out)
        if not cases:
            raise ConfigurationError(f"{name}: the dataset has no cases: there is nothing to evaluate")
        for case in cases:
            if case.id in found:
                raise ConfigurationError(f"{name}: the id {case.id!r} is one of {found[case.id][1]} too")
            found[case.id] = case, name
    taken = _sample(list(found), suite.limit, suite.seed)
    _check_requests([case for case, _ in found.values()], task)
    datasets = tuple(
        Dataset(name=name, digest=digest, cases=sum(found[each][1] == name for each in taken))
        for name, digest in digests.items()
    )
    kept = tuple(case for each, (case, _) in found.items() if each in taken)
    return CaseSet(kept, datasets, left_out, sampled=len(kept) < len(found))


def _sample(ids: list[str], limit: int | None, seed: int) -> frozenset[str]:
    """A larger sample holds a smaller one of the same seed."""
    order = list(ids)
    random.Random(seed).shuffle(order)  # noqa: S311 - no secret
    return frozenset(order[:limit])


def _dataset(
    name: str, task: Task[Any, Any], folders: Sequence[Path], left_out: dict[str, int]
) -> tuple[list[Case], str]:
    for folder in folders:
        if (folder / name).is_dir():
            return load_dataset(folder / name), dataset_digest(folder / name)
        paths = sorted(path for path in folder.glob(name) if path.is_file()) if folder.is_dir() else []
        if paths:
            return public_cases(paths, task, left_out), _digest(paths)
    looked = ", ".join(map(str, folders))
    raise ConfigurationError(f"there is no dataset {name!r} in {looked}: name a folder or a file there (--data DIR)")


def _digest(paths: Iterable[Path]) -> str:
    """Over names and contents, and over the label sets beside them."""
    digest = hashlib.sha256()
    beside = {path.with_name("labels.json") for path in paths}
    for path in [*paths, *sorted(path for path in beside if path.is_file())]:
        content = path.read_bytes()
        digest.update(f"{path.name}\0{len(content)}\0".encode() + content)
    return f"sha256:{digest.hexdigest()}"


def _check_requests(cases: Iterable[Case], task: Task[Any, Any]) -> None:
    problems = []
    for case in cases:
        if case.task != task.name:
            problems.append(f"case {case.id}: is one of {case.task}, and the suite is about {task.name}")
            continue
        try:
            case.request(task)
        except ValidationError as error:
            first = error.errors()[0]
            problems.append(f"case {case.id}: {'.'.join(map(str, first['loc'])) or 'input'}: {first['msg']}")
    if problems:
        raise ConfigurationError(*problems)
