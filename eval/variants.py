"""The variants of a run: each prompt version on each backend with each set of parameters, told apart by a name."""

import copy
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from chains.backends.configuration import ModelIdentity
from chains.errors import ConfigurationError
from chains.prompts import PromptSet, PromptVersion, select
from chains.prompts.parameters import ModelParameters
from eval.outcomes import Variant

__all__ = ["PlannedVariant", "Wish", "plan_variants", "variant_set"]

_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a variant is to be: a version or label of the task's prompt, a backend's name, and parameters in place of
    the prompt's own."""

    prompt: str
    backend: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PlannedVariant:
    """A variant and the prompt that it asks. `asked` is the name of that version in the `variant_set`: the version's
    own, with a suffix where its parameters were replaced. `examples` are the few-shot texts and the fixed texts of the
    prompt and its helpers."""

    variant: Variant
    prompt: PromptVersion
    asked: str
    examples: tuple[str, ...]


def plan_variants(
    prompts: PromptSet, task: str, wishes: Sequence[Wish], models: Mapping[str, ModelIdentity]
) -> list[PlannedVariant]:
    """The variants, each once; labels are looked up now. `models` are those behind the backends, by their names.

    Raises UnknownPrompt for a version or label that doesn't exist, ConfigurationError for parameters that a prompt
    can't have.
    """
    several = len({wish.backend for wish in wishes}) > 1
    planned: dict[str, PlannedVariant] = {}
    for wish in wishes:
        prompt = select(prompts, task, wish.prompt, allow_drafts=True).prompt
        replaced = _with_parameters(prompt, wish.parameters)
        name = _name(prompt, wish, several)
        model = models[wish.backend]
        variant = Variant(
            name=name,
            task=task,
            version=prompt.version,
            digest=prompt.digest,
            backend=wish.backend,
            kind=model.kind,
            model=model.model,
            model_digest=model.digest,
            parameters=dict(wish.parameters),
        )
        planned[name] = PlannedVariant(variant, replaced, replaced.version, tuple(dict.fromkeys(_examples(prompt))))
    return list(planned.values())


def variant_set(prompts: PromptSet, planned: Sequence[PlannedVariant]) -> PromptSet:
    """The prompt set with the versions whose parameters were replaced beside the others: one runner over it serves all
    variants, so that they share each backend's slots."""
    versions = {name: list(prompts.versions(name)) for name in prompts.names}
    for each in planned:
        own = versions[each.prompt.name]
        if each.asked not in [prompt.version for prompt in own]:
            own.append(each.prompt)
    return PromptSet(prompts.folder, versions, prompts.lock)


def _name(prompt: PromptVersion, wish: Wish, several: bool) -> str:
    parts = [str(prompt)]
    if several:
        parts.append(f"on {wish.backend}")
    if wish.parameters:
        parts.append(_said(wish.parameters))
    return " ".join(parts)


def _said(parameters: Mapping[str, Any]) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(parameters.items()))


def _with_parameters(prompt: PromptVersion, parameters: Mapping[str, Any]) -> PromptVersion:
    """The version itself, or a copy of it with other parameters and a suffix in its name. Its helpers keep theirs."""
    if not parameters:
        return prompt
    try:
        replaced = ModelParameters.model_validate({**prompt.parameters.model_dump(), **parameters})
    except ValidationError as error:
        first = error.errors()[0]
        told = f"parameters.{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise ConfigurationError(f"{told}; a prompt has {', '.join(ModelParameters.model_fields)}") from error
    other = copy.copy(prompt)
    other.parameters = replaced
    other.version = f"{prompt.version}+{_slug(parameters)}"
    return other


def _slug(parameters: Mapping[str, Any]) -> str:
    """As semver's build metadata takes it."""
    return "p" + hashlib.sha256(_said(parameters).encode()).hexdigest()[:16]


def _examples(prompt: PromptVersion) -> Iterator[str]:
    """The few-shot texts and the fixed texts of a prompt and its helpers: what no answer should repeat."""
    made = prompt.ingredients
    for example in made.examples:
        for value in [*example.inputs.values(), example.output]:
            yield from _texts(value)
    for text in [*(section.text for section in made.source.sections), *made.partials.values()]:
        yield from filter(None, (piece.strip() for piece in _TAG.split(text)))
    for helper in prompt.uses.values():
        yield from _examples(helper)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, Sequence):
        for each in value:
            yield from _texts(each)
