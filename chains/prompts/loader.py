"""From a folder of files to prompt versions; every error of the folder is collected, none hides another."""

import difflib
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import TemplateSyntaxError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import TypeAdapter, ValidationError

from chains.errors import PromptError, PromptRenderError
from chains.prompts.parameters import Example, FrontMatter
from chains.prompts.sandbox import Refused, create_environment
from chains.prompts.source import Section, Source, has_role_line, read_source, read_text, read_yaml
from chains.prompts.version import CompiledSection, PromptVersion

__all__ = ["Loader"]

_PARTIAL = re.compile(r"partials/[A-Za-z0-9][A-Za-z0-9_.-]*\.j2")
_INPUT = re.compile(r"[a-z][a-z0-9_]*")
_RESERVED = frozenset({"and", "else", "false", "if", "in", "is", "loop", "none", "not", "or", "range", "true"})


@dataclass(frozen=True, slots=True)
class _Parsed:
    source: Source
    front_matter: FrontMatter


class Loader:
    """Loads template files of one prompt folder. `helpers` maps `name@version` to versions that are loaded."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._partials: dict[str, str] = {}
        self._environment: ImmutableSandboxedEnvironment = create_environment(self._partials)

    def load_partials(self) -> list[PromptError]:
        """Read and check all partials; return what is wrong with them."""
        errors = []
        for path in sorted((self._root / "partials").glob("*.j2")):
            try:
                self._partials[f"partials/{path.name}"] = self._read_partial(path)
            except PromptError as error:
                errors.append(error)
        for name in self._partials:
            try:
                self._included(name, self._root / name, 1, ())
            except PromptError as error:
                errors.append(error)
        return errors

    def load(self, path: Path, name: str, version: str, helpers: Mapping[str, PromptVersion]) -> PromptVersion:
        """Load one version. Raises PromptError for the first thing that is wrong with it."""
        source = read_source(path)
        parsed = _Parsed(source, _front_matter(source))
        _check_inputs(parsed)
        texts: dict[str, str] = {}
        sections = [self._compile(parsed, section, texts) for section in source.sections]
        output, schema_text = self._output(parsed)
        examples = self._examples(parsed)
        prompt = PromptVersion(
            name=name,
            version=version,
            digest=_digest(parsed, texts, schema_text, examples, helpers),
            path=path,
            front_matter=parsed.front_matter,
            output=output,
            sections=sections,
            uses={alias: helpers[target] for alias, target in parsed.front_matter.uses.items()},
        )
        self._add_examples(parsed, prompt, examples)
        return prompt

    def uses(self, path: Path) -> Mapping[str, str]:
        """The helper prompts that a template pins, before anything else of it is loaded. Raises PromptError."""
        return _front_matter(read_source(path)).uses

    def _read_partial(self, path: Path) -> str:
        if not path.resolve().is_relative_to(self._root / "partials"):
            raise PromptError("leads out of partials/", path=path, hint="copy the file instead of linking to it")
        if not _PARTIAL.fullmatch(f"partials/{path.name}"):
            raise PromptError("a partial's name has only letters, digits, dot, dash and underscore", path=path)
        text = read_text(path)
        line = has_role_line(text)
        if line is not None:
            raise PromptError("a partial can't open a role", path=path, line=line, column=1, hint="escape it: \\user:")
        return text.removesuffix("\n")

    def _compile(self, parsed: _Parsed, section: Section, texts: dict[str, str]) -> CompiledSection:
        path, offset = parsed.source.path, section.line - 1
        tree = self._parse(section.text, path, offset)
        for include in tree.find_all(nodes.Include):
            texts.update(self._included(_target(include), path, offset + include.lineno, ()))
        for text, place, first in ((section.text, path, offset), *((t, self._root / n, 0) for n, t in texts.items())):
            _check_names(self._parse(text, place, first), text, place, first, parsed.front_matter.inputs)
        code = self._environment.compile(section.text, filename=f"{path}:{section.role}:{section.line}")
        template = self._environment.template_class.from_code(self._environment, code, {})
        return CompiledSection(section.role, template, section.line)

    def _parse(self, text: str, path: Path, offset: int) -> nodes.Template:
        try:
            return self._environment.parse(text)
        except (TemplateSyntaxError, Refused) as error:
            at = error.lineno if isinstance(error, TemplateSyntaxError) else error.line
            line = text.split("\n")[at - 1] if at <= text.count("\n") + 1 else ""
            column = _tag_column(line)
            raise PromptError(error.message or "syntax error", path=path, line=offset + at, column=column) from error
        except RecursionError as error:
            raise PromptError("the template is nested too deeply", path=path, line=offset + 1) from error

    def _included(self, name: str, path: Path, line: int, within: tuple[str, ...]) -> dict[str, str]:
        """The partial's text and those of all that it includes itself."""
        if name in within:
            chain = " -> ".join([*within[within.index(name) :], name])
            raise PromptError(f"the include is circular: {chain}", path=path, line=line, column=1)
        if not _PARTIAL.fullmatch(name) or name not in self._partials:
            known = ", ".join(sorted(self._partials)) or "none"
            raise PromptError(f"there is no partial {name!r}", path=path, line=line, column=1, hint=f"there is {known}")
        texts = {name: self._partials[name]}
        tree = self._parse(self._partials[name], self._root / name, 0)
        for include in tree.find_all(nodes.Include):
            texts |= self._included(_target(include), self._root / name, include.lineno, (*within, name))
        return texts

    def _output(self, parsed: _Parsed) -> tuple[dict[str, Any] | None, str]:
        output, path = parsed.front_matter.output, parsed.source.path
        line = parsed.source.key_lines.get("output")
        text = ""
        if isinstance(output, str):
            text = read_text(self._below("schemas", output, path, line))
            try:
                output = json.loads(text)
            except ValueError as error:
                raise PromptError(f"{output} is not JSON: {error}", path=path, line=line) from error
        if output is not None:
            _check_schema(output, "output", path, line)
        return output, text

    def _examples(self, parsed: _Parsed) -> tuple[Example, ...]:
        name, path = parsed.front_matter.examples, parsed.source.path
        if name is None:
            return ()
        file = self._below("", name, path, parsed.source.key_lines.get("examples"))
        try:
            return TypeAdapter(tuple[Example, ...]).validate_python(read_yaml(file))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise PromptError(
                f"example {place}: {first['msg']}", path=file, hint="a list of {inputs, output}"
            ) from error

    def _add_examples(self, parsed: _Parsed, prompt: PromptVersion, examples: tuple[Example, ...]) -> None:
        if not examples:
            return
        path, line = parsed.source.path, parsed.source.key_lines.get("examples")
        if sum(section.role == "user" for section in parsed.source.sections) != 1:
            raise PromptError("a prompt with examples has exactly one user section", path=path, line=line)
        for number, example in enumerate(examples, 1):
            wrong = prompt.validate(example.inputs)
            if wrong:
                raise PromptError(f"example {number}: {wrong[0].pointer} {wrong[0].message}", path=path, line=line)
        try:
            prompt.add_examples([(example.inputs, example.output) for example in examples])
        except PromptRenderError as error:
            raise PromptError(f"an example cannot be rendered: {error.message}", path=path, line=error.line) from error

    def _below(self, folder: str, name: str, path: Path, line: int | None) -> Path:
        """A file that the front matter names. It must lie in the folder, also after links are followed."""
        within = self._root / folder
        file = (within / name).resolve()
        if not file.is_relative_to(within) or not file.is_file():
            where = f"prompts/{folder}".rstrip("/")
            raise PromptError(f"there is no file {name!r} under {where}", path=path, line=line)
        return file


def _target(include: nodes.Include) -> str:
    assert isinstance(include.template, nodes.Const)
    return str(include.template.value)


def _front_matter(source: Source) -> FrontMatter:
    try:
        return FrontMatter.model_validate(source.front_matter)
    except ValidationError as error:
        # A misspelt key is also a missing one: the former says more.
        first = min(error.errors(), key=lambda item: item["type"] != "extra_forbidden")
        key = str(first["loc"][0]) if first["loc"] else ""
        known = ", ".join(FrontMatter.model_fields)
        hint = f"the keys are {known}" if first["type"] == "extra_forbidden" and len(first["loc"]) == 1 else None
        message = "unknown key" if first["type"] == "extra_forbidden" else first["msg"]
        place = ".".join(map(str, first["loc"]))
        line = source.key_lines.get(key, 2)
        raise PromptError(f"{place}: {message}", path=source.path, line=line, column=1, hint=hint) from error


def _check_inputs(parsed: _Parsed) -> None:
    path, line = parsed.source.path, parsed.source.key_lines.get("inputs")
    for name, schema in parsed.front_matter.inputs.items():
        if not _INPUT.fullmatch(name) or name in _RESERVED:
            hint = "lower-case letters, digits and underscores, and no word of Jinja's"
            raise PromptError(f"inputs.{name}: not a possible name", path=path, line=line, column=1, hint=hint)
        _check_schema(schema, f"inputs.{name}", path, line)
        if "default" in schema:
            wrong = next(Draft202012Validator(schema).iter_errors(schema["default"]), None)
            if wrong is not None:
                raise PromptError(f"inputs.{name}: its default: {wrong.message}", path=path, line=line, column=1)


def _check_schema(schema: Mapping[str, Any], place: str, path: Path, line: int | None) -> None:
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise PromptError(f"{place}: not a JSON Schema: {error.message}", path=path, line=line, column=1) from error
    if "$ref" in json.dumps(schema):
        raise PromptError(f"{place}: $ref is not available", path=path, line=line, column=1, hint="write it out")


def _check_names(tree: nodes.Template, text: str, path: Path, offset: int, inputs: Mapping[str, Any]) -> None:
    unknown = meta.find_undeclared_variables(tree) - inputs.keys() - {"range"}
    for name in sorted(unknown):
        at = min((node.lineno for node in tree.find_all(nodes.Name) if node.name == name), default=1)
        found = re.search(rf"\b{re.escape(name)}\b", text.split("\n")[at - 1])
        near = difflib.get_close_matches(name, list(inputs), 1)
        known = f"did you mean {near[0]}?" if near else f"the inputs are {', '.join(inputs) or 'none'}"
        column = found.start() + 1 if found else 1
        raise PromptError(f"{name!r} is not an input", path=path, line=offset + at, column=column, hint=known)


def _tag_column(line: str) -> int:
    """Jinja knows only lines; the first tag of the line is the likeliest place."""
    found = re.search(r"\{[{%#]", line)
    return (found.start() if found else len(line) - len(line.lstrip())) + 1


def _digest(
    parsed: _Parsed,
    partials: Mapping[str, str],
    schema: str,
    examples: tuple[Example, ...],
    helpers: Mapping[str, PromptVersion],
) -> str:
    """SHA-256 over everything that shapes what the model reads, in a canonical form."""
    shape = {
        "front_matter": parsed.front_matter.model_dump(mode="json"),
        "body": parsed.source.body,
        "partials": partials,
        "schema": schema,
        "examples": [example.model_dump(mode="json") for example in examples],
        "uses": {alias: helpers[target].digest for alias, target in parsed.front_matter.uses.items()},
    }
    canonical = json.dumps(shape, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()
