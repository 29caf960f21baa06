"""From a folder of files to prompt versions; every error of the folder is collected, none hides another."""

import difflib
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import Template, TemplateSyntaxError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import TypeAdapter, ValidationError

from chains.errors import PromptError, PromptRenderError, PromptSetError
from chains.prompts.parameters import Example, FrontMatter
from chains.prompts.sandbox import Refused, create_environment
from chains.prompts.schemas import check_default, check_schema
from chains.prompts.source import Section, Source, has_role_line, read_source, read_text, read_yaml, unescaped
from chains.prompts.version import CompiledSection, PromptVersion

__all__ = ["Loader"]

_PARTIAL = re.compile(r"partials/[A-Za-z0-9][A-Za-z0-9_.-]*\.j2")
_INPUT = re.compile(r"[a-z][a-z0-9_]*")
_RESERVED = frozenset({
    "and", "elif", "else", "false", "if", "in", "is", "loop", "none", "not", "or", "range", "recursive", "self",
    "true",
})  # fmt: skip
_DEEPEST_INCLUDE = 20

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Parsed:
    source: Source
    front_matter: FrontMatter


class _Errors(list[PromptError]):
    """What is wrong with one file. An error that keeps others from being found doesn't keep them from being told."""

    def catch(self, step: Callable[..., T], *arguments: Any) -> T | None:
        try:
            return step(*arguments)
        except PromptError as error:
            self.append(error)
        except PromptSetError as errors:
            self.extend(errors.errors)
        return None

    def check(self) -> None:
        if self:
            raise PromptSetError(self)


class Loader:
    """Loads template files of one prompt folder. `helpers` maps `name@version` to versions that are loaded."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._partials: dict[str, str] = {}
        self._environment: ImmutableSandboxedEnvironment = create_environment(self._partials)

    def load_partials(self) -> list[PromptError]:
        """Read and check all partials; return what is wrong with them."""
        errors = _Errors()
        for path in sorted((self._root / "partials").glob("*.j2")):
            text = errors.catch(self._read_partial, path)
            if text is not None:
                self._partials[f"partials/{path.name}"] = text
        for name in self._partials:
            errors.catch(self._included, name, self._root / name, 1, (), {})
        return errors

    def load(self, path: Path, name: str, version: str, helpers: Mapping[str, PromptVersion]) -> PromptVersion:
        """Load one version. Raises PromptError or, for several things that are wrong with it, PromptSetError."""
        source = read_source(path)
        parsed = _Parsed(source, _front_matter(source))
        errors, texts = _Errors(), dict[str, str]()
        errors.catch(_check_inputs, parsed)
        sections = [errors.catch(self._compile, parsed, section, texts) for section in source.sections]
        output = errors.catch(self._output, parsed)
        examples = errors.catch(self._examples, parsed) or ()
        errors.check()
        prompt = PromptVersion(
            name=name,
            version=version,
            digest=_digest(parsed, texts, output[1] if output else "", examples, helpers),
            path=path,
            front_matter=parsed.front_matter,
            output=output[0] if output else None,
            sections=[section for section in sections if section is not None],
            uses={alias: helpers[target] for alias, target in parsed.front_matter.uses.items()},
        )
        self._add_examples(parsed, prompt, examples)
        return prompt

    def uses(self, path: Path, known: Mapping[str, Path]) -> tuple[str, ...]:
        """The helper prompts that a template pins, before anything else of it is loaded. Raises PromptError."""
        source = read_source(path)
        uses = _front_matter(source).uses
        for alias, target in uses.items():
            if target not in known:
                hint = f"NAME@VERSION, one of {', '.join(known)}"
                line = source.key_lines.get("uses")
                raise PromptError(f"uses.{alias}: there is no prompt {target!r}", path=path, line=line, hint=hint)
        return tuple(uses.values())

    def _read_partial(self, path: Path) -> str:
        if not path.resolve().is_relative_to(self._root / "partials"):
            raise PromptError("leads out of partials/", path=path, hint="copy the file instead of linking to it")
        if not _PARTIAL.fullmatch(f"partials/{path.name}"):
            raise PromptError("a partial's name has only letters, digits, dot, dash and underscore", path=path)
        text = read_text(path)
        line = has_role_line(text)
        if line is not None:
            raise PromptError("a partial can't open a role", path=path, line=line, column=1, hint="escape it: \\user:")
        return unescaped(text.removesuffix("\n"))

    def _compile(self, parsed: _Parsed, section: Section, texts: dict[str, str]) -> CompiledSection:
        path, offset = parsed.source.path, section.line - 1
        tree = self._parse(section.text, path, offset)
        for include in tree.find_all(nodes.Include):
            self._included(_target(include), path, offset + include.lineno, (), texts)
        errors = _Errors()
        for text, place, first in ((section.text, path, offset), *((t, self._root / n, 0) for n, t in texts.items())):
            errors += _wrong_names(self._parse(text, place, first), text, place, first, parsed.front_matter.inputs)
        errors.check()
        filename = f"{path}:{section.role}:{section.line}"
        for name in texts:
            self._compiled(lambda name=name: self._environment.get_template(name), self._root / name, 1)  # type: ignore[misc]
        template = self._compiled(lambda: self._template(section.text, filename), path, section.line)
        return CompiledSection(section.role, template, section.line)

    def _template(self, text: str, filename: str) -> Template:
        environment = self._environment
        code = environment.compile(text, filename=filename)
        return environment.template_class.from_code(environment, code, environment.make_globals(None))

    @staticmethod
    def _compiled(compile: Callable[[], Template], path: Path, line: int) -> Template:
        try:
            return compile()
        except (SyntaxError, RecursionError, MemoryError) as error:  # Python's own limits, such as 20 loops
            raise PromptError("the template is nested too deeply", path=path, line=line) from error

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
        except ValueError as error:  # Python refuses to read whole numbers of thousands of digits
            raise PromptError("a number is too large", path=path, line=offset + 1) from error

    def _included(self, name: str, path: Path, line: int, within: tuple[str, ...], texts: dict[str, str]) -> None:
        """Add the partial's text and those of all that it includes itself."""
        if name in within or len(within) > _DEEPEST_INCLUDE:
            chain = " -> ".join([*within[within.index(name) if name in within else 0 :], name])
            how = "circular" if name in within else "too deep"
            raise PromptError(f"the include is {how}: {chain}", path=path, line=line, column=1)
        if not _PARTIAL.fullmatch(name) or name not in self._partials:
            known = ", ".join(sorted(self._partials)) or "none"
            raise PromptError(f"there is no partial {name!r}", path=path, line=line, column=1, hint=f"there is {known}")
        if name in texts:
            return
        texts[name] = self._partials[name]
        tree = self._parse(self._partials[name], self._root / name, 0)
        for include in tree.find_all(nodes.Include):
            self._included(_target(include), self._root / name, include.lineno, (*within, name), texts)

    def _output(self, parsed: _Parsed) -> tuple[dict[str, Any] | None, str]:
        output, path = parsed.front_matter.output, parsed.source.path
        line = parsed.source.key_lines.get("output")
        text = ""
        if isinstance(output, str):
            text = read_text(self._below("schemas", output, path, line))
            try:
                output = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise PromptError(f"{output} is not JSON: {error}", path=path, line=line) from error
        if output is not None or text:
            try:
                check_schema(output, "output", path, line)
            except RecursionError as error:
                raise PromptError("output: nested too deeply", path=path, line=line) from error
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
        try:
            file = (within / name).resolve()
            found = file.is_relative_to(within) and file.is_file()
        except (OSError, ValueError):  # a name that no file can have
            found = False
        if not found:
            where = f"prompts/{folder}".rstrip("/")
            raise PromptError(f"there is no file {name[:200]!r} under {where}", path=path, line=line)
        return file


def _target(include: nodes.Include) -> str:
    assert isinstance(include.template, nodes.Const)
    return str(include.template.value)


def _front_matter(source: Source) -> FrontMatter:
    try:
        return FrontMatter.model_validate(source.front_matter)
    except ValidationError as error:
        raise PromptSetError([_wrong_key(source, item) for item in error.errors()]) from error


def _wrong_key(source: Source, item: Any) -> PromptError:
    unknown = item["type"] == "extra_forbidden"
    key = str(item["loc"][0]) if item["loc"] else ""
    hint = f"the keys are {', '.join(FrontMatter.model_fields)}" if unknown and len(item["loc"]) == 1 else None
    message = f"{'.'.join(map(str, item['loc']))}: {'unknown key' if unknown else item['msg']}"
    return PromptError(message, path=source.path, line=source.key_lines.get(key, 2), column=1, hint=hint)


def _check_inputs(parsed: _Parsed) -> None:
    path, line = parsed.source.path, parsed.source.key_lines.get("inputs")
    errors = _Errors()
    for name, schema in parsed.front_matter.inputs.items():
        if not _INPUT.fullmatch(name) or name in _RESERVED:
            hint = "lower-case letters, digits and underscores, and no word of Jinja's"
            errors.append(PromptError(f"inputs.{name}: not a possible name", path=path, line=line, column=1, hint=hint))
        before = len(errors)
        errors.catch(check_schema, schema, f"inputs.{name}", path, line)
        if len(errors) == before:
            errors.catch(check_default, schema, f"inputs.{name}", path, line)
    errors.check()


def _wrong_names(
    tree: nodes.Template, text: str, path: Path, offset: int, inputs: Mapping[str, Any]
) -> list[PromptError]:
    errors = []
    for name in sorted(meta.find_undeclared_variables(tree) - inputs.keys() - {"range"}):
        uses = (node.lineno for node in tree.find_all(nodes.Name) if node.name == name and node.ctx == "load")
        at = min(uses, default=1)
        near = difflib.get_close_matches(name, list(inputs), 1)
        known = f"did you mean {near[0]}?" if near else f"the inputs are {', '.join(inputs) or 'none'}"
        column = _name_column(name, text.split("\n")[at - 1])
        errors.append(PromptError(f"{name!r} is not an input", path=path, line=offset + at, column=column, hint=known))
    return errors


def _name_column(name: str, line: str) -> int:
    """Where a name stands within a tag of the line; in a tag that spans lines, where it stands at all."""
    word = re.compile(rf"\b{re.escape(name)}\b")
    for tag in re.finditer(r"\{[{%].*?(?:[}%]\}|$)", line):
        found = word.search(line, tag.start(), tag.end())
        if found:
            return found.start() + 1
    found = word.search(line)
    return found.start() + 1 if found else 1


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
