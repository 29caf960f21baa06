"""The names that a template uses without having them, and where they stand."""

import difflib
import re
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

from jinja2 import nodes

from chains.errors import PromptError

__all__ = ["wrong_names"]

_MOST_TOLD = 50


def wrong_names(
    names: Set[str], tree: nodes.Template, text: str, path: Path, offset: int, inputs: Mapping[str, Any]
) -> list[PromptError]:
    """An error for every name that is neither an input nor made by the template, at its first use.

    `names` are those that the template doesn't make itself; `tree` is the parsed `text`, which begins after
    `offset` lines of the file.
    """
    wrong = sorted(names - inputs.keys() - {"range"})
    if not wrong:
        return []
    errors = []
    first: dict[str, int] = {}
    for node in tree.find_all(nodes.Name):
        if node.ctx == "load":
            first[node.name] = min(node.lineno, first.get(node.name, node.lineno))
    lines = text.split("\n")
    for name in wrong[:_MOST_TOLD]:
        at = first.get(name, 1)
        near = difflib.get_close_matches(name, list(inputs), 1)
        known = f"did you mean {near[0]}?" if near else f"the inputs are {', '.join(inputs) or 'none'}"
        column = _column(name, lines[at - 1])
        errors.append(
            PromptError(
                f"{name!r} is not an input",
                path=path,
                line=offset + at,
                column=column,
                hint=known,
                rule="undefined-variable",
            )
        )
    if len(wrong) > _MOST_TOLD:
        message = f"{len(wrong) - _MOST_TOLD} more names are not inputs"
        errors.append(PromptError(message, path=path, rule="undefined-variable"))
    return errors


def _column(name: str, line: str) -> int:
    """Where a name stands within a tag of the line; in a tag that spans lines, where it stands at all."""
    word = re.compile(rf"\b{re.escape(name)}\b")
    for tag in re.finditer(r"\{[{%].*?(?:[}%]\}|$)", line):
        found = word.search(line, tag.start(), tag.end())
        if found:
            return found.start() + 1
    found = word.search(line)
    return found.start() + 1 if found else 1
