"""Sections and partials as compiled templates; what is wrong with one stands at its place in its file."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Template, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from chains.errors import PromptError
from chains.prompts.error_list import ErrorList
from chains.prompts.names import wrong_names
from chains.prompts.sandbox import Refused, create_environment, generate
from chains.prompts.source import Section, has_role_line, listed, read_text, real_path, unescaped
from chains.prompts.version import CompiledSection

__all__ = ["Templates"]

_PARTIAL = re.compile(r"partials/[A-Za-z0-9][A-Za-z0-9_.-]*\.j2")
_DEEPEST_INCLUDE = 20


@dataclass(frozen=True, slots=True)
class _Text:
    """A section's or a partial's text, which begins after `offset` lines of its file."""

    text: str
    path: Path
    offset: int

    def error(self, message: str, line: int, word: str | None = None, hint: str = "", *, rule: str) -> PromptError:
        """An error at a line of the text, at the tag that has the word."""
        column = _tag_column(self.text.split("\n")[line - 1] if line <= self.text.count("\n") + 1 else "", word)
        return PromptError(
            message, path=self.path, line=self.offset + line, column=column, hint=hint or None, rule=rule
        )


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A template: its Python source, what it reads and doesn't make itself, and what it includes at which line."""

    text: _Text
    tree: nodes.Template
    code: str
    names: frozenset[str]
    includes: tuple[tuple[str, int], ...]

    def wrong_names(self, inputs: Mapping[str, Any]) -> list[PromptError]:
        return wrong_names(self.names, self.tree, self.text.text, self.text.path, self.text.offset, inputs)


class Templates:
    """Compiles the sections of one prompt folder over its partials, which are loaded first."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._partials: dict[str, str] = {}
        self._wrong: dict[str, PromptError] = {}
        self._unlisted: PromptError | None = None
        self._parsed: dict[str, _Parsed] = {}
        self._environment: ImmutableSandboxedEnvironment = create_environment(self._partials)

    def load_partials(self) -> list[PromptError]:
        """Read and check all partials; return what is wrong with them."""
        errors = ErrorList()
        try:
            found = [path for path in listed(self._root / "partials") if path.suffix == ".j2"]
        except PromptError as error:
            self._unlisted = error
            return [error]
        for path in found:
            try:
                self._partials[f"partials/{path.name}"] = self._read_partial(path)
            except PromptError as error:
                self._wrong[f"partials/{path.name}"] = error
                errors.append(error)
        for name in self._partials:
            errors.catch(self._include, name, (), {})
        return errors

    def compile(
        self, section: Section, path: Path, inputs: Mapping[str, Any], partials: dict[str, str]
    ) -> CompiledSection:
        """Compile a section of the file. Adds the texts of the partials that it includes, by name, to `partials`.

        Raises PromptError or, for several names that are no inputs, PromptSetError.
        """
        filename = f"{path}:{section.role}:{section.line}"
        parsed = self._parse(_Text(section.text, path, section.line - 1), filename)
        included: dict[str, str] = {}
        self._include_all(parsed, (), included)
        partials.update(included)
        errors = ErrorList(parsed.wrong_names(inputs))
        for name in included:
            errors += self._parsed[name].wrong_names(inputs)
        errors.check()
        for name in included:
            _compiled(self._environment.get_template, name, path=self._root / name, line=1)
        template = _compiled(self._template, parsed.code, filename, path=path, line=section.line)
        reads = parsed.names.union(*(self._parsed[name].names for name in included))
        return CompiledSection(section.role, template, section.line, reads)

    def _read_partial(self, path: Path) -> str:
        if not real_path(path).is_relative_to(self._root / "partials"):
            hint = "copy the file instead of linking to it"
            raise PromptError("leads out of partials/", path=path, hint=hint, rule="file")
        if not _PARTIAL.fullmatch(f"partials/{path.name}"):
            message = "a partial's name has only letters, digits, dot, dash and underscore"
            raise PromptError(message, path=path, rule="file")
        text = read_text(path)
        line = has_role_line(text)
        if line is not None:
            hint = "escape it: \\user:"
            raise PromptError("a partial can't open a role", path=path, line=line, column=1, hint=hint, rule="role")
        return unescaped(text.removesuffix("\n"))

    def _include(self, name: str, within: tuple[str, ...], partials: dict[str, str]) -> None:
        """Add the partial's text and those of all that it includes itself. Raises PromptError for one that is wrong,
        for each that includes it the same."""
        if name in partials:
            return
        if name not in self._parsed:
            self._parsed[name] = self._parse(_Text(self._partials[name], self._root / name, 0), name)
        partials[name] = self._partials[name]
        self._include_all(self._parsed[name], (*within, name), partials)

    def _include_all(self, parsed: _Parsed, within: tuple[str, ...], partials: dict[str, str]) -> None:
        for name, line in parsed.includes:
            if name in within or len(within) > _DEEPEST_INCLUDE:
                chain = " -> ".join([*within[within.index(name) if name in within else 0 :], name])
                how = "circular" if name in within else "too deep"
                raise parsed.text.error(f"the include is {how}: {chain}", line, name, rule="include-circular")
            if _PARTIAL.fullmatch(name) and (wrong := self._wrong.get(name, self._unlisted)) is not None:
                raise wrong
            if not _PARTIAL.fullmatch(name) or name not in self._partials:
                hint = f"there is {', '.join(sorted(self._partials)) or 'none'}"
                raise parsed.text.error(f"there is no partial {name!r}", line, name, hint, rule="include-missing")
            self._include(name, within, partials)

    def _parse(self, text: _Text, filename: str) -> _Parsed:
        try:
            tree = self._environment.parse(text.text)
            includes = tree.find_all(nodes.Include) if "include" in text.text else ()
            code, names = generate(tree, filename)
        except TemplateSyntaxError as error:
            raise text.error(error.message or "syntax error", error.lineno, rule="template-syntax") from error
        except Refused as error:
            raise text.error(error.message, error.line, error.word, rule="template-refused") from error
        except RecursionError as error:
            raise _too_deep(text.path, text.offset + 1) from error
        except ValueError as error:  # Python refuses to read whole numbers of thousands of digits
            line = text.offset + 1
            raise PromptError("a number is too large", path=text.path, line=line, rule="limit") from error
        return _Parsed(text, tree, code, names, tuple(map(_included, includes)))

    def _template(self, code: str, filename: str) -> Template:
        environment = self._environment
        compiled = compile(code, filename, "exec")
        return environment.template_class.from_code(environment, compiled, environment.make_globals(None))


def _included(include: nodes.Include) -> tuple[str, int]:
    assert isinstance(include.template, nodes.Const)
    return str(include.template.value), include.lineno


def _compiled(compile: Callable[..., Template], *arguments: str, path: Path, line: int) -> Template:
    try:
        return compile(*arguments)
    except (SyntaxError, RecursionError, MemoryError) as error:  # Python's own limits, such as 20 loops
        raise _too_deep(path, line) from error


def _too_deep(path: Path, line: int) -> PromptError:
    return PromptError("the template is nested too deeply", path=path, line=line, rule="limit")


def _tag_column(line: str, word: str | None) -> int:
    """Jinja knows only lines; the likeliest place is the line's first tag that has the word, else its first tag."""
    tags = list(re.finditer(r"\{[{%#](?:.*?[}%#]\}|.*)", line))
    named = (tag for tag in tags if word is not None and word in tag[0])
    found = next(named, tags[0] if tags else None)
    return (found.start() if found else len(line) - len(line.lstrip())) + 1
