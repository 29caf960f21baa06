"""Front matter as its model, and its inputs checked; every error stands at the line of its key."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from chains.errors import PromptError, PromptSetError
from chains.prompts.error_list import ErrorList
from chains.prompts.parameters import FrontMatter, ModelParameters
from chains.prompts.schemas import check_default, check_schema
from chains.prompts.source import Source
from chains.prompts.yaml_places import YamlPlaces

__all__ = ["check_inputs", "parse_front_matter"]

_INPUT = re.compile(r"[a-z][a-z0-9_]*")
_RESERVED = frozenset({
    "and", "elif", "else", "false", "if", "in", "is", "loop", "none", "not", "or", "range", "recursive", "self",
    "true",
})  # fmt: skip


def parse_front_matter(source: Source) -> FrontMatter:
    """The front matter of a file. Raises PromptSetError with every wrong key."""
    try:
        return FrontMatter.model_validate(source.front_matter)
    except ValidationError as error:
        places = _places(source)
        raise PromptSetError([_wrong_key(source, places, item) for item in error.errors()]) from error


def check_inputs(source: Source, inputs: Mapping[str, Any]) -> None:
    """Raise PromptSetError unless templates can write every name, and every schema and default is a usable one."""
    path, places = source.path, _places(source)
    errors = ErrorList()
    for name, schema in inputs.items():
        if not _INPUT.fullmatch(name) or name in _RESERVED:
            hint = "lower-case letters, digits and underscores, and no word of Jinja's"
            message = f"inputs.{name}: not a possible name"
            errors.append(_placed(PromptError(message, path=path, hint=hint, rule="inputs"), places, "inputs", name))
        wrong = ErrorList()
        wrong.catch(check_schema, schema, f"inputs.{name}", path, None)
        if not wrong:
            wrong.catch(check_default, schema, f"inputs.{name}", path, None)
        errors += [_placed(error, places, "inputs", name) for error in wrong]
    errors.check()


def _places(source: Source) -> YamlPlaces:
    return YamlPlaces(source.text.removeprefix("---\n").split("\n---\n", 1)[0])


def _placed(error: PromptError, places: YamlPlaces, *keys: str | int) -> PromptError:
    """The error at the key that these keys lead to."""
    line, column = places.find(*keys)
    return PromptError(error.message, path=error.path, line=line + 1, column=column, hint=error.hint, rule=error.rule)


def _wrong_key(source: Source, places: YamlPlaces, item: Any) -> PromptError:
    unknown = item["type"] == "extra_forbidden"
    message = f"{'.'.join(map(str, item['loc']))}: {'unknown key' if unknown else item['msg']}"
    error = PromptError(message, path=source.path, hint=_hint(item, unknown), rule="front-matter")
    return _placed(error, places, *item["loc"])


def _hint(item: Any, unknown: bool) -> str | None:
    """What to write instead, where that can be told."""
    place = item["loc"]
    if unknown:
        level = ModelParameters if place[0] == "model" and len(place) > 1 else FrontMatter
        return f"the keys are {', '.join(level.model_fields)}"
    if item["type"] == "string_type" and isinstance(item["input"], (bool, int, float)):
        return "YAML takes it for something else than text: put it in quotes"
    if place[0] == "inputs":
        return "an input has a JSON Schema: text: {type: string}"
    return None
