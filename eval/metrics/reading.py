"""What metrics read of a case and its output, in one place for all tasks."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from eval.datasets import Case
from eval.metrics.metric import Scored, Scorer, Value

__all__ = ["Applies", "expects", "guarded", "items", "listed", "output_of", "references_of", "source_of", "written"]

Applies = Callable[[Case], bool]


def guarded(
    of: Callable[[Scored], Value | bool],
    worst: float | Callable[[Case], Value] = 0.0,
    *,
    applies: Applies | None = None,
) -> Scorer:
    """The scorer of a metric: None where it isn't for the case, `worst` where the case failed, else `of`."""

    def score(scored: Scored) -> Value:
        if applies is not None and not applies(scored.case):
            return None
        if scored.output is None:
            return worst(scored.case) if callable(worst) else worst
        value = of(scored)
        return value if value is None or isinstance(value, tuple) else float(value)

    return score


def expects(key: str) -> Applies:
    """Whether a case expects something under this key."""
    return lambda case: bool(case.expected.get(key))


def output_of(scored: Scored) -> Mapping[str, Any]:
    """The output; empty where the case failed."""
    return scored.output or {}


def written(scored: Scored) -> str:
    """The text that was written: of summarize the summary, of rewrite and generate the text; else an empty one."""
    output = output_of(scored)
    return next((output[name] for name in ("summary", "text") if isinstance(output.get(name), str)), "")


def source_of(scored: Scored) -> str:
    return scored.case.input.text


def references_of(scored: Scored) -> tuple[str, ...]:
    return listed(scored.case, "references")


def listed(case: Case, key: str) -> tuple[Any, ...]:
    """A list that the case expects; empty where it expects none."""
    return tuple(case.expected.get(key) or ())


def items(output: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
    """The objects of a list of the output; none where there is no list."""
    found = output.get(key)
    return (item for item in (found if isinstance(found, list | tuple) else ()) if isinstance(item, Mapping))
