"""Datasets: cases with an input and what is expected, one JSON object a line: eval/datasets/README.md."""

import hashlib
import io
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from chains.errors import ConfigurationError
from chains.task import Task, TaskInput
from eval.expectations import EXPECTED, Expected, ExpectedEntities, Language

__all__ = ["Case", "CaseInput", "dataset_digest", "load_dataset"]


class CaseInput(BaseModel):
    """`text` is the task's main input (for generate the instruction); `params` are its other fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    params: dict[str, Any] = {}


class Case(BaseModel):
    """One case. `expected` is for the task's scorers; `hard` names what makes the case hard, if something does;
    `language` is that of the input's text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    task: str
    input: CaseInput
    expected: dict[str, Any]
    hard: str | None = None
    language: Language | None = None

    def request(self, task: Task[Any, Any]) -> TaskInput:
        """The case's input as the task takes it. Raises pydantic's ValidationError where it doesn't fit."""
        request: TaskInput = task.input.model_validate({task.main_field: self.input.text, **self.input.params})
        return request


def load_dataset(folder: Path) -> list[Case]:
    """All cases of a folder's `*.jsonl` files, in order. Raises ConfigurationError with file and line, also where
    `expected` holds what the task's cases don't have (eval/expectations.py)."""
    cases: dict[str, Case] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(_lines(path), 1):
            case = _read(line, f"{path}:{number}")
            if case.id in cases:
                raise ConfigurationError(f"{path}:{number}: the id {case.id!r} stands twice")
            cases[case.id] = case
    return list(cases.values())


def _lines(path: Path) -> list[str]:
    """A line ends at a line feed only: within a JSON text U+2028 and its like may stand as they are."""
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise ConfigurationError(f"{path}: the dataset cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{path}:{line}: the dataset is not UTF-8: {error.reason}") from error
    return [line.removesuffix("\n") for line in io.StringIO(text, newline="\n")]


def _read(line: str, place: str) -> Case:
    try:
        case = Case.model_validate_json(line)
    except ValidationError as error:
        raise _wrong(place, error) from error
    if expects := EXPECTED.get(case.task):
        try:
            expected = expects.model_validate(case.expected)
        except ValidationError as error:
            raise _wrong(place, error, "expected") from error
        _check_offsets(case.input.text, expected, place)
    return case


def _wrong(place: str, error: ValidationError, *within: str) -> ConfigurationError:
    first = error.errors()[0]
    where = ".".join(map(str, (*within, *first["loc"])))
    told = f"{where}: {first['msg']}".removeprefix(": ")
    return ConfigurationError(f"{place}: {told}")


def _check_offsets(text: str, expected: Expected, place: str) -> None:
    """Raises ConfigurationError where an expected entity doesn't stand at its offsets."""
    for number, entity in enumerate(expected.entities if isinstance(expected, ExpectedEntities) else ()):
        if text[entity.start : entity.end] != entity.text:
            there = f"there stands {text[entity.start : entity.end]!r} and not {entity.text!r}"
            raise ConfigurationError(
                f"{place}: expected.entities.{number}: at {entity.start} to {entity.end} {there}; offsets count code "
                "points, the end is exclusive"
            )


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
