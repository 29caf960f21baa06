"""The Jinja environment of prompt templates: a closed subset of the language, rendered within bounds.

A prompt needs values, conditions, loops and partials; everything else of Jinja is refused when the file is
loaded, by its line. What remains can't run without end: one budget for each render counts loop iterations and
the characters that operators, filters and the output produce, and each is checked before the memory is taken.
"""

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import BaseLoader, StrictUndefined, nodes
from jinja2.exceptions import TemplateNotFound
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS

from chains.prompts.budget import BUDGET, Budget, LimitExceeded
from chains.prompts.filters import FILTERS, INTERNAL_FILTERS, bounded_range

__all__ = ["Refused", "create_environment"]

_LARGEST_NUMBER = 1 << 63

_TESTS = frozenset({
    "boolean", "defined", "divisibleby", "eq", "equalto", "even", "false", "float", "ge", "gt", "greaterthan",
    "in", "integer", "iterable", "le", "lessthan", "lower", "lt", "mapping", "ne", "none", "number", "odd",
    "sameas", "sequence", "string", "true", "undefined", "upper",
})  # fmt: skip
_METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset({"endswith", "lower", "lstrip", "rstrip", "split", "splitlines", "startswith", "strip", "upper"}),
    dict: frozenset({"get", "items", "keys", "values"}),
    list: frozenset({"count", "index"}),
}
_NODES = (
    nodes.Add | nodes.And | nodes.Assign | nodes.Call | nodes.Compare | nodes.Concat | nodes.CondExpr | nodes.Const
    | nodes.Dict | nodes.Div | nodes.Filter | nodes.FloorDiv | nodes.For | nodes.Getattr | nodes.Getitem | nodes.If
    | nodes.Include | nodes.Keyword | nodes.List | nodes.Mod | nodes.Mul | nodes.Name | nodes.Neg | nodes.Not
    | nodes.Operand | nodes.Or | nodes.Output | nodes.Pair | nodes.Pos | nodes.Slice | nodes.Sub | nodes.Template
    | nodes.TemplateData | nodes.Test | nodes.Tuple
)  # fmt: skip


class Refused(Exception):
    """A construct that prompt templates may not use; `line` counts from 1 within the template's text."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def create_environment(partials: Mapping[str, str]) -> ImmutableSandboxedEnvironment:
    """The environment over a fixed set of partials, given as `partials/NAME.j2` -> text.

    Compiling a template raises Refused for a construct outside the subset, and Jinja's own TemplateSyntaxError.
    """
    return _Environment(_Partials(partials))


class _Partials(BaseLoader):
    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def get_source(self, environment: Any, template: str) -> tuple[str, str | None, Callable[[], bool]]:
        if template not in self._texts:
            raise TemplateNotFound(template)
        return self._texts[template], template, lambda: True


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"+", "*", "%"})

    def __init__(self, loader: BaseLoader) -> None:
        super().__init__(
            loader=loader, undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True, auto_reload=False
        )
        self.filters = {**FILTERS, **INTERNAL_FILTERS}
        self.tests = {name: TESTS[name] for name in _TESTS}
        self.globals = {"range": bounded_range}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for node in tree.iter_child_nodes():
            _check(node)
        _bound(tree)
        return tree

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if attr.startswith("_"):
            return False
        if isinstance(obj, LoopContext):
            return True
        return not callable(value) or any(isinstance(obj, kind) and attr in names for kind, names in _METHODS.items())

    def is_safe_callable(self, obj: Any) -> bool:
        owner = getattr(obj, "__self__", None)
        name = getattr(obj, "__name__", "")
        return obj is bounded_range or (owner is not None and self.is_safe_attribute(owner, name, obj))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        budget: Budget = context[BUDGET]
        if operator == "%" and isinstance(left, str):
            raise LimitExceeded("% formats no text here; write the values into the template")
        if isinstance(left, (str, list, tuple)) or isinstance(right, (str, list, tuple)):
            budget.produce(_size_of(operator, left, right))
        result = super().call_binop(context, operator, left, right)
        if isinstance(result, int) and abs(result) > _LARGEST_NUMBER:
            raise LimitExceeded("a number became too large")
        return result


def _size_of(operator: str, left: Any, right: Any) -> int:
    if operator == "*":
        sequence, times = (left, right) if isinstance(right, int) else (right, left)
        return len(sequence) * max(int(times), 0) if isinstance(times, int) else 0
    return sum(len(side) for side in (left, right) if isinstance(side, (str, list, tuple)))


def _check(node: nodes.Node) -> None:
    """Refuse what isn't in the subset, here and below."""
    if not isinstance(node, _NODES):
        raise Refused(f"{type(node).__name__} is not available in prompt templates", node.lineno)
    if isinstance(node, (nodes.Name, nodes.Getattr)):
        name = node.name if isinstance(node, nodes.Name) else node.attr
        if name.startswith("_"):
            raise Refused(f"{name!r} is not available: names may not begin with an underscore", node.lineno)
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        raise Refused(f"there is no filter {node.name!r}; there are {', '.join(sorted(FILTERS))}", node.lineno)
    if isinstance(node, nodes.Test) and node.name not in _TESTS:
        raise Refused(f"there is no test {node.name!r}; there are {', '.join(sorted(_TESTS))}", node.lineno)
    if isinstance(node, nodes.For) and node.recursive:
        raise Refused("a loop may not be recursive", node.lineno)
    if isinstance(node, nodes.Include):
        _check_include(node)
    if isinstance(node, nodes.Call):
        _check_call(node)
    for child in node.iter_child_nodes():
        _check(child)


def _check_include(node: nodes.Include) -> None:
    if not isinstance(node.template, nodes.Const) or not isinstance(node.template.value, str):
        raise Refused('a partial is included by its literal name: {% include "partials/NAME.j2" %}', node.lineno)
    if node.ignore_missing or not node.with_context:
        raise Refused("an include takes neither `ignore missing` nor `without context`", node.lineno)


def _check_call(node: nodes.Call) -> None:
    called = node.node
    by_method = isinstance(called, nodes.Getattr) and (called.attr in {"cycle"}.union(*_METHODS.values()))
    if not by_method and not (isinstance(called, nodes.Name) and called.name == "range"):
        raise Refused("only range() and simple methods of texts and mappings can be called", node.lineno)


def _bound(tree: nodes.Template) -> None:
    """Let every loop and every `~` pass through the budget."""
    for loop in tree.find_all(nodes.For):
        loop.iter = _through("_iterate", loop.iter)
    _bound_concats(tree)


def _bound_concats(node: nodes.Node) -> None:
    for field, value in node.iter_fields():
        if isinstance(value, nodes.Node):
            _bound_concats(value)
            setattr(node, field, _bounded_concat(value))
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, nodes.Node):
                    _bound_concats(item)
            setattr(node, field, [_bounded_concat(item) for item in value])


def _bounded_concat(node: Any) -> Any:
    if not isinstance(node, nodes.Concat):
        return node
    return _through("_concat", nodes.List(node.nodes, lineno=node.lineno))


def _through(name: str, node: Any) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
