"""One immutable version of a prompt, as a LangChain Runnable from inputs to messages."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import Template
from jinja2.exceptions import TemplateError
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.prompt_values import ChatPromptValue
from langchain_core.runnables import Runnable, RunnableConfig

from chains.errors import FieldError, PromptRenderError
from chains.prompts.budget import BUDGET, Budget, LimitExceeded
from chains.prompts.parameters import Example, FrontMatter, ModelParameters
from chains.prompts.source import Source
from chains.validation import CannotCheck, SchemaValidator, violations

__all__ = ["CompiledSection", "Ingredients", "PromptVersion"]

_MOST_ERRORS = 50
_MESSAGES: Mapping[str, type[BaseMessage]] = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}


@dataclass(frozen=True, slots=True)
class CompiledSection:
    """One role's template. `line` is where its text begins in the file; `reads` names what it and its partials take
    from the inputs."""

    role: str
    template: Template
    line: int
    reads: frozenset[str]


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What a version was made from, for whoever compares or releases it.

    source    the template file, split but not rendered
    partials  the text of every partial that it includes, also those that partials include, by `partials/NAME.j2`
    examples  the few-shot pairs as they stand in their file
    files     the digest of every other file that shapes it, by its path below the prompt folder
    reads     the names that its sections and partials take from the inputs
    """

    source: Source
    partials: Mapping[str, str]
    examples: tuple[Example, ...]
    files: Mapping[str, str]
    reads: frozenset[str]


class PromptVersion(Runnable[dict[str, Any], ChatPromptValue]):
    """A parsed and compiled template.

    `invoke` and `ainvoke` render at once: no thread, no callbacks, nothing compiled. They take a mapping of inputs,
    fill in the defaults, and look only at names: what is missing raises PromptRenderError, and a name that the
    prompt doesn't declare is of no concern to it. `validate` looks at the values too. Each section is rendered
    by itself, so no value can open a role.
    """

    def __init__(
        self,
        *,
        name: str,
        version: str,
        digest: str,
        ingredients: Ingredients,
        front_matter: FrontMatter,
        output: Mapping[str, Any] | None,
        sections: Sequence[CompiledSection],
        uses: Mapping[str, "PromptVersion"],
    ) -> None:
        self.name: str = name
        self.version = version
        self.digest = digest
        self.ingredients = ingredients
        self.description = front_matter.description
        self.changelog = front_matter.changelog
        self.parameters: ModelParameters = front_matter.model
        self.inputs: Mapping[str, Mapping[str, Any]] = MappingProxyType(front_matter.inputs)
        self.output = output
        self.uses = MappingProxyType(dict(uses))
        self.required = frozenset(name for name, schema in self.inputs.items() if "default" not in schema)
        self._defaults = {name: schema["default"] for name, schema in self.inputs.items() if "default" in schema}
        self._path: Path = ingredients.source.path
        self._sections = tuple(sections)
        self._examples: tuple[tuple[type[BaseMessage], str], ...] = ()
        self._fixed: dict[int, tuple[str, Budget]] = {}

    def invoke(self, input: dict[str, Any], config: RunnableConfig | None = None, **kwargs: Any) -> ChatPromptValue:
        """Render the messages, which are new ones each time. Raises PromptRenderError."""
        values = {**self._defaults, **input}
        missing = self.required - values.keys()
        if missing:
            message = f"the prompt {self} needs the inputs {', '.join(sorted(missing))}"
            raise PromptRenderError(message, path=self._path, rule="case-failed", prompt=str(self))
        budget = Budget()
        values[BUDGET] = budget
        messages: list[BaseMessage] = []
        for section in self._sections:
            if section.role == "user" and self._examples:
                messages.extend(kind(content=text) for kind, text in self._examples)
            messages.append(_MESSAGES[section.role](content=self._text(section, values, budget)))
        return ChatPromptValue(messages=messages)

    async def ainvoke(
        self, input: dict[str, Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> ChatPromptValue:
        return self.invoke(input)

    def validate(self, inputs: Mapping[str, Any]) -> list[FieldError]:
        """What is wrong with inputs that don't come from a typed task, by JSON pointer: the first 50 places, and then
        one that says that there are more. Takes a second at the most, whatever the inputs."""
        try:
            errors = violations(self._validator, inputs, _MOST_ERRORS + 1)
        except CannotCheck as error:
            return [FieldError("", error.code, str(error))]
        found = [FieldError(_pointer(error.absolute_path), str(error.validator), error.message) for error in errors]
        return found if len(found) <= _MOST_ERRORS else [*found[:_MOST_ERRORS], FieldError("", "more", "and more")]

    @cached_property
    def _validator(self) -> Any:
        schema = {
            "type": "object",
            "properties": dict(self.inputs),
            "required": sorted(self.required),
            "additionalProperties": False,
        }
        return SchemaValidator(schema)

    def add_examples(self, examples: Sequence[tuple[Mapping[str, Any], Any]]) -> None:
        """Render the few-shot pairs, once, while the prompt is loaded. They stand before the user section."""
        section = next(section for section in self._sections if section.role == "user")
        messages: list[tuple[type[BaseMessage], str]] = []
        for inputs, output in examples:
            budget = Budget()
            values = {**self._defaults, **inputs, BUDGET: budget}
            answer = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
            messages += [(HumanMessage, self._rendered(section, values, budget)), (AIMessage, answer)]
        self._examples = tuple(messages)

    def _text(self, section: CompiledSection, values: dict[str, Any], budget: Budget) -> str:
        """The section's text. One that reads no input has the same each time, and is rendered once."""
        if section.reads:
            return self._rendered(section, values, budget)
        if section.line not in self._fixed:
            own = Budget()
            self._fixed[section.line] = self._rendered(section, {BUDGET: own}, own), own
        text, own = self._fixed[section.line]
        return text if budget.spend_as(own) else self._rendered(section, values, budget)

    def _rendered(self, section: CompiledSection, values: dict[str, Any], budget: Budget) -> str:
        template = section.template
        pieces = []
        stream = template.root_render_func(template.new_context(values))
        try:
            for piece in stream:
                budget.produce(len(piece))
                pieces.append(piece)
        except Exception as error:  # an expression can raise anything, such as a RecursionError
            frame = getattr(stream, "gi_frame", None)  # there while the template waits: the output was too long
            raise self._failure(section, error, frame.f_lineno if frame else None) from error
        return "".join(pieces)

    def _failure(self, section: CompiledSection, error: Exception, running: int | None) -> PromptRenderError:
        """The error with the innermost line of this file that was running; `running` is the compiled template's."""
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == section.template.filename:
                running = trace.tb_lineno
            trace = trace.tb_next
        line = section.line - 1 + section.template.get_corresponding_lineno(running) if running else None
        # The texts of Python's own errors may quote a caller's value; those of Jinja and of the limits don't.
        known = isinstance(error, (LimitExceeded, TemplateError))
        message = str(error) if known else f"a {type(error).__name__} in an expression"
        return PromptRenderError(message, path=self._path, line=line, rule="case-failed", prompt=str(self))

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


def _pointer(parts: Iterable[str | int]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
