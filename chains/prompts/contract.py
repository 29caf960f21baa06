"""What a task asks of the prompt version that serves it, so that no edit of a prompt can break the HTTP contract."""

from collections.abc import Mapping
from typing import Any

from chains.errors import PromptError
from chains.prompts.comparison.compatibility import narrowings
from chains.prompts.version import PromptVersion
from chains.task import Task

__all__ = ["contract_problems"]


def contract_problems(task: Task[Any, Any], prompt: PromptVersion) -> list[PromptError]:
    """Why this version can't serve the task: it needs more inputs than the task supplies, refuses some of their
    values, or yields another answer than the task reads."""
    return [
        *_input_problems(task, prompt, task.supplies),
        *_helper_problems(task, prompt),
        *_answer_problems(task, prompt),
    ]


def _helper_problems(task: Task[Any, Any], prompt: PromptVersion) -> list[PromptError]:
    """Why the chain can't make use of the helper prompts that the version pins."""
    problems = []
    for name, helper in prompt.uses.items():
        if name in task.helpers:
            problems += _input_problems(task, helper, task.helpers[name])
        else:
            known = f"it uses {', '.join(sorted(task.helpers))}" if task.helpers else "it uses none"
            message = f"the prompt {prompt} pins {name!r}, of which the task {task.name} makes no use"
            problems.append(_problem(prompt, "uses", message, f"{known}; take the others out"))
    return problems


def _input_problems(
    task: Task[Any, Any], prompt: PromptVersion, supplies: Mapping[str, Mapping[str, Any]]
) -> list[PromptError]:
    problems = [
        _problem(
            prompt,
            "inputs",
            f"the prompt {prompt} wants the input {name!r}, which the task {task.name} doesn't supply",
            f"it supplies {', '.join(sorted(supplies))}; give the others a default, or take them out",
        )
        for name in sorted(prompt.required - supplies.keys())
    ]
    for name, supplied in supplies.items():
        if name in prompt.inputs:
            refused = narrowings(supplied, prompt.inputs[name], name)
            problems += [
                _problem(
                    prompt,
                    "inputs",
                    f"the prompt {prompt} refuses what the task {task.name} supplies: {reason}",
                    "take all that callers may send; make the schema as wide as the task's",
                )
                for reason in refused
            ]
    return problems


def _answer_problems(task: Task[Any, Any], prompt: PromptVersion) -> list[PromptError]:
    if prompt.output is None:
        return []
    if task.answer is None:
        message = (
            f"the prompt {prompt} declares an output schema, but the task {task.name} reads its answer without one"
        )
        return [_problem(prompt, "output", message, "take `output` out of the front matter")]
    return [
        _problem(
            prompt,
            "output",
            f"the prompt {prompt} yields what the task {task.name} can't read: {reason}",
            "declare no more than the task reads, or leave `output` out: the task brings its schema",
        )
        for reason in narrowings(prompt.output, task.answer, "output")
    ]


def _problem(prompt: PromptVersion, key: str, message: str, hint: str) -> PromptError:
    source = prompt.ingredients.source
    return PromptError(message, path=source.path, line=source.key_lines.get(key), column=1, hint=hint, rule="contract")
