"""As much of PromQL as it takes to tell which metrics and labels an expression speaks of."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Selector", "grouped_labels", "selectors"]

_STRING = r'"(?:[^"\\]|\\.)*"'
_TOKEN = re.compile(
    rf"(?P<string>{_STRING})|(?P<range>\[[^\]]*\])|(?P<number>\d[\d.e]*[a-z]*)|(?P<word>[A-Za-z_:][\w:]*)|(?P<sign>\S)"
)
_WORDS = {"by", "without", "on", "ignoring", "group_left", "group_right", "and", "or", "unless", "bool", "offset"}
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")
_MATCHER = re.compile(rf"([A-Za-z_]\w*)\s*(?:=~|!~|!=|=)\s*{_STRING}")


@dataclass(frozen=True)
class Selector:
    """A metric's name, and the labels that its matchers name."""

    metric: str
    labels: frozenset[str]


def grouped_labels(expression: str) -> set[str]:
    """The labels by which the expression groups."""
    return {label.strip() for found in _GROUPING.findall(expression) for label in found.split(",") if label.strip()}


def selectors(expression: str) -> Iterator[Selector]:
    """All selectors. Raises ValueError where brackets don't match."""
    _check_brackets(expression)
    text = _GROUPING.sub(" ", expression)
    matchers = {found.start(): found[0] for found in re.finditer(rf"\{{(?:[^{{}}\"]|{_STRING})*\}}", text)}
    inside = {at for start, body in matchers.items() for at in range(start, start + len(body))}
    for token in _TOKEN.finditer(text):
        word = token["word"]
        if word is None or token.start() in inside or word in _WORDS:
            continue
        rest = text[token.end() :].lstrip()
        if rest.startswith("("):
            continue
        at = len(text) - len(rest)
        yield Selector(word, frozenset(_MATCHER.findall(matchers.get(at, ""))))


def _check_brackets(expression: str) -> None:
    plain = re.sub(_STRING, "", expression)
    opened: list[str] = []
    for character in plain:
        if character in "([{":
            opened.append({"(": ")", "[": "]", "{": "}"}[character])
        elif character in ")]}" and (not opened or opened.pop() != character):
            raise ValueError(f"a bracket too many: {expression}")
    if opened:
        raise ValueError(f"a bracket is not closed: {expression}")
