"""Suites: what is evaluated and by which rules, from a YAML file.

    task: summarize
    datasets: [summarize]             # folders below eval/datasets or --data; or files there: classify_banking77.jsonl
    limit: 100                        # a sample of so many cases; without it all of them
    seed: 7                           # what the sample follows from
    repeats: 1                        # how often each case is asked
    metrics:
      facts_stated: {gate: true, margin: 0.1}   # gated: decides, and may lose less than the margin
      compression: {}                           # reported
    thresholds:
      answered: {at_least: 0.95}      # whatever the baseline has
    matrix:
      prompts: [production, 1.4.0]    # versions, also drafts, or labels
      backends: [local]               # of the configuration; without any, the first of the task's route
      parameters: [{}, {temperature: 0.7}]      # in place of the prompt's own

A suite's name is that of its file. Whatever is not a key here is an error with its line and column.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from chains.errors import ConfigurationError
from chains.prompts.labels import PRODUCTION
from chains.prompts.parameters import ModelParameters
from chains.prompts.yaml_places import YamlPlaces
from chains.strict_yaml import YamlError, load_yaml
from eval.metrics.table import metrics_of

__all__ = ["Matrix", "MetricRule", "Suite", "Threshold", "find_suite", "read_suite"]

_PLAIN_WORDS = {"extra_forbidden": "unknown key", "missing": "this is required"}
SMALL = 200
"""Suites with fewer cases have the larger margin."""


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MetricRule(_Closed):
    """`gate`: whether the metric decides. `margin` is the loss that still counts as no worse, in the metric's own
    unit; without it a tenth of the metric's range in suites under 200 cases, else a twentieth."""

    gate: bool = Field(default=False, strict=True)
    margin: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    def margin_for(self, cases: int, span: float) -> float:
        """The margin for so many cases, of a metric whose best and worst values are `span` apart."""
        return self.margin if self.margin is not None else (0.1 if cases < SMALL else 0.05) * span


class Threshold(_Closed):
    """A bound for every variant's score; one or both."""

    at_least: float | None = Field(default=None, allow_inf_nan=False)
    at_most: float | None = Field(default=None, allow_inf_nan=False)

    @model_validator(mode="after")
    def _some_bound(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise PydanticCustomError("no_bound", "give at_least, at_most or both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise PydanticCustomError("bounds", "at_least is more than at_most")
        return self


def _named(value: Any) -> Any:
    """A metric without rules may stand alone: `compression:`."""
    return {} if value is None else value


def _parameters(value: Any) -> Any:
    if isinstance(value, Mapping):
        ModelParameters.model_validate(value)
    return value


Parameters = Annotated[dict[str, Any], BeforeValidator(_parameters)]
_Name = Annotated[str, Field(min_length=1, max_length=200)]


class Matrix(_Closed):
    """Each prompt on each backend with each set of parameters is a variant."""

    prompts: tuple[_Name, ...] = Field(default=(PRODUCTION,), min_length=1)
    backends: tuple[_Name, ...] = ()
    parameters: tuple[Parameters, ...] = Field(default=({},), min_length=1)


class Suite(_Closed):
    """A suite, as its file says it."""

    name: _Name
    task: _Name
    description: str = ""
    datasets: tuple[_Name, ...] = Field(min_length=1)
    limit: int | None = Field(default=None, ge=1, strict=True)
    seed: int = Field(default=0, strict=True)
    repeats: int = Field(default=1, ge=1, le=100, strict=True)
    metrics: Mapping[_Name, Annotated[MetricRule, BeforeValidator(_named)]] = Field(min_length=1)
    thresholds: Mapping[_Name, Threshold] = Field(default_factory=dict)
    matrix: Matrix = Matrix()

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        for name in self.datasets:
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise PydanticCustomError("dataset", "datasets: {name} leads out of its folder", {"name": repr(name)})
        return self

    @property
    def gated(self) -> tuple[str, ...]:
        """The metrics that decide."""
        return tuple(name for name, rule in self.metrics.items() if rule.gate)

    def sampled(self, limit: int | None, repeats: int | None) -> "Suite":
        """The same suite with another sample or number of repeats, where one is given."""
        changes = {"limit": limit, "repeats": repeats}
        return self.model_copy(update={name: value for name, value in changes.items() if value is not None})

    @property
    def digest(self) -> str:
        """`sha256:` and 64 hex digits over what the outcomes of a run depend on: with other metrics, thresholds or
        margins the same outcomes are scored anew."""
        parts = self.model_dump(mode="json", include={"task", "datasets", "limit", "seed", "repeats"})
        canonical = json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


def read_suite(path: Path) -> Suite:
    """The suite of a file. Raises ConfigurationError, which tells all that is wrong, each with file, line and
    column."""
    try:
        text = path.read_text(encoding="utf-8")
        loaded = load_yaml(text)
    except OSError as error:
        raise ConfigurationError(f"{path}: the suite cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: the suite is not UTF-8: {error.reason}") from error
    except YamlError as error:
        raise ConfigurationError(f"{path}:{error.line}:{error.column}: {error.message}") from error
    if not isinstance(loaded, dict):
        raise ConfigurationError(f"{path}:1:1: a suite is a mapping with the keys {', '.join(_keys())}")
    places = YamlPlaces(text)
    if "name" in loaded:
        raise ConfigurationError(_told(path, places, ("name",), "unknown key: a suite is named like its file"))
    try:
        suite = Suite(name=path.stem, **loaded)
    except ValidationError as error:
        told = [_told(path, places, item["loc"], _words(item["type"], item["msg"])) for item in error.errors()]
        raise ConfigurationError(*told) from error
    _check_metrics(suite, path, places)
    return suite


def _check_metrics(suite: Suite, path: Path, places: YamlPlaces) -> None:
    known = metrics_of(suite.task)
    problems = [
        _told(path, places, (section, name), f"{suite.task} has no such metric, but {', '.join(known)}")
        for section, names in (("metrics", suite.metrics), ("thresholds", suite.thresholds))
        for name in names
        if name not in known
    ]
    if problems:
        raise ConfigurationError(*problems)


def find_suite(name: str) -> Path:
    """The file of a suite: of that path, else `./eval/suites/NAME.yaml`, else the one that comes with the package.

    Raises ConfigurationError, which lists the suites that exist.
    """
    given = Path(name)
    if given.suffix in (".yaml", ".yml"):
        return given
    folders = (Path("eval/suites"), Path(__file__).parent / "suites")
    found = next((path for folder in folders if (path := folder / f"{name}.yaml").is_file()), None)
    if found is None:
        known = sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})
        raise ConfigurationError(f"there is no suite {name!r}: give one of {', '.join(known)}, or a file FILE.yaml")
    return found


def _told(path: Path, places: YamlPlaces, loc: tuple[str | int, ...], message: str) -> str:
    line, column = places.find(*loc)
    key = ".".join(map(str, loc))
    return f"{path}:{line}:{column}: {key}: {message}" if key else f"{path}:{line}:{column}: {message}"


def _words(kind: str, message: str) -> str:
    return _PLAIN_WORDS.get(kind, message.removeprefix("Value error, "))


def _keys() -> list[str]:
    return [name for name in Suite.model_fields if name != "name"]
