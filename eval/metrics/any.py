"""Metrics of every task: whether there is an answer, whether it can be used, and leaks of the prompt."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import ValidationError

from chains.task import Task
from eval.metrics.labels import abstained, classes_of, is_single, offered
from eval.metrics.metric import Kind, Metric, Scored
from eval.metrics.reading import guarded, output_of
from eval.scorers.classification import INVALID
from eval.scorers.leaks import leaked

__all__ = ["ANY"]


def _answered(_: Scored) -> bool:
    return True


def _is_usable(scored: Scored) -> bool:
    """Whether the output obeys the task's contract; of classify with one label also whether it names one of those
    offered, unless it may and does abstain or none applies."""
    task = _tasks().get(scored.case.task)
    try:
        if task is not None:
            task.output.model_validate(output_of(scored))
    except ValidationError:
        return False
    if scored.case.task == "classify" and is_single(scored.case) and offered(scored.case):
        return classes_of(scored)[1] != INVALID or abstained(scored)
    return True


@cache
def _tasks() -> Mapping[str, Task[Any, Any]]:
    from chains.tasks import load_tasks

    return load_tasks()


def _leak_free(scored: Scored) -> bool:
    case = scored.case
    given = [case.input.text, *_strings(case.input.params)]
    return not leaked(list(_strings(output_of(scored))), scored.examples, given)


def _strings(value: Any) -> Iterator[str]:
    """All texts within a JSON value, also the names of its fields' values, in order."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _strings(one)


ANY: tuple[Metric, ...] = (
    Metric(
        name="answered",
        title="Answered, 0 or 1",
        kind=Kind.BINARY,
        score=guarded(_answered),
        description="Whether there is an output, and no error.",
    ),
    Metric(
        name="valid_output",
        title="Usable output, 0 or 1",
        kind=Kind.BINARY,
        score=guarded(_is_usable),
        description="Whether there is an output that obeys the task's contract, and of classify names an offered one.",
    ),
    Metric(
        name="leak_free",
        title="No text of the prompt, 0 or 1",
        kind=Kind.BINARY,
        score=guarded(_leak_free),
        description="Whether nothing of the prompt's examples and fixed texts stands in the answer that the caller "
        "didn't send.",
    ),
)
