"""The rules by which prompts are checked: a closed catalogue. docs/lint.md is generated from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

__all__ = ["RULES", "Rule", "Severity"]

Severity = Literal["error", "warning"]
"""An error keeps a prompt from being served or released. A warning says what is probably not meant."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a finding of this name means and what to do about it. `bad` and `good` are a line before and after."""

    title: str
    meaning: str
    remedy: str
    severity: Severity = "error"
    bad: str = ""
    good: str = ""


_ERRORS = {
    "file": Rule(
        "The file or folder can't be used",
        "It can't be read, is not UTF-8 with LF line ends, or its name is neither a prompt's nor a version's.",
        "Save it as UTF-8 without a byte order mark, as `NAME/MAJOR.MINOR.PATCH.j2` or `partials/NAME.j2`.",
    ),
    "limit": Rule(
        "Larger than prompts may be",
        "A file, its front matter, a number in it or the nesting of its tags is beyond the bounds of a prompt.",
        "Split it: into partials, or into several prompts.",
    ),
    "yaml": Rule(
        "Not valid YAML",
        "Prompts take plain YAML: no aliases, no repeated keys, no values that JSON doesn't have.",
        "Correct the place that is named; put a text in quotes where YAML takes it for something else.",
        bad="description: Summary: short",
        good='description: "Summary: short"',
    ),
    "front-matter": Rule(
        "The front matter is wrong",
        "A file begins with front matter between two lines `---`, which has only known keys with fitting values.",
        "Correct the key; the message lists those that exist.",
        bad="modell: {temperature: 0}",
        good="model: {temperature: 0}",
    ),
    "inputs": Rule(
        "An input has an impossible name",
        "Templates can't write this name, or Jinja keeps it for itself.",
        "Use lower-case letters, digits and underscores, beginning with a letter.",
        bad="  max-words: {type: integer}",
        good="  max_words: {type: integer}",
    ),
    "schema": Rule(
        "Not a usable JSON Schema",
        "An input or the output is declared by something that isn't a JSON Schema that stands on its own.",
        "Correct the schema; write out what a `$ref` would refer to.",
        bad="  text: {type: text}",
        good="  text: {type: string}",
    ),
    "default": Rule(
        "A default breaks its own schema",
        "Whoever leaves the input out would send a value that the prompt refuses.",
        "Change the default or the schema.",
        bad="  tone: {enum: [dry, warm], default: cold}",
        good="  tone: {enum: [dry, warm], default: dry}",
    ),
    "uses": Rule(
        "A helper prompt can't be used",
        "`uses` pins a version that doesn't exist, or helpers use each other in a circle.",
        "Name a version that exists, as `NAME@MAJOR.MINOR.PATCH`.",
        bad="uses: {map: summarize_map@1.0}",
        good="uses: {map: summarize_map@1.0.0}",
    ),
    "file-missing": Rule(
        "The front matter names a file that isn't there",
        "`output` names a file under `schemas/`, and `examples` one under the prompt folder.",
        "Correct the name, or add the file. It can't lie outside the prompt folder, nor lead out of it by a link.",
    ),
    "examples": Rule(
        "The few-shot examples can't be used",
        "They are a list of inputs and outputs, render the one user section, and fit the inputs that it declares.",
        "Correct the example that is named.",
        bad="- {text: Hello, output: Hallo}",
        good="- {inputs: {text: Hello}, output: Hallo}",
    ),
    "role": Rule(
        "The role sections are wrong",
        "A line that is exactly `system:`, `user:` or `assistant:` opens a section. `system:` comes first, `user:` "
        "last, no section is empty, and a partial opens none.",
        "Move the line; a backslash before it makes it text.",
        bad="user:",
        good="\\user:",
    ),
    "template-syntax": Rule(
        "Not a Jinja template",
        "A tag is not closed, or holds what Jinja can't read.",
        "Correct the tag.",
        bad="{{ text }",
        good="{{ text }}",
    ),
    "template-refused": Rule(
        "Jinja has it, prompts don't",
        "Templates have values, conditions, loops, partials and some filters and tests; everything else is refused.",
        "Write it with what there is; the message says what that is.",
        bad="{% macro greeting() %}Hello{% endmacro %}",
        good='{% include "partials/greeting-1.j2" %}',
    ),
    "undefined-variable": Rule(
        "Not an input",
        "The template reads a name that its front matter doesn't declare.",
        "Correct the name, or declare it under `inputs`.",
        bad="<document>{{ txt }}</document>",
        good="<document>{{ text }}</document>",
    ),
    "include-missing": Rule(
        "There is no such partial",
        "An include names a file that isn't directly under `partials/`.",
        "Correct the name; the message lists the partials.",
        bad='{% include "grounding-1.j2" %}',
        good='{% include "partials/grounding-1.j2" %}',
    ),
    "include-circular": Rule(
        "Partials include each other without end",
        "A partial includes itself, through others or at once, or the includes are too deep.",
        "Take out one of the includes of the chain.",
    ),
    "cases": Rule(
        "The golden cases can't be read",
        "`cases.yaml` is a list of cases, each with a name of its own and its inputs.",
        "Correct the case that is named.",
        bad="- {inputs: {text: Hello}}",
        good="- {name: short, inputs: {text: Hello}}",
    ),
    "case-failed": Rule(
        "The inputs can't be rendered",
        "The template failed on the inputs of a golden case: it ran into a limit, or an expression doesn't fit them.",
        "Make the template hold for these inputs, or make the schema refuse them.",
        bad="{{ items[0] }}",
        good='{{ items[0] if items else "none" }}',
    ),
    "case-mismatch": Rule(
        "A golden case that no version takes",
        "The inputs of every version refuse the case, so it proves nothing.",
        "Correct the case, or the schema of the version that it was written for.",
    ),
    "example-mismatch": Rule(
        "A few-shot output breaks the output schema",
        "The example shows the model an answer that the service would refuse.",
        "Correct the example's output or the schema.",
    ),
    "lock": Rule(
        "The lock can't be used",
        "`prompts.lock` was edited by hand, or merged wrongly: it can't be read, or lacks a version or a file that was "
        "released. Only `copydesk prompts release` writes it.",
        "Undo the edit: `git checkout -- prompts/prompts.lock`. After a merge, keep the lines of both sides.",
    ),
    "edited-release": Rule(
        "Something released was edited",
        "A released version, or a partial, schema or example file under it, is no longer what it was when it was "
        "released. The message names every version that the edit would change.",
        "Move the edit to a new version, or to a new file that a new version uses, and undo it here.",
    ),
    "labels": Rule(
        "A label can't serve",
        "`labels.yaml` can't be read, names a version that doesn't exist or is a draft, or lacks a task's production.",
        "Let `copydesk prompts promote` and `rollback` write it.",
        bad="  canary: 1.1.0",
        good="  canary: {version: 1.1.0, percent: 10}",
    ),
    "contract": Rule(
        "A labelled version doesn't fit its task",
        "It wants inputs that the task doesn't supply, refuses some that callers may send, or yields another answer.",
        "Give the input a default, widen its schema, or leave `output` to the task.",
    ),
    "evidence": Rule(
        "A labelled version lacks evidence",
        "There is no record under `evidence/` for what a label serves, or the record is of something else.",
        "Label versions by `copydesk prompts promote`, which checks the evidence and keeps the record.",
    ),
}

_WARNINGS = {
    "role-near-miss": Rule(
        "A line that is almost a role line",
        "Only a line that is exactly `system:`, `user:` or `assistant:` opens a section. This one has another case, or "
        "spaces, so it is text, and so is all that follows it.",
        "Write the role line exactly, or a backslash before it where the text is meant.",
        "warning",
        bad="User:",
        good="user:",
    ),
    "unused-input": Rule(
        "An input that nothing reads",
        "The front matter declares it, but no section and no partial reads it: callers would send it for nothing.",
        "Use it, or take it out.",
        "warning",
    ),
    "unused-partial": Rule(
        "A partial that nothing includes",
        "No version of any prompt includes it.",
        "Include it, or delete the file.",
        "warning",
    ),
    "variable-before-static": Rule(
        "What changes stands before what doesn't",
        "Model servers keep what they computed for the beginning that two prompts share. After the first value that "
        "differs they compute everything anew, also text that is always the same.",
        "Put the fixed text first and the values last, where the prompt still reads well.",
        "warning",
        bad="{{ text }} Summarize the text above in plain words, for readers in a hurry.",
        good="Summarize the text below in plain words, for readers in a hurry. {{ text }}",
    ),
    "missing-cases": Rule(
        "A prompt without golden cases",
        "Nothing shows what the prompt renders, so nothing can show what a new version changes.",
        "Add `cases.yaml` with a few inputs.",
        "warning",
        good="- {name: short, inputs: {text: The office closes at noon.}}",
    ),
    "unlabelled-few-shot": Rule(
        "Few-shot examples inside the body",
        "Examples in running text aren't told apart from instructions, by the model or by the leak check of an "
        "evaluation.",
        "Put them into a file and name it under `examples:`; they become pairs of messages.",
        "warning",
        bad="Input: The ferry is late.",
        good="examples: rewrite/few_shot-1.yaml",
    ),
    "over-budget": Rule(
        "Probably too long for the model",
        "The largest golden case and the answer together exceed the token budget. The count is an estimate of about "
        "four characters a token; the default budget is 4096 tokens, the smallest default context of Ollama.",
        "Shorten the prompt or `max_output_tokens`, or give your model's context with `--budget`.",
        "warning",
    ),
    "uncovered-branch": Rule(
        "A branch that no golden case goes through",
        "An edit of this branch would change no rendered case, so nobody would see it.",
        "Add a case that goes through it.",
        "warning",
    ),
}

RULES: Mapping[str, Rule] = MappingProxyType({**_ERRORS, **_WARNINGS})
