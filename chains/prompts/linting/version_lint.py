"""What is wrong, or probably not meant, with one version that can be loaded."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from langchain_core.messages.utils import count_tokens_approximately

from chains.errors import PromptError
from chains.prompts.cases import CaseRun
from chains.prompts.comparison.branches import Branch, uncovered_branches
from chains.prompts.linting.few_shot import first_example
from chains.prompts.linting.findings import Finding
from chains.prompts.linting.fixed_text import late_text
from chains.prompts.role_lines import near_misses
from chains.prompts.source import read_text
from chains.prompts.version import PromptVersion
from chains.prompts.yaml_places import place_in_yaml
from chains.validation import CannotCheck, SchemaValidator, violations

__all__ = ["DEFAULT_BUDGET", "example_errors", "version_warnings"]

DEFAULT_BUDGET = 4096
"""Tokens of prompt and answer: the smallest context that Ollama gives a model by default."""


def example_errors(folder: Path, prompt: PromptVersion, answer: Mapping[str, Any] | None) -> Iterator[Finding]:
    """Few-shot outputs that break the version's output schema, or where it declares none, `answer`."""
    schema = prompt.output if prompt.output is not None else answer
    examples = prompt.ingredients.source.front_matter.get("examples")
    if schema is None or examples is None:
        return
    validator = SchemaValidator(schema)
    for number, example in enumerate(prompt.ingredients.examples):
        reason = _reason(validator, example.output)
        if reason is not None:
            path = folder / examples
            line, column = place_in_yaml(read_text(path), number)
            message = f"example {number + 1}: its output breaks the output schema of {prompt}: {reason}"
            hint = "show the model an answer that the schema takes"
            yield Finding("example-mismatch", "error", path, line, column, message, hint=hint)


def version_warnings(
    folder: Path,
    prompt: PromptVersion,
    cases: Mapping[str, Mapping[str, Any]],
    runs: Sequence[CaseRun],
    budget: int,
) -> Iterator[Finding]:
    """What is probably not meant. `runs` are the version's `cases`, rendered; `budget` is in tokens."""
    yield from _role_near_misses(prompt)
    yield from _unused_inputs(prompt)
    yield from _late_text(folder, prompt)
    yield from _few_shot(folder, prompt)
    yield from _over_budget(prompt, runs, budget)
    if cases:
        yield from _uncovered(prompt, cases)


def _reason(validator: Any, output: Any) -> str | None:
    """Why the schema refuses an output; a text counts as the JSON that it holds, if it does."""
    value = output
    if isinstance(output, str):
        try:
            value = json.loads(output)
        except (ValueError, RecursionError):
            value = output
    try:
        wrong = violations(validator, value)
    except CannotCheck as error:
        return str(error)
    return f"{wrong[0].json_path} {wrong[0].message}" if wrong else None


def _role_near_misses(prompt: PromptVersion) -> Iterator[Finding]:
    source = prompt.ingredients.source
    offset = source.text.count("\n") - source.body.count("\n")
    for found in near_misses(source.body):
        line = offset + found.line
        message = f"{found.text!r} opens no section: it is text of the section before it"
        hint = f"did you mean `{found.role}:`? write `\\{found.role}:` for the text itself"
        yield Finding("role-near-miss", "warning", source.path, line, found.column, message, hint=hint)


def _unused_inputs(prompt: PromptVersion) -> Iterator[Finding]:
    unused = [name for name in prompt.inputs if name not in prompt.ingredients.reads]
    if not unused:
        return
    path = prompt.ingredients.source.path
    front_matter = read_text(path).removeprefix("---\n").split("\n---\n", 1)[0]
    for name in unused:
        line, column = place_in_yaml(front_matter, "inputs", name)
        message = f"the input {name!r} is declared, but nothing reads it"
        hint = "use it in a section or a partial, or take it out"
        yield Finding("unused-input", "warning", path, line + 1, column, message, hint=hint)


def _late_text(folder: Path, prompt: PromptVersion) -> Iterator[Finding]:
    late = late_text(folder, prompt)
    if late is None:
        return
    texts = [f"{late.characters} characters of fixed text"] if late.characters else []
    texts += [f"{late.examples} few-shot examples"] if late.examples else []
    message = f"{late.name!r} stands before {' and '.join(texts)}"
    hint = "put the fixed text first: model servers reuse their cache up to the first difference"
    yield Finding("variable-before-static", "warning", late.path, late.line, late.column, message, hint=hint)


def _few_shot(folder: Path, prompt: PromptVersion) -> Iterator[Finding]:
    source = prompt.ingredients.source
    hint = f"put it into a file such as {prompt.name}/few_shot-1.yaml and name it under `examples`"
    for section in source.sections:
        if section.role == "assistant":
            message = "an answer of the model's is written into the body"
            yield Finding("unlabelled-few-shot", "warning", source.path, section.line - 1, 1, message, hint=hint)
    texts = [(section.text, source.path, section.line - 1) for section in source.sections]
    texts += [(text, folder / name, 0) for name, text in prompt.ingredients.partials.items()]
    for text, path, offset in texts:
        example = first_example(text)
        if example is not None:
            line, column, label = example
            message = f"{label!r} begins an example inside the body"
            yield Finding("unlabelled-few-shot", "warning", path, offset + line, column, message, hint=hint)


def _over_budget(prompt: PromptVersion, runs: Sequence[CaseRun], budget: int) -> Iterator[Finding]:
    sizes = {run.case: count_tokens_approximately(run.messages) for run in runs if run.messages}
    if not sizes:
        return
    largest = max(sizes, key=lambda case: sizes[case])
    answer = prompt.parameters.max_output_tokens
    if sizes[largest] + answer <= budget:
        return
    source = prompt.ingredients.source
    message = (
        f"the case {largest!r} takes about {sizes[largest]} tokens (an estimate) and the answer up to {answer}: "
        f"more than {budget}"
    )
    hint = "shorten the prompt, lower max_output_tokens, or give your model's context: --budget TOKENS"
    yield Finding("over-budget", "warning", source.path, source.key_lines.get("model", 1), 1, message, hint=hint)


def _uncovered(prompt: PromptVersion, cases: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    try:
        branches = uncovered_branches(prompt, cases)
    except PromptError as error:  # it can be served, but not taken apart
        yield replace(Finding.of(error), severity="warning")
        return
    for branch in branches:
        message = f"no golden case goes through `{branch.description}`"
        hint = f"add a case for it to {prompt.name}/cases.yaml"
        column = _tag_column(branch)
        yield Finding("uncovered-branch", "warning", branch.path, branch.line, column, message, hint=hint)


def _tag_column(branch: Branch) -> int:
    """Where the branch's tag begins on its line: the first that has its keyword, else the first."""
    line = read_text(branch.path).split("\n")[branch.line - 1]
    keyword = "else" if branch.description.startswith("the else") else branch.description.split(" ", 1)[0]
    found = re.search(rf"\{{%[-+]?\s*{re.escape(keyword)}\b", line) or re.search(r"\{[{%]", line)
    return found.start() + 1 if found else 1
