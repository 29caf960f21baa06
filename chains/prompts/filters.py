"""The filters and functions that templates may use, each of whose results counts against the render's budget."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from jinja2 import pass_context
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.runtime import Context

from chains.prompts.budget import BUDGET, Budget, LimitExceeded

__all__ = ["FILTERS", "INTERNAL_FILTERS", "bounded_range"]

_LARGEST_RANGE = 1_000
_LARGEST_INDENT = 40

_NAMES = frozenset({
    "capitalize", "count", "d", "default", "first", "float", "indent", "int", "items", "join", "last", "length",
    "list", "lower", "map", "max", "min", "reject", "rejectattr", "replace", "reverse", "select", "selectattr",
    "sort", "string", "title", "tojson", "trim", "truncate", "unique", "upper", "wordcount",
})  # fmt: skip


@pass_context
def _iterate(context: Context, iterable: Iterable[Any]) -> Iterator[Any]:
    budget: Budget = context[BUDGET]
    for item in iterable:
        budget.iterate()
        yield item


@pass_context
def _concat(context: Context, parts: Sequence[Any]) -> str:
    texts = [str(part) for part in parts]
    context[BUDGET].produce(sum(map(len, texts)))
    return "".join(texts)


def bounded_range(*bounds: int) -> range:
    made = range(*bounds)
    if len(made) > _LARGEST_RANGE:
        raise LimitExceeded(f"range() is longer than {_LARGEST_RANGE}")
    return made


def _charged(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """A filter of Jinja's whose result counts against the budget, before it is made where it can be foreseen."""
    kind = getattr(original, "jinja_pass_arg", None)
    foresee = _FORESEEN.get(name)

    @pass_context
    def charged(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        budget: Budget = context[BUDGET]
        if foresee is not None:
            budget.produce(foresee(value, *args, **kwargs))
        first = {"context": context, "eval_context": context.eval_ctx, "environment": context.environment}
        lead = (first[kind.name],) if kind is not None else ()
        result = original(*lead, value, *args, **kwargs)
        if isinstance(result, (str, list)):
            budget.produce(len(result))
        return result

    return charged


def _joined(value: Iterable[Any], d: str = "", attribute: Any = None) -> int:
    return len(str(d)) * len(value) if isinstance(value, (list, tuple, str, dict)) else 0


def _replaced(value: Any, old: str, new: str, count: int | None = None) -> int:
    return str(value).count(str(old)) * len(str(new))


def _indented(value: Any, width: int | str = 4, first: bool = False, blank: bool = False) -> int:
    if (len(width) if isinstance(width, str) else width) > _LARGEST_INDENT:
        raise LimitExceeded(f"indent by more than {_LARGEST_INDENT}")
    return str(value).count("\n") * _LARGEST_INDENT


def _as_json(value: Any, indent: int | None = None) -> int:
    if indent is not None and indent > _LARGEST_INDENT:
        raise LimitExceeded(f"indent by more than {_LARGEST_INDENT}")
    return 0


def _to_json(value: Any, indent: int | None = None) -> str:
    """Jinja's own filter escapes for HTML, which a prompt isn't."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


_FORESEEN: Mapping[str, Callable[..., int]] = {
    "join": _joined,
    "replace": _replaced,
    "indent": _indented,
    "tojson": _as_json,
}

FILTERS = {name: _charged(name, JINJA_FILTERS[name]) for name in _NAMES} | {"tojson": _charged("tojson", _to_json)}
"""What authors may write after a bar."""

INTERNAL_FILTERS = {"_iterate": _iterate, "_concat": _concat}
"""What the environment puts around loops and `~`; authors can't write a name that begins with an underscore."""
