"""The metrics of each task, by their names."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from eval.metrics.any import ANY
from eval.metrics.classify import CLASSIFY
from eval.metrics.extract import EXTRACT
from eval.metrics.generate import GENERATE
from eval.metrics.metric import Metric
from eval.metrics.rewrite import REWRITE
from eval.metrics.summarize import SUMMARIZE

__all__ = ["metrics_of"]

_OF_TASKS: Mapping[str, tuple[Metric, ...]] = MappingProxyType(
    {
        "classify": CLASSIFY,
        "extract": EXTRACT,
        "generate": GENERATE,
        "rewrite": REWRITE,
        "summarize": SUMMARIZE,
    }
)


def _named(metrics: tuple[Metric, ...]) -> Iterator[tuple[str, Metric]]:
    """By name, with all tasks that have it."""
    for metric in metrics:
        tasks = tuple(task for task, own in _OF_TASKS.items() if any(one.name == metric.name for one in own))
        yield metric.name, replace(metric, tasks=tasks)


def metrics_of(task: str) -> Mapping[str, Metric]:
    """The task's own metrics, and those of every task; of another task only the latter. In the order of reports.

    Where a name stands for several tasks (`facts_stated`, `length_compliance`), it means the same in all of them.
    """
    return MappingProxyType(dict(_named((*_OF_TASKS.get(task, ()), *ANY))))
