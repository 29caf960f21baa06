"""What front matter refers to by a file's name: the output schema and the examples.

Each is returned with its file, so that the lock can tell which file was edited.
"""

import json
from pathlib import Path
from typing import Any, Never

from pydantic import TypeAdapter, ValidationError

from chains.errors import PromptError
from chains.prompts.parameters import Example
from chains.prompts.schemas import check_schema
from chains.prompts.source import Source, read_text, read_yaml, real_path
from chains.prompts.visibility import why_unseen
from chains.prompts.yaml_places import place_in_yaml

__all__ = ["read_examples", "read_output"]

_LARGEST_SCHEMA = 1 << 16

_EXAMPLES = TypeAdapter(tuple[Example, ...])


def read_output(
    root: Path, source: Source, output: dict[str, Any] | str | None
) -> tuple[dict[str, Any] | None, str, Path | None]:
    """The output schema, and the text of its file and the file: none for one written inline. Raises PromptError."""
    path, line = source.path, source.key_lines.get("output")
    schema: Any = output
    text, file = "", None
    if isinstance(output, str):
        file = _below(root, "schemas", output, path, line)
        text = read_text(file)
        if len(text) > _LARGEST_SCHEMA:
            message = f"{output} is longer than {_LARGEST_SCHEMA} characters"
            raise PromptError(message, path=path, line=line, rule="limit")
        try:
            schema = json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise PromptError(f"{output} is not JSON: {error}", path=path, line=line, rule="schema") from error
    if schema is not None or text:
        check_schema(schema, "output", path, line)
    return schema, text, file


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is no JSON value")


def read_examples(root: Path, source: Source, name: str | None) -> tuple[tuple[Example, ...], Path | None]:
    """The few-shot examples of the file of this name, and the file; none without a name. Raises PromptError."""
    if name is None:
        return (), None
    file = _below(root, "", name, source.path, source.key_lines.get("examples"))
    try:
        return _EXAMPLES.validate_python(read_yaml(file)), file
    except ValidationError as error:
        first = error.errors()[0]
        message = f"example {'.'.join(map(str, first['loc']))}: {first['msg']}"
        line, column = place_in_yaml(read_text(file), *first["loc"][:1])
        hint = "a list of {inputs, output}"
        raise PromptError(message, path=file, line=line, column=column, hint=hint, rule="examples") from error


def _below(root: Path, folder: str, name: str, path: Path, line: int | None) -> Path:
    """A file that the front matter names. It must lie in the folder, also after links are followed, and
    where a running service notices its edits."""
    within = root / folder
    try:
        file = real_path(within / name)
        found = file.is_relative_to(within) and file.is_file()
    except PermissionError as error:
        raise PromptError(f"cannot be read: {error.strerror}", path=within / name, rule="file") from error
    except (OSError, ValueError):  # a name that no file can have
        found = False
    if not found:
        where = f"prompts/{folder}".rstrip("/")
        raise PromptError(f"there is no file {name[:200]!r} under {where}", path=path, line=line, rule="file-missing")
    # An edit is noticed where the name leads by its folders; a link's end may lie elsewhere.
    named = within / name
    seen = named if named.is_relative_to(root) and ".." not in named.parts else file
    unseen = why_unseen(seen.relative_to(root).parts)
    if unseen is not None:
        hint = "move it to where edits are noticed, such as the prompt's own folder"
        message = f"{name[:200]!r} {unseen}, so a running service would miss its edits"
        raise PromptError(message, path=path, line=line, hint=hint, rule="file-missing")
    return file
