"""Checks any value against a JSON Schema, in bounded time and with short messages. Nothing is ever retrieved.

Nothing is known of the value but that it fits into a request. jsonschema alone collects an error for each of a million
wrong items, quotes the whole value in every message, and compares unique items pair by pair.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from itertools import islice
from time import perf_counter
from typing import Any

import regex
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.validators import extend
from referencing import Registry

__all__ = ["MOST_STEPS", "CannotCheck", "SchemaValidator", "schema_validator", "violations"]

MOST_STEPS = 500_000
_ERROR_STEPS = 10
_CHARACTERS_PER_STEP = 16
_COMPARISONS_PER_STEP = 64
_PATTERN_S = 0.1
_PATTERNS_S = 0.5
_LONGEST_QUOTE = 100
_MOST_QUOTED = 8
_LONGEST_MESSAGE = 300
_UNEVALUATED = frozenset({"unevaluatedItems", "unevaluatedProperties"})
_READ_ALL = _UNEVALUATED | {"additionalProperties", "contains", "items", "propertyNames", "uniqueItems"}


class CannotCheck(Exception):
    """A value that isn't checked to the end. `code` says why: `pattern`, `too_much` or `depth`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Budget:
    """What one check may still spend: steps, of some two microseconds each, and seconds in patterns."""

    def __init__(self, steps: int) -> None:
        self.most = self.steps = steps
        self.pattern_s = _PATTERNS_S

    def spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            message = f"it takes more than {self.most} steps to check these values: send fewer of them"
            raise CannotCheck("too_much", message)


_budget: ContextVar[_Budget] = ContextVar("budget")

_Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]


def violations(validator: Any, value: Any, most: int = 1, *, steps: int = MOST_STEPS) -> list[ValidationError]:
    """The first errors of a value, by a SchemaValidator, with their messages cut to a few hundred characters.

    `steps` bounds the work; one takes some two microseconds.

    Raises CannotCheck for a value that would take too long or is nested too deeply.
    """
    before = _budget.set(_Budget(steps))
    try:
        return list(islice(validator.iter_errors(_quiet(value)), most))
    except RecursionError:
        raise CannotCheck("depth", "these values are nested too deeply") from None
    finally:
        _budget.reset(before)


class _Text(str):
    """A long text that is quoted by its beginning."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{self[:_LONGEST_QUOTE]!r}... ({len(self)} characters)"


class _List(list[Any]):
    """A list that is quoted only where it is short."""

    __slots__ = ("_quote",)

    def __repr__(self) -> str:
        if not hasattr(self, "_quote"):
            quote = super().__repr__() if len(self) <= _MOST_QUOTED else ""
            self._quote = quote if 0 < len(quote) <= _LONGEST_QUOTE else f"a list of {len(self)}"
        return self._quote


class _Object(dict[str, Any]):
    """An object that is quoted only where it is short."""

    __slots__ = ("_quote",)

    def __repr__(self) -> str:
        if not hasattr(self, "_quote"):
            quote = super().__repr__() if len(self) <= _MOST_QUOTED else ""
            self._quote = quote if 0 < len(quote) <= _LONGEST_QUOTE else f"an object of {len(self)}"
        return self._quote


def _quiet(value: Any) -> Any:
    """The value with parts that are short when they are quoted."""
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_QUOTE else _Text(value)
    if isinstance(value, Mapping):
        _budget.get().spend(len(value))
        return _Object((_quiet(key), _quiet(part)) for key, part in value.items())
    if isinstance(value, list):
        _budget.get().spend(len(value))
        return _List(map(_quiet, value))
    return value


def _bounded(name: str, keyword: _Keyword) -> _Keyword:
    """The keyword, paid for in steps, and with numbers that Python can't compute with as errors."""

    def check(validator: Any, expected: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        budget = _budget.get()
        budget.spend(_cost(name, expected, instance))
        try:
            for error in keyword(validator, expected, instance, schema) or ():
                budget.spend(_ERROR_STEPS + len(error.message) // _CHARACTERS_PER_STEP)
                if len(error.message) > _LONGEST_MESSAGE:
                    error.message = f"{error.message[:_LONGEST_MESSAGE]} ..."
                yield error
        except (ArithmeticError, ValueError):
            yield ValidationError(f"the number is too large to check {name} {expected!r}")

    return check


def _cost(name: str, expected: Any, instance: Any) -> int:
    cost = 1 + (len(expected) if isinstance(expected, (list, dict)) else 0)
    if name in _READ_ALL and isinstance(instance, (list, dict)):
        cost += len(instance)
        if name in _UNEVALUATED:  # which look each item up in a list
            cost += len(instance) ** 2 // _COMPARISONS_PER_STEP
    return cost


def _match(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    """The keyword `pattern`, within a time limit that Python's own expressions don't have."""
    if not isinstance(instance, str):
        return
    budget = _budget.get()
    start = perf_counter()
    try:
        found = regex.search(pattern, instance, timeout=min(_PATTERN_S, max(budget.pattern_s, 0.001)))
    except TimeoutError:
        raise CannotCheck("pattern", f"the pattern {pattern!r} takes too long") from None
    budget.pattern_s -= perf_counter() - start
    if found is None:
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _unique(_: Any, wanted: bool, instance: Any, __: Any) -> Iterator[ValidationError]:
    """The keyword `uniqueItems`, by the canonical JSON of the items: 1 and 1.0 are one value, 1 and true are two."""
    if not wanted or not isinstance(instance, list):
        return
    first: dict[str, int] = {}
    for number, item in enumerate(instance):
        text = json.dumps(_canonical(item), ensure_ascii=False, sort_keys=True)
        _budget.get().spend(len(text) // _CHARACTERS_PER_STEP)
        if text in first:
            yield ValidationError(f"the items {first[text]} and {number} (from 0) are the same: {item!r}")
            return
        first[text] = number


def _canonical(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return list(map(_canonical, value))
    if isinstance(value, dict):
        return {key: _canonical(part) for key, part in value.items()}
    return value


_KEYWORDS: Mapping[str, _Keyword] = {**Draft202012Validator.VALIDATORS, "pattern": _match, "uniqueItems": _unique}

SchemaValidator = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, {name: _bounded(name, keyword) for name, keyword in _KEYWORDS.items()}
)
"""Knows a schema, for `violations`."""


def schema_validator(schema: Mapping[str, Any], formats: FormatChecker | None = None) -> Any:
    """A SchemaValidator that finds a reference in the schema itself, or nowhere."""
    return SchemaValidator(dict(schema), registry=Registry(), format_checker=formats)
