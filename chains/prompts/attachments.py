"""What front matter refers to by a file's name: the output schema and the examples."""

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from chains.errors import PromptError
from chains.prompts.parameters import Example
from chains.prompts.schemas import check_schema
from chains.prompts.source import Source, read_text, read_yaml

__all__ = ["read_examples", "read_output"]


def read_output(root: Path, source: Source, output: dict[str, Any] | str | None) -> tuple[dict[str, Any] | None, str]:
    """The output schema, and the text of its file: empty for one written inline. Raises PromptError."""
    path, line = source.path, source.key_lines.get("output")
    schema: Any = output
    text = ""
    if isinstance(output, str):
        text = read_text(_below(root, "schemas", output, path, line))
        try:
            schema = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise PromptError(f"{output} is not JSON: {error}", path=path, line=line) from error
    if schema is not None or text:
        try:
            check_schema(schema, "output", path, line)
        except RecursionError as error:
            raise PromptError("output: nested too deeply", path=path, line=line) from error
    return schema, text


def read_examples(root: Path, source: Source, name: str | None) -> tuple[Example, ...]:
    """The few-shot examples of the file of this name; none without a name. Raises PromptError."""
    if name is None:
        return ()
    file = _below(root, "", name, source.path, source.key_lines.get("examples"))
    try:
        return TypeAdapter(tuple[Example, ...]).validate_python(read_yaml(file))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise PromptError(f"example {place}: {first['msg']}", path=file, hint="a list of {inputs, output}") from error


def _below(root: Path, folder: str, name: str, path: Path, line: int | None) -> Path:
    """A file that the front matter names. It must lie in the folder, also after links are followed."""
    within = root / folder
    try:
        file = (within / name).resolve()
        found = file.is_relative_to(within) and file.is_file()
    except (OSError, ValueError):  # a name that no file can have
        found = False
    if not found:
        where = f"prompts/{folder}".rstrip("/")
        raise PromptError(f"there is no file {name[:200]!r} under {where}", path=path, line=line)
    return file
