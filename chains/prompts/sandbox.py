"""The Jinja environment of prompt templates: a closed subset of the language, rendered within bounds.

A prompt needs values, conditions, loops and partials; everything else of Jinja is refused when the file is
loaded, by its line. What remains can't run without end: one budget for each render counts loop iterations and
the characters that operators, filters and the output produce, and each is checked before the memory is taken.
"""

from collections.abc import Callable, Mapping, MutableMapping
from io import StringIO
from typing import Any

from jinja2 import BaseLoader, StrictUndefined, Template, Undefined, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError, TemplateNotFound
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from chains.prompts.budget import BUDGET, Budget, LimitExceeded, bounded_number
from chains.prompts.filters import FILTERS, INTERNAL_FILTERS, NAMED_BY_ARGUMENT, TESTS, bounded_range, printed

__all__ = ["Refused", "create_environment", "generate"]

_DEEPEST = 50

_METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset({"endswith", "lower", "lstrip", "rstrip", "split", "splitlines", "startswith", "strip", "upper"}),
    dict: frozenset({"get", "items", "keys", "values"}),
    list: frozenset({"count", "index"}),
}
_NODES = frozenset({
    nodes.Add, nodes.And, nodes.Assign, nodes.Call, nodes.Compare, nodes.Concat, nodes.CondExpr, nodes.Const,
    nodes.Dict, nodes.Div, nodes.Filter, nodes.FloorDiv, nodes.For, nodes.Getattr, nodes.Getitem, nodes.If,
    nodes.Include, nodes.Keyword, nodes.List, nodes.Mod, nodes.Mul, nodes.Name, nodes.Neg, nodes.Not,
    nodes.Operand, nodes.Or, nodes.Output, nodes.Pair, nodes.Pos, nodes.Slice, nodes.Sub, nodes.Template,
    nodes.TemplateData, nodes.Test, nodes.Tuple,
})  # fmt: skip


class Refused(Exception):
    """A construct that prompt templates may not use.

    `line` counts from 1 within the template's text; `word` stands in the tag that is meant, where one is known.
    """

    def __init__(self, message: str, line: int, word: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.word = word


def create_environment(partials: Mapping[str, str]) -> ImmutableSandboxedEnvironment:
    """The environment over a fixed set of partials, given as `partials/NAME.j2` -> text.

    Compiling a template raises Refused for a construct outside the subset, and Jinja's own TemplateSyntaxError.
    """
    return _Environment(_Partials(partials))


def generate(tree: nodes.Template, filename: str) -> tuple[str, frozenset[str]]:
    """The Python source of a parsed template, and the names that it reads and doesn't make itself."""
    assert tree.environment is not None
    source = StringIO()
    # Jinja would look for constants to fold, which are few where every operator passes through the budget.
    generator = _Generator(tree.environment, None, filename, source, optimized=False)
    generator.visit(tree)
    return source.getvalue(), frozenset(generator.undeclared)


class _Partials(BaseLoader):
    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def get_source(self, environment: Any, template: str) -> tuple[str, str | None, Callable[[], bool]]:
        if template not in self._texts:
            raise TemplateNotFound(template)
        return self._texts[template], template, lambda: True


class _Template(Template):
    def new_context(
        self, vars: dict[str, Any] | None = None, shared: bool = False, locals: Mapping[str, Any] | None = None
    ) -> Context:
        if shared and vars:  # an include: partials that include others twice each would double without a loop
            vars[BUDGET].iterate()
        return super().new_context(vars, shared, locals)


class _Generator(CodeGenerator):
    """Jinja's own, which also notes what a template reads and doesn't make, as `jinja2.meta` would find it."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.undeclared: set[str] = set()

    def enter_frame(self, frame: Frame) -> None:
        super().enter_frame(frame)
        resolved = {name for action, name in frame.symbols.loads.values() if action == "resolve" and name is not None}
        self.undeclared |= resolved - self.environment.globals.keys()


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%"})
    template_class = _Template

    def __init__(self, loader: BaseLoader) -> None:
        super().__init__(
            loader=loader,
            undefined=StrictUndefined,
            finalize=printed,
            autoescape=False,
            keep_trailing_newline=True,
            auto_reload=False,
            cache_size=-1,
        )
        self.filters = {**FILTERS, **INTERNAL_FILTERS}
        self.tests = dict(TESTS)
        self.globals = {"range": bounded_range}

    def make_globals(self, d: Any) -> MutableMapping[str, Any]:
        return {**self.globals, **(d or {})}  # Jinja's chained mapping is walked at every render

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        tree.body = [_bound(node) for node in tree.body]
        return tree

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if attr.startswith("_"):
            return False
        if isinstance(obj, LoopContext):
            return True
        return any(isinstance(obj, kind) and attr in names for kind, names in _METHODS.items())

    def is_safe_callable(self, obj: Any) -> bool:
        owner = getattr(obj, "__self__", None)
        name = getattr(obj, "__name__", "")
        return obj is bounded_range or (owner is not None and self.is_safe_attribute(owner, name, obj))

    def getitem(self, obj: Any, argument: Any) -> Any:
        found = super().getitem(obj, argument)
        if isinstance(found, Undefined):  # Jinja's own message quotes the key, which may be a caller's value
            return self.undefined(f"a {type(obj).__name__} does not have this element")
        return found

    def call(self, context: Context, called: Any, /, *args: Any, **kwargs: Any) -> Any:
        if isinstance(called, Undefined):
            called()  # raises, and says what is undefined
        if not self.is_safe_callable(called):
            raise SecurityError(f"a {type(called).__name__} cannot be called")
        budget: Budget = context[BUDGET]
        owner = getattr(called, "__self__", None)
        budget.produce(len(owner) if isinstance(owner, (str, list)) else 0)
        return context.call(called, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        budget: Budget = context[BUDGET]
        if operator == "%" and isinstance(left, str):
            raise LimitExceeded("% formats no text here; write the values into the template")
        bounded_number(left)
        bounded_number(right)
        if isinstance(left, (str, list, tuple)) or isinstance(right, (str, list, tuple)):
            budget.produce(_size_of(operator, left, right))
        return bounded_number(super().call_binop(context, operator, left, right))


def _size_of(operator: str, left: Any, right: Any) -> int:
    if operator == "*":
        sequence, times = (left, right) if isinstance(right, int) else (right, left)
        return len(sequence) * max(int(times), 0) if isinstance(times, int) else 0
    return sum(len(side) for side in (left, right) if isinstance(side, (str, list, tuple)))


def _bound(node: Any, depth: int = 0) -> Any:
    """Refuse what isn't in the subset, here and below; return the node with all that loops, compares, cuts or joins
    texts led through the budget."""
    if depth > _DEEPEST:
        raise Refused(f"nested more than {_DEEPEST} levels deep", node.lineno)
    kind = type(node)
    if kind not in _NODES:
        line = node.lineno or next((below.lineno for below in node.find_all(nodes.Node) if below.lineno), 1)
        raise Refused(f"{kind.__name__} is not available in prompt templates", line, kind.__name__.lower())
    if kind in _CHECKS:
        _CHECKS[kind](node)
    for field in node.fields:
        value = getattr(node, field)
        if isinstance(value, nodes.Node):
            setattr(node, field, _bound(value, depth + 1))
        elif isinstance(value, list):
            value[:] = [_bound(item, depth + 1) if isinstance(item, nodes.Node) else item for item in value]
    return _BOUNDS[kind](node) if kind in _BOUNDS else node


def _check_name(node: Any) -> None:
    name = node.name if isinstance(node, nodes.Name) else node.attr
    if name == "self" and isinstance(node, nodes.Name):
        raise Refused("'self' is not available in prompt templates", node.lineno, name)
    if name.startswith("_"):
        raise Refused(f"{name!r} is not available: names may not begin with an underscore", node.lineno, name)


def _check_constant(node: Any) -> None:
    try:
        bounded_number(node.value)
    except LimitExceeded as error:
        raise Refused("the number is too large", node.lineno) from error


def _check_filter(node: Any) -> None:
    _check_named(node, "filter", FILTERS)
    position, names = NAMED_BY_ARGUMENT.get(node.name, (0, frozenset()))
    if not names or len(node.args) <= position:
        return
    named = node.args[position]
    if not isinstance(named, nodes.Const) or named.value not in names:
        raise Refused(
            f"{node.name} takes one of these literal names: {', '.join(sorted(names))}", node.lineno, node.name
        )


def _check_test(node: Any) -> None:
    _check_named(node, "test", TESTS)


def _check_named(node: Any, kind: str, known: Mapping[str, Any]) -> None:
    if node.name not in known:
        raise Refused(f"there is no {kind} {node.name!r}; there are {', '.join(sorted(known))}", node.lineno, node.name)
    _check_arguments(node)


def _check_arguments(node: Any) -> None:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise Refused("* and ** are not available; write out the arguments", node.lineno)


def _check_loop(node: Any) -> None:
    if node.recursive:
        raise Refused("a loop may not be recursive", node.lineno, "recursive")


def _check_include(node: Any) -> None:
    if not isinstance(node.template, nodes.Const) or not isinstance(node.template.value, str):
        raise Refused(
            'a partial is included by its literal name: {% include "partials/NAME.j2" %}', node.lineno, "include"
        )
    if node.ignore_missing or not node.with_context:
        raise Refused("an include takes neither `ignore missing` nor `without context`", node.lineno, "include")


def _check_call(node: Any) -> None:
    called = node.node
    by_method = isinstance(called, nodes.Getattr) and (called.attr in {"cycle"}.union(*_METHODS.values()))
    if not by_method and not (isinstance(called, nodes.Name) and called.name == "range"):
        raise Refused("only range() and simple methods of texts and mappings can be called", node.lineno)
    _check_arguments(node)


_CHECKS: Mapping[type[nodes.Node], Callable[[Any], None]] = {
    nodes.Call: _check_call,
    nodes.Const: _check_constant,
    nodes.Filter: _check_filter,
    nodes.For: _check_loop,
    nodes.Getattr: _check_name,
    nodes.Include: _check_include,
    nodes.Name: _check_name,
    nodes.Test: _check_test,
}


def _bound_loop(node: Any) -> Any:
    node.iter = _through("_iterate", node.iter)
    return node


def _bound_operand(node: Any) -> Any:
    node.expr = _through("_read", node.expr)
    return node


def _bound_item(node: Any) -> Any:
    if isinstance(node.arg, nodes.Slice):
        node.node = _through("_read", node.node)
    return node


def _bound_concat(node: Any) -> Any:
    return _through("_concat", nodes.List(node.nodes, lineno=node.lineno))


_BOUNDS: Mapping[type[nodes.Node], Callable[[Any], Any]] = {
    nodes.Concat: _bound_concat,
    nodes.For: _bound_loop,
    nodes.Getitem: _bound_item,
    nodes.Operand: _bound_operand,
}


def _through(name: str, node: Any) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
