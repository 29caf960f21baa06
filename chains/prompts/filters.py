"""The filters, tests and functions that templates may use; what they make counts against the render's budget."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from jinja2 import pass_context
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.filters import make_attrgetter
from jinja2.runtime import Context
from jinja2.tests import TESTS as JINJA_TESTS

from chains.prompts.budget import BUDGET, Budget, LimitExceeded, bounded_number, text_size

__all__ = ["FILTERS", "INTERNAL_FILTERS", "NAMED_BY_ARGUMENT", "TESTS", "bounded_range", "printed"]

_JINJA_TESTS: Mapping[str, Any] = JINJA_TESTS
_LARGEST_RANGE = 1_000
_LARGEST_INDENT = 40

_TEXT = frozenset({
    "capitalize", "indent", "lower", "replace", "string", "title", "trim", "truncate", "upper", "wordcount",
})  # fmt: skip
_STEPWISE = frozenset({
    "map", "max", "min", "reject", "rejectattr", "select", "selectattr", "sort", "unique",
})  # fmt: skip
_PLAIN = frozenset({
    "count", "d", "default", "first", "float", "int", "items", "last", "length", "list", "reverse",
})  # fmt: skip
_TEST_NAMES = frozenset({
    "boolean", "defined", "divisibleby", "eq", "equalto", "even", "false", "float", "ge", "gt", "greaterthan",
    "integer", "iterable", "le", "lessthan", "lt", "mapping", "ne", "none", "number", "odd",
    "sameas", "sequence", "string", "true", "undefined",
})  # fmt: skip


@pass_context
def _iterate(context: Context, iterable: Iterable[Any]) -> Iterator[Any]:
    budget: Budget = context[BUDGET]
    for item in iterable:
        budget.iterate()
        yield item


@pass_context
def _concat(context: Context, parts: Sequence[Any]) -> str:
    context[BUDGET].produce(sum(map(text_size, parts)))
    return "".join(map(str, parts))


@pass_context
def _read(context: Context, value: Any) -> Any:
    context[BUDGET].read(value)
    return value


@pass_context
def printed(context: Context, value: Any) -> Any:
    """What an expression's value is just before it becomes text; a list can be short and its text endless."""
    if type(value) is not str:
        context[BUDGET].produce(text_size(value))
    return value


def bounded_range(*bounds: int) -> range:
    made = range(*bounds)
    if len(made) > _LARGEST_RANGE:
        raise LimitExceeded(f"range() is longer than {_LARGEST_RANGE}")
    return made


def _charged(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """A filter of Jinja's within the budget: what it reads and writes as text, or walks through step by step."""
    kind = getattr(original, "jinja_pass_arg", None)
    foresee = _FORESEEN.get(name)

    @pass_context
    def charged(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        budget: Budget = context[BUDGET]
        if name in _TEXT:
            budget.produce(sum(map(text_size, (value, *args, *kwargs.values()))))
        elif name in _STEPWISE:
            value = _iterate(context, value)
        if foresee is not None:
            budget.produce(foresee(value, *args, **kwargs))
        first = {"context": context, "eval_context": context.eval_ctx, "environment": context.environment}
        lead = (first[kind.name],) if kind is not None else ()
        result = original(*lead, value, *args, **kwargs)
        if isinstance(result, (str, list)):
            budget.produce(len(result))
        return bounded_number(result)

    return charged


def _replaced(value: Any, old: str, new: str, count: int | None = None) -> int:
    return str(value).count(str(old)) * len(str(new))


def _indented(value: Any, width: int | str = 4, first: bool = False, blank: bool = False) -> int:
    if (len(width) if isinstance(width, str) else width) > _LARGEST_INDENT:
        raise LimitExceeded(f"indent by more than {_LARGEST_INDENT}")
    return str(value).count("\n") * _LARGEST_INDENT


def _slow(value: Any) -> int:
    """These split the text by a regular expression, at some 10 MB a second."""
    return text_size(value) * 7


@pass_context
def _join(context: Context, value: Iterable[Any], d: Any = "", attribute: str | int | None = None) -> str:
    """Jinja's own filter joins what it doesn't know the size of."""
    items = list(value if attribute is None else map(make_attrgetter(context.environment, attribute), value))
    context[BUDGET].produce(sum(map(text_size, items)) + text_size(d) * len(items))
    return str(d).join(map(str, items))


@pass_context
def _to_json(context: Context, value: Any, indent: int | None = None) -> str:
    """Jinja's own filter escapes for HTML, which a prompt isn't."""
    if indent is not None and indent > _LARGEST_INDENT:
        raise LimitExceeded(f"indent by more than {_LARGEST_INDENT}")
    context[BUDGET].produce(text_size(value, indent or 0))
    return json.dumps(value, ensure_ascii=False, indent=indent)


@pass_context
def _is_in(context: Context, value: Any, container: Any) -> bool:
    context[BUDGET].read(container)
    return value in container


_FORESEEN: Mapping[str, Callable[..., int]] = {
    "replace": _replaced,
    "indent": _indented,
    "title": _slow,
    "wordcount": _slow,
}

FILTERS: Mapping[str, Callable[..., Any]] = {
    **{name: _charged(name, JINJA_FILTERS[name]) for name in _TEXT | _STEPWISE | _PLAIN},
    "join": _join,
    "tojson": _to_json,
}
"""What authors may write after a bar."""

INTERNAL_FILTERS = {"_iterate": _iterate, "_concat": _concat, "_read": _read}
"""What the environment puts around loops, `~` and comparisons; authors can't write these names."""

TESTS: Mapping[str, Callable[..., Any]] = {
    **{name: test for name, test in _JINJA_TESTS.items() if name in _TEST_NAMES},
    "in": _is_in,
    "lower": lambda value: isinstance(value, str) and value.islower(),
    "upper": lambda value: isinstance(value, str) and value.isupper(),
}
"""What authors may write after `is`."""

NAMED_BY_ARGUMENT: Mapping[str, tuple[int, frozenset[str]]] = {
    "map": (0, frozenset(FILTERS) - _STEPWISE),
    "select": (0, frozenset(TESTS)),
    "reject": (0, frozenset(TESTS)),
    "selectattr": (1, frozenset(TESTS)),
    "rejectattr": (1, frozenset(TESTS)),
}
"""Filters that take another filter or a test by its name: the argument's position, and the names it may be."""
