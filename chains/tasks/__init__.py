"""The tasks: one file each, found by their place in this folder."""

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

from chains.task import Task

__all__ = ["load_tasks"]


def load_tasks() -> Mapping[str, Task[Any, Any]]:
    """Every task of this package by its name, in alphabetical order.

    Raises TypeError where a file of the folder defines no `task`, or one that isn't named like its file.
    """
    tasks = {}
    for module_info in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        task = getattr(import_module(f"{__name__}.{module_info.name}"), "task", None)
        if not isinstance(task, Task) or task.name != module_info.name:
            raise TypeError(
                f"chains/tasks/{module_info.name}.py must define `task = Task(name={module_info.name!r}, ...)`; "
                "see docs/add-a-task.md"
            )
        tasks[task.name] = task
    return MappingProxyType(tasks)
