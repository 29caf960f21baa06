"""Front matter as its model, and its inputs checked; every error stands at the line of its key."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from chains.errors import PromptError, PromptSetError
from chains.prompts.error_list import ErrorList
from chains.prompts.parameters import FrontMatter
from chains.prompts.schemas import check_default, check_schema
from chains.prompts.source import Source

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
        raise PromptSetError([_wrong_key(source, item) for item in error.errors()]) from error


def check_inputs(source: Source, inputs: Mapping[str, Any]) -> None:
    """Raise PromptSetError unless templates can write every name, and every schema and default is a usable one."""
    path, line = source.path, source.key_lines.get("inputs")
    errors = ErrorList()
    for name, schema in inputs.items():
        if not _INPUT.fullmatch(name) or name in _RESERVED:
            hint = "lower-case letters, digits and underscores, and no word of Jinja's"
            message = f"inputs.{name}: not a possible name"
            errors.append(PromptError(message, path=path, line=line, column=1, hint=hint, rule="inputs"))
        before = len(errors)
        errors.catch(check_schema, schema, f"inputs.{name}", path, line)
        if len(errors) == before:
            errors.catch(check_default, schema, f"inputs.{name}", path, line)
    errors.check()


def _wrong_key(source: Source, item: Any) -> PromptError:
    unknown = item["type"] == "extra_forbidden"
    key = str(item["loc"][0]) if item["loc"] else ""
    hint = f"the keys are {', '.join(FrontMatter.model_fields)}" if unknown and len(item["loc"]) == 1 else None
    message = f"{'.'.join(map(str, item['loc']))}: {'unknown key' if unknown else item['msg']}"
    line = source.key_lines.get(key, 2)
    return PromptError(message, path=source.path, line=line, column=1, hint=hint, rule="front-matter")
