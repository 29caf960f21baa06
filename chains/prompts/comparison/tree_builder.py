"""From a version's texts to its tree. On the way, every block of its templates gets a mark for whoever renders it."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from chains.errors import PromptError
from chains.prompts.comparison.expressions import form_of, text_of
from chains.prompts.comparison.trees import MARK, Block, Branch, Item, Tree
from chains.prompts.sandbox import create_environment
from chains.prompts.version import PromptVersion

__all__ = ["build_tree"]

_MOST_INCLUDES = 1_000


def build_tree(prompt: PromptVersion) -> Tree:
    """The tree of a version. Raises PromptError where it is too large to be inlined."""
    builder = _Builder(create_environment(prompt.ingredients.partials), prompt)
    source = prompt.ingredients.source
    try:
        sections = tuple(builder.section(section.text, section.line, section.role) for section in source.sections)
    except RecursionError as error:
        raise PromptError("nested too deeply to tell its branches apart", path=source.path, rule="limit") from error
    return Tree(sections, builder.branches, builder.places, builder.marked, builder.partials, builder.environment)


@dataclass(slots=True)
class _File:
    """A text whose nodes are visited in order; it begins after `offset` lines of its file. `elses` has the line of
    each `else` tag, by the order in which the `if` and `for` tags open; `sets` are names that it or whatever includes
    it may set."""

    path: Path
    offset: int
    elses: list[int | None]
    sets: frozenset[str]
    opened: int = 0
    branches: int = 0

    def next_else(self) -> int | None:
        self.opened += 1
        return self.elses[self.opened - 1]


@dataclass(slots=True)
class _Builder:
    environment: ImmutableSandboxedEnvironment
    prompt: PromptVersion
    branches: list[Branch] = field(default_factory=list)
    places: list[Hashable] = field(default_factory=list)
    marked: list[nodes.Template] = field(default_factory=list)
    partials: dict[str, nodes.Template] = field(default_factory=dict)

    def section(self, text: str, line: int, role: str) -> Block:
        tree = self.environment.parse(text)
        path = self.prompt.ingredients.source.path
        file = _File(path, line - 1, _else_lines(self.environment, text), _names_set(tree))
        number = self._number(file, 1, f"the {role} section")
        items = self._statements(tree.body, file, number)
        tree.body.insert(0, _mark(number))
        self.marked.append(tree)
        return Block(number, role, (), items)

    def _number(self, file: _File, line: int, description: str) -> int:
        self.branches.append(Branch(file.path, file.offset + line, description))
        self.places.append((file.path, file.offset, file.branches))
        file.branches += 1
        return len(self.branches) - 1

    def _statements(self, statements: Sequence[nodes.Node], file: _File, within: int) -> tuple[Item, ...]:
        """The items of the block of this number. Marks the statements."""
        items: list[Item] = []
        for node in statements:
            if isinstance(node, nodes.Include):
                items += self._include(node, file, within)
            else:
                items += self._statement(node, file)
        return _merged(items)

    def _include(self, node: nodes.Include, file: _File, within: int) -> Sequence[Item]:
        source = self.prompt.ingredients.source
        if len(self.partials) == _MOST_INCLUDES:
            raise PromptError(
                f"its includes expand to more than {_MOST_INCLUDES} partials", path=source.path, rule="limit"
            )
        assert isinstance(node.template, nodes.Const)
        name = str(node.template.value)
        text = self.prompt.ingredients.partials[name]
        tree = self.environment.parse(text)
        node.template = nodes.Const(f"{name} {len(self.partials)}", lineno=node.lineno)
        self.partials[node.template.value] = tree
        own = _names_set(tree)
        apart = own or any(found.name in file.sets for found in tree.find_all(nodes.Name))
        partial = _File(source.path.parents[1] / name, 0, _else_lines(self.environment, text), file.sets | own)
        items = self._statements(tree.body, partial, within)
        return [_divided("Scope", [Block(within, "partial", (), items)])] if apart else items

    def _statement(self, node: Any, file: _File) -> list[Item]:
        """The items of a statement that isn't an include. Marks it."""
        if isinstance(node, nodes.If):
            return [self._if(node, file)]
        if isinstance(node, nodes.For):
            return [self._for(node, file)]
        if isinstance(node, nodes.Output):
            items, node.nodes = self._expressions(node.nodes, file)
            return items
        return [self._undivided(node, file)]

    def _if(self, node: nodes.If, file: _File) -> Item:
        opening, line = text_of(node.test), file.next_else()
        blocks = []
        for word, part in [("if", node), *(("elif", part) for part in node.elif_)]:
            description = f"{word} {text_of(part.test)}"
            item, part.test = self._expression(part.test, file)
            number = self._number(file, part.lineno, description)
            items = self._statements(part.body, file, number)
            part.body.insert(0, _mark(number))
            blocks.append(Block(number, item.form, item.blocks, items))
        number = self._number(file, line or node.lineno, f"the {'' if line else 'missing '}else of if {opening}")
        items = self._statements(node.else_, file, number)
        node.else_.insert(0, _mark(number))
        return _divided("If", [*blocks, Block(number, "else", (), items)])

    def _for(self, node: nodes.For, file: _File) -> Item:
        line, guard = file.next_else(), (form_of(node.target), form_of(node.iter), form_of(node.test))
        description = f"for {text_of(node.target).strip('()')} in {text_of(node.iter)}"
        description += "" if node.test is None else f" if {text_of(node.test)}"
        iterated, node.iter = self._expression(node.iter, file)
        guarding = iterated.blocks
        if node.test is not None:
            tested, node.test = self._expression(node.test, file)
            guarding += tested.blocks
        number = self._number(file, node.lineno, description)
        items = self._statements(node.body, file, number)
        node.body.insert(0, _mark(number))
        blocks = [Block(number, guard, guarding, items)]
        if line is not None:
            number = self._number(file, line, f"the else of {description}")
            items = self._statements(node.else_, file, number)
            node.else_.insert(0, _mark(number))
            blocks.append(Block(number, "else", (), items))
        return _divided("For", blocks)

    def _expressions(self, expressions: Sequence[Any], file: _File) -> tuple[list[Item], list[Any]]:
        pairs = [self._expression(expression, file) for expression in expressions]
        return [item for item, _ in pairs], [marked for _, marked in pairs]

    def _expression(self, node: Any, file: _File) -> tuple[Item, Any]:
        """The item of an expression, and the expression with marks."""
        if isinstance(node, nodes.TemplateData):
            return Item("text", node.data), node
        if isinstance(node, nodes.CondExpr):
            return self._conditional(node, file), node
        if isinstance(node, (nodes.And, nodes.Or)):
            description = f"the right side of {text_of(node)}"
            guard, node.left = self._expression(node.left, file)
            block, node.right = self._arm(node.right, file, description, guard)
            return _divided(type(node).__name__, [block]), node
        return self._undivided(node, file), node

    def _conditional(self, node: nodes.CondExpr, file: _File) -> Item:
        opening = text_of(nodes.CondExpr(node.test, node.expr1, None))
        guard, node.test = self._expression(node.test, file)
        block, node.expr1 = self._arm(node.expr1, file, opening, guard)
        if node.expr2 is not None:
            other, node.expr2 = self._arm(node.expr2, file, f"the else of {opening}", None)
            return _divided("CondExpr", [block, other])
        number = self._number(file, node.lineno, f"the missing else of {opening}")
        node.test = nodes.Or(node.test, _through(nodes.Const(False), number))
        return _divided("CondExpr", [block, Block(number, "missing", (), ())])

    def _arm(self, node: Any, file: _File, description: str, guard: Item | None) -> tuple[Block, nodes.Filter]:
        number = self._number(file, node.lineno, description)
        item, marked = self._expression(node, file)
        form, guarding = (guard.form, guard.blocks) if guard else ("else", ())
        return Block(number, form, guarding, (item,)), _through(marked, number)

    def _undivided(self, node: Any, file: _File) -> Item:
        """The item of a node whose branches are those of its parts. Marks the parts."""
        form = form_of(node)
        blocks: list[Block] = []
        for name, value in node.iter_fields():
            if isinstance(value, nodes.Node):
                item, marked = self._expression(value, file)
                blocks += item.blocks
                setattr(node, name, marked)
            elif isinstance(value, list) and any(isinstance(part, nodes.Node) for part in value):
                items, parts = self._expressions(value, file)
                blocks += [block for item in items for block in item.blocks]
                setattr(node, name, parts)
        return Item(type(node).__name__, form, tuple(blocks))


def _divided(kind: str, blocks: Sequence[Block]) -> Item:
    return Item(kind, (kind, *(block.form for block in blocks)), tuple(blocks), divided=True)


def _merged(items: Sequence[Item]) -> tuple[Item, ...]:
    """The items with texts that touch as one, and without empty ones."""
    merged: list[Item] = []
    for item in items:
        if item.kind == "text" and merged and merged[-1].kind == "text":
            item = Item("text", f"{merged.pop().form}{item.form}")
        if item.form != "":
            merged.append(item)
    return tuple(merged)


def _names_set(tree: nodes.Template) -> frozenset[str]:
    return frozenset(name.name for node in tree.find_all(nodes.Assign) for name in node.find_all(nodes.Name))


def _mark(number: int) -> nodes.ExprStmt:
    return nodes.ExprStmt(_through(nodes.Const(None), number))


def _through(node: Any, number: int) -> nodes.Filter:
    return nodes.Filter(node, MARK, [nodes.Const(number)], [], None, None, lineno=node.lineno)


def _else_lines(environment: ImmutableSandboxedEnvironment, text: str) -> list[int | None]:
    lines: list[int | None] = []
    open_tags: list[int] = []
    begun = False
    for line, kind, value in environment.lex(text):
        if kind == "block_begin":
            begun = True
        elif begun and kind == "name":
            begun = False
            if value in {"if", "for"}:
                open_tags.append(len(lines))
                lines.append(None)
            elif value == "else":
                lines[open_tags[-1]] = line
            elif value in {"endif", "endfor"}:
                open_tags.pop()
    return lines
