"""Jinja's expressions: as text for people, and in a form that is equal where they are the same."""

import json
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from jinja2 import nodes

__all__ = ["form_of", "text_of"]

_OPERATORS = {"eq": "==", "ne": "!=", "gt": ">", "gteq": ">=", "lt": "<", "lteq": "<=", "in": "in", "notin": "not in"}
_LEVELS: Mapping[type[nodes.Node], int] = {
    nodes.CondExpr: 0,
    nodes.Or: 1,
    nodes.And: 2,
    nodes.Not: 3,
    nodes.Compare: 4,
    nodes.Add: 5,
    nodes.Sub: 5,
    nodes.Mul: 7,
    nodes.Div: 7,
    nodes.FloorDiv: 7,
    nodes.Mod: 7,
    nodes.Neg: 8,
    nodes.Pos: 8,
}
"""How tightly expressions bind in Jinja."""

_CONCAT = 6
_TIGHTEST = 9


def form_of(node: Any) -> Hashable:
    """What a node means, without its place in the file. Numbers of different types differ: they print differently."""
    if isinstance(node, nodes.Node):
        return (type(node).__name__, *(form_of(value) for _, value in node.iter_fields()))
    if isinstance(node, (list, tuple)):
        return tuple(map(form_of, node))
    return type(node).__name__, repr(node)


def text_of(node: Any) -> str:
    """An expression as an author would write it, on one line."""
    write = next((write for kind, write in _WRITERS.items() if isinstance(node, kind)), None)
    return write(node) if write is not None else f"<{type(node).__name__}>"


def _operand(node: Any, level: int = _TIGHTEST) -> str:
    """In parentheses, where it binds less tightly than its place needs."""
    text = text_of(node)
    return f"({text})" if _level(node) < level else text


def _level(node: Any) -> int:
    if isinstance(node, nodes.Filter) and node.name.startswith("_"):  # what the environment put around it
        return _CONCAT if node.name == "_concat" else _level(node.node)
    return _LEVELS.get(type(node), _TIGHTEST)


def _all(items: Any) -> str:
    return ", ".join(map(text_of, items))


def _constant(node: Any) -> str:
    return json.dumps(node.value, ensure_ascii=False) if isinstance(node.value, str) else str(node.value).lower()


def _binary(node: Any) -> str:
    level = _level(node)
    return f"{_operand(node.left, level)} {node.operator} {_operand(node.right, level + 1)}"


def _compare(node: Any) -> str:
    parts = (f"{_OPERATORS[part.op]} {_operand(part.expr, 5)}" for part in node.ops)
    return " ".join([_operand(node.expr, 5), *parts])


def _conditional(node: Any) -> str:
    text = f"{_operand(node.expr1, 1)} if {_operand(node.test, 1)}"
    return text if node.expr2 is None else f"{text} else {text_of(node.expr2)}"


def _arguments(node: Any) -> str:
    return ", ".join(map(text_of, [*node.args, *node.kwargs]))


def _filter(node: Any) -> str:
    if node.name == "_concat":
        return " ~ ".join(_operand(part, _CONCAT + 1) for part in node.node.items)
    if node.name.startswith("_"):
        return text_of(node.node)
    arguments = _arguments(node)
    return f"{_operand(node.node)}|{node.name}" + (f"({arguments})" if arguments else "")


def _test(node: Any) -> str:
    arguments = _arguments(node)
    return f"{_operand(node.node)} is {node.name}" + (f"({arguments})" if arguments else "")


def _slice(node: Any) -> str:
    parts = ["" if part is None else text_of(part) for part in (node.start, node.stop, node.step)]
    return ":".join(parts if parts[2] else parts[:2])


_WRITERS: Mapping[type[nodes.Node], Callable[[Any], str]] = {
    nodes.Name: lambda node: str(node.name),
    nodes.Const: _constant,
    nodes.BinExpr: _binary,
    nodes.Compare: _compare,
    nodes.CondExpr: _conditional,
    nodes.Filter: _filter,
    nodes.Test: _test,
    nodes.Not: lambda node: f"not {_operand(node.node, 3)}",
    nodes.Neg: lambda node: f"-{_operand(node.node, 8)}",
    nodes.Pos: lambda node: f"+{_operand(node.node, 8)}",
    nodes.Getattr: lambda node: f"{_operand(node.node)}.{node.attr}",
    nodes.Getitem: lambda node: f"{_operand(node.node)}[{text_of(node.arg)}]",
    nodes.Call: lambda node: f"{_operand(node.node)}({_arguments(node)})",
    nodes.Keyword: lambda node: f"{node.key}={text_of(node.value)}",
    nodes.List: lambda node: f"[{_all(node.items)}]",
    nodes.Tuple: lambda node: f"({_all(node.items)}{',' if len(node.items) == 1 else ''})",
    nodes.Dict: lambda node: "{" + _all(node.items) + "}",
    nodes.Pair: lambda node: f"{text_of(node.key)}: {text_of(node.value)}",
    nodes.Slice: _slice,
}
