"""`copydesk run`: one task, by the same chains as the service, without a server."""

import asyncio
import json
import logging
import sys
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError

from app.settings import load_settings
from app.starting import with_started_backends
from chains.errors import ConfigurationError, FieldError, InvalidInput
from cli.options import ConfigFile

if TYPE_CHECKING:
    from chains.result import TaskResult
    from chains.task import Task, TaskInput

__all__ = ["option_values", "read_text", "readable", "request_from", "request_of", "run", "typed_value", "validated"]

_MEDIA_TYPES = {
    ".pdf": "application/pdf",
    ".html": "text/html",
    ".htm": "text/html",
    ".md": "text/markdown",
    ".txt": "text/plain",
}


def run(
    task: Annotated[str, typer.Argument(help="The task: summarize, rewrite, extract, classify, generate, ...")],
    stdin: Annotated[
        str | None, typer.Argument(help="- reads the text from standard input, as is done without --file.", metavar="-")
    ] = None,
    file: Annotated[
        str, typer.Option("--file", "-f", help="The file with the text (for generate: the instruction); - is stdin.")
    ] = "-",
    document: Annotated[
        Path | None,
        typer.Option("--document", "-d", help="A .pdf, .html, .md or .txt file whose text is taken instead."),
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", "-o", help="A field of the request: max_words=30.", metavar="K=V")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole response as JSON.")] = False,
    config: ConfigFile = None,
) -> None:
    """Run one task on a text and print its output.

    Example: copydesk run summarize --file report.txt --option max_words=30
    Example: copydesk run summarize --document report.pdf
    """
    if document is not None and (stdin, file) != (None, "-"):
        raise typer.BadParameter("give --document or a text, not both")
    if stdin is not None and (stdin, file) != ("-", "-"):
        raise typer.BadParameter(f"name the file with --file {stdin}" if stdin != "-" else "give --file or -, not both")
    settings = load_settings(config)
    text = "" if document else read_text(file)
    from app.composition import build_runner

    logging.basicConfig(level=logging.WARNING, format="copydesk: %(message)s")
    found = build_runner(settings).task(task)
    request = request_of(found, document, option or []) if document else request_from(found, text, option or [])

    async def once(started: Any) -> "TaskResult[Any]":
        runner = build_runner(started)
        try:
            return await runner.run(task, request)
        finally:
            await runner.aclose()

    with with_started_backends(settings) as started:
        result = asyncio.run(once(started))
    print(_as_json(result) if as_json else readable(result))
    if not as_json:
        print(_footer(result), file=sys.stderr)


def request_from(task: "Task[Any, Any]", text: str, options: Sequence[str]) -> "TaskInput":
    """Build a task's input from its text (its main field) and `key=value` options.

    A value is taken as it stands where the field takes it so, else as JSON. Raises InvalidInput.
    """
    return validated(task, {task.main_field: text, **option_values(task, options)})


def request_of(task: "Task[Any, Any]", document: Path, options: Sequence[str]) -> "TaskInput":
    """Build a task's input from a document and `key=value` options.

    Its suffix says what it is. Raises InvalidInput, and ConfigurationError where the file can't be read.
    """
    if "document" not in task.input.model_fields:
        raise InvalidInput(f"--document {document}: {task.name} takes no document")
    media_type = _MEDIA_TYPES.get(document.suffix.lower())
    if media_type is None:
        raise InvalidInput(f"--document {document}: the file must end in one of {', '.join(_MEDIA_TYPES)}")
    try:
        data = b64encode(document.read_bytes()).decode()
    except OSError as error:
        raise ConfigurationError(f"--document {document}: {error.strerror}") from error
    sent = {"media_type": media_type, "data_base64": data}
    return validated(task, {"document": sent, **option_values(task, options)})


def option_values(task: "Task[Any, Any]", options: Sequence[str]) -> dict[str, Any]:
    """`key=value` options as fields of a task's input. Raises InvalidInput."""
    fields = task.input.model_fields
    values = {}
    for entry in options:
        key, equals, value = entry.partition("=")
        if not equals or key not in fields:
            known = ", ".join(name for name in fields if name != task.main_field)
            raise InvalidInput(f"--option {entry}: give key=value, where key is one of {known}")
        values[key] = typed_value(fields[key].annotation, value)
    return values


def validated(task: "Task[Any, Any]", values: Mapping[str, Any]) -> "TaskInput":
    """A task's input of these fields. Raises InvalidInput."""
    try:
        request: TaskInput = task.input.model_validate(dict(values))
        return request
    except ValidationError as error:
        places = [FieldError("/" + "/".join(map(str, e["loc"])), e["type"], e["msg"]) for e in error.errors()]
        raise InvalidInput("\n".join(f"{place.pointer}: {place.message}" for place in places), places) from None


def typed_value(annotation: Any, value: str) -> Any:
    """The text as it stands where the field takes it so, else as JSON where it is JSON."""
    try:
        TypeAdapter(annotation).validate_python(value, strict=True)
    except ValidationError:
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


def read_text(file: str, option: str = "--file") -> str:
    """A file as text; `-` is standard input. Raises ConfigurationError or InvalidInput, which name the option."""
    try:
        if file != "-":
            return Path(file).read_text(encoding="utf-8")
        if sys.stdin.isatty():
            print("copydesk: reading the text from the terminal; end with Ctrl-D", file=sys.stderr)
        return sys.stdin.buffer.read().decode("utf-8")
    except OSError as error:
        raise ConfigurationError(f"{option} {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{option} {file}: not UTF-8: the byte at {error.start} begins no character") from error


def _as_json(result: "TaskResult[Any]") -> str:
    meta = asdict(result)
    output = result.output.model_dump(mode="json", exclude_none=True)
    del meta["output"]
    return json.dumps({**output, "meta": meta}, ensure_ascii=False, indent=2)


def readable(result: "TaskResult[Any]") -> str:
    """The text itself where the output is one, else every field as JSON."""
    output = result.output.model_dump(mode="json", exclude_none=True)
    texts = [value for value in output.values() if isinstance(value, str)]
    return texts[0] if len(texts) == 1 else json.dumps(output, ensure_ascii=False, indent=2)


def _footer(result: "TaskResult[Any]") -> str:
    usage, prompt, empty = result.usage, result.prompt, result.document_pages_without_text
    unread = f", {empty} pages without text" if empty else ""
    return (
        f"[{prompt.name}@{prompt.version}, {result.model} on {result.backend}: {usage.input_tokens} tokens in, "
        f"{usage.output_tokens} out, {result.timing.total_ms / 1000:.1f} s{unread}]"
    )
