"""Public sets: one JSON object a line, `{id, task, input: {text, params}, expected}`, as cases of ours."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chains.errors import ConfigurationError
from chains.task import Task
from eval.datasets import Case, CaseInput
from eval.expectations import EXPECTED

__all__ = ["public_cases"]


class _PublicInput(BaseModel):
    model_config = ConfigDict(frozen=True)

    text: str
    params: dict[str, Any] = Field(default_factory=dict)


class _PublicCase(BaseModel):
    """A line of a public set; what else it holds (source, licence) is of no concern."""

    model_config = ConfigDict(frozen=True)

    id: str
    task: str
    input: _PublicInput
    expected: dict[str, Any]
    hard: str | None = None
    language: str | None = None


def public_cases(paths: Iterable[Path], task: Task[Any, Any], left_out: dict[str, int]) -> list[Case]:
    """The cases of these files. What they hold and the task has no use for is counted in `left_out`, by its name.

    Raises ConfigurationError with file and line.
    """
    cases: dict[str, Case] = {}
    for path in paths:
        sets = _label_sets(path.with_name("labels.json"))
        for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
            if not line.strip():
                continue
            case = _public_case(line, f"{path}:{number}", task, sets, left_out)
            if case.id in cases:
                raise ConfigurationError(f"{path}:{number}: the id {case.id!r} stands twice")
            cases[case.id] = case
    return list(cases.values())


def _public_case(
    line: bytes, place: str, task: Task[Any, Any], sets: Mapping[str, Any], left_out: dict[str, int]
) -> Case:
    """A public case as one of ours: `label_set` and `labels` become the labels or types of the request, `label` the
    list of one; fields that the task doesn't have, or has other values for, are counted in `left_out`."""
    try:
        public = _PublicCase.model_validate_json(line)
    except ValidationError as error:
        raise _wrong(place, error) from error
    params = dict(public.input.params)
    if task.name == "classify" and "label_set" in params:
        params["labels"] = _labels_of(sets, params.pop("label_set"), place)
    if task.name == "extract" and "labels" in params:
        params["types"] = [{"name": name} for name in params.pop("labels")]
    expected = dict(public.expected)
    if "label" in expected:
        expected["labels"] = [expected.pop("label")]
    known = EXPECTED[task.name].model_fields if task.name in EXPECTED else expected
    for name in [name for name in expected if name not in known]:
        left_out[f"expected.{name}"] = left_out.get(f"expected.{name}", 0) + 1
        del expected[name]
    taken = _fitting(public.input.text, params, task, left_out)
    try:
        return Case(
            id=public.id,
            task=public.task,
            input=CaseInput(text=public.input.text, params=taken),
            expected=expected,
            hard=public.hard,
            language=public.language,
        )
    except ValidationError as error:
        raise _wrong(place, error) from error


def _wrong(place: str, error: ValidationError) -> ConfigurationError:
    first = error.errors()[0]
    where = "".join(f"{part}." for part in first["loc"]).removesuffix(".")
    return ConfigurationError(": ".join(filter(None, (place, where, first["msg"]))))


def _fitting(text: str, params: dict[str, Any], task: Task[Any, Any], left_out: dict[str, int]) -> dict[str, Any]:
    """The parameters that the task takes."""
    try:
        task.input.model_validate({task.main_field: text, **params})
        return params
    except ValidationError as error:
        wrong = {str(item["loc"][0]) for item in error.errors() if item["loc"]}
    for name in wrong & params.keys():
        told = f"input.{name}" if name not in task.input.model_fields else f"input.{name}={params[name]}"[:80]
        left_out[told] = left_out.get(told, 0) + 1
    return {name: value for name, value in params.items() if name not in wrong}


def _label_sets(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_bytes()))
    except ValueError as error:
        raise ConfigurationError(f"{path}: not JSON: {error}") from error


def _labels_of(sets: Mapping[str, Any], name: Any, place: str) -> list[dict[str, str]]:
    if name not in sets:
        raise ConfigurationError(f"{place}: labels.json beside it holds no label set {name!r}")
    found = sets[name]
    if isinstance(found, Mapping):
        return [{"name": label, **({"description": text} if text else {})} for label, text in found.items()]
    return [{"name": label} for label in found]
