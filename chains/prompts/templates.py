"""Sections and partials as compiled templates; what is wrong with one stands at its place in its file."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Template, TemplateSyntaxError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from chains.errors import PromptError
from chains.prompts.error_list import ErrorList
from chains.prompts.names import wrong_names
from chains.prompts.sandbox import Refused, create_environment
from chains.prompts.source import Section, has_role_line, read_text, unescaped
from chains.prompts.version import CompiledSection

__all__ = ["Templates"]

_PARTIAL = re.compile(r"partials/[A-Za-z0-9][A-Za-z0-9_.-]*\.j2")
_DEEPEST_INCLUDE = 20


class Templates:
    """Compiles the sections of one prompt folder over its partials, which are loaded first."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._partials: dict[str, str] = {}
        self._trees: dict[str, nodes.Template] = {}
        self._names: dict[str, frozenset[str]] = {}
        self._environment: ImmutableSandboxedEnvironment = create_environment(self._partials)

    def load_partials(self) -> list[PromptError]:
        """Read and check all partials; return what is wrong with them."""
        errors = ErrorList()
        for path in sorted((self._root / "partials").glob("*.j2")):
            text = errors.catch(self._read_partial, path)
            if text is not None:
                self._partials[f"partials/{path.name}"] = text
        for name in self._partials:
            errors.catch(self._include, name, self._root / name, 1, (), {})
        return errors

    def compile(
        self, section: Section, path: Path, inputs: Mapping[str, Any], partials: dict[str, str]
    ) -> CompiledSection:
        """Compile a section of the file. Adds the texts of the partials that it includes, by name, to `partials`.

        Raises PromptError or, for several names that are no inputs, PromptSetError.
        """
        offset = section.line - 1
        tree = self._parse(section.text, path, offset)
        self._include_all(tree, path, offset, (), partials)
        names = meta.find_undeclared_variables(tree)
        errors = ErrorList(wrong_names(names, tree, section.text, path, offset, inputs))
        for name, text in partials.items():
            errors += wrong_names(self._names[name], self._trees[name], text, self._root / name, 0, inputs)
        errors.check()
        for name in partials:
            _compiled(self._environment.get_template, name, path=self._root / name, line=1)
        filename = f"{path}:{section.role}:{section.line}"
        template = _compiled(partial(self._template, tree), filename, path=path, line=section.line)
        return CompiledSection(section.role, template, section.line)

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

    def _include(self, name: str, path: Path, line: int, within: tuple[str, ...], partials: dict[str, str]) -> None:
        """Add the partial's text and those of all that it includes itself."""
        if name in within or len(within) > _DEEPEST_INCLUDE:
            chain = " -> ".join([*within[within.index(name) if name in within else 0 :], name])
            how = "circular" if name in within else "too deep"
            raise PromptError(f"the include is {how}: {chain}", path=path, line=line, column=1)
        if not _PARTIAL.fullmatch(name) or name not in self._partials:
            known = ", ".join(sorted(self._partials)) or "none"
            raise PromptError(f"there is no partial {name!r}", path=path, line=line, column=1, hint=f"there is {known}")
        if name in partials:
            return
        partials[name] = self._partials[name]
        file = self._root / name
        if name not in self._trees:
            self._trees[name] = self._parse(partials[name], file, 0)
            self._names[name] = frozenset(meta.find_undeclared_variables(self._trees[name]))
        self._include_all(self._trees[name], file, 0, (*within, name), partials)

    def _include_all(
        self, tree: nodes.Template, path: Path, offset: int, within: tuple[str, ...], partials: dict[str, str]
    ) -> None:
        for include in tree.find_all(nodes.Include):
            assert isinstance(include.template, nodes.Const)
            self._include(str(include.template.value), path, offset + include.lineno, within, partials)

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

    def _template(self, tree: nodes.Template, filename: str) -> Template:
        environment = self._environment
        code = environment.compile(tree, filename=filename)
        return environment.template_class.from_code(environment, code, environment.make_globals(None))


def _compiled(compile: Callable[..., Template], *arguments: str, path: Path, line: int) -> Template:
    try:
        return compile(*arguments)
    except (SyntaxError, RecursionError, MemoryError) as error:  # Python's own limits, such as 20 loops
        raise PromptError("the template is nested too deeply", path=path, line=line) from error


def _tag_column(line: str) -> int:
    """Jinja knows only lines; the first tag of the line is the likeliest place."""
    found = re.search(r"\{[{%#]", line)
    return (found.start() if found else len(line) - len(line.lstrip())) + 1
