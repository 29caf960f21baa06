"""Datasets: cases with an input and what is expected, one JSON object a line."""

import hashlib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from chains.errors import ConfigurationError
from chains.task import Task, TaskInput

__all__ = ["Case", "CaseInput", "dataset_digest", "load_dataset"]


class CaseInput(BaseModel):
    """`text` is the task's main input (for generate the instruction); `params` are its other fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    params: dict[str, Any] = {}


class Case(BaseModel):
    """One case. `expected` is for the task's scorers; `hard` names what makes the case hard, if something does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    task: str
    input: CaseInput
    expected: dict[str, Any]
    hard: str | None = None

    def request(self, task: Task[Any, Any]) -> TaskInput:
        """The case's input as the task takes it. Raises pydantic's ValidationError where it doesn't fit."""
        request: TaskInput = task.input.model_validate({task.main_field: self.input.text, **self.input.params})
        return request


def load_dataset(folder: Path) -> list[Case]:
    """All cases of a folder's `*.jsonl` files, in order. Raises ConfigurationError with file and line."""
    cases: dict[str, Case] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                case = Case.model_validate_json(line)
            except ValidationError as error:
                first = error.errors()[0]
                place = ".".join(map(str, first["loc"]))
                raise ConfigurationError(f"{path}:{number}: {place}: {first['msg']}") from error
            if case.id in cases:
                raise ConfigurationError(f"{path}:{number}: the id {case.id!r} stands twice")
            cases[case.id] = case
    return list(cases.values())


def dataset_digest(folder: Path) -> str:
    """`sha256:` and 64 hex digits over the names and contents of a folder's `*.jsonl` files, by name; what else lies
    there doesn't count. Raises ConfigurationError where there is none."""
    paths = sorted(folder.glob("*.jsonl"))
    if not paths:
        raise ConfigurationError(f"{folder}: there is no dataset: no *.jsonl file")
    digest = hashlib.sha256()
    for path in paths:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
        digest.update(f"{path.name}\0{len(content)}\0".encode() + content)
    return f"sha256:{digest.hexdigest()}"
