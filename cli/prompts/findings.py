"""How findings are printed: for people like a compiler's, for GitHub as annotations, for programs as JSON."""

import os
import re
import sys
import unicodedata
from collections.abc import Sequence
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from cli.prompts.options import print_json

if TYPE_CHECKING:
    from chains.prompts.linting.findings import Finding

__all__ = ["Format", "FormatOption", "counted", "github_line", "print_findings", "snippet"]

_TAB = 4
_NARROWEST = 20
_BIDIRECTIONAL = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_STYLES = {"error": "bold red", "warning": "bold yellow"}


class Format(str, Enum):
    HUMAN = "human"
    GITHUB = "github"
    JSON = "json"


FormatOption = Annotated[
    Format, typer.Option("--format", help="human: with the lines; github: annotations of a workflow; json.")
]


def print_findings(findings: Sequence["Finding"], format: Format, summary: str) -> None:
    """Print findings and, but for JSON, a last line."""
    if format is Format.JSON:
        print_json(_as_json(findings))
        return
    console = Console(highlight=False)
    width = console.width if sys.stdout.isatty() else None
    for finding in findings:
        if format is Format.GITHUB:
            print(github_line(finding))
        else:
            console.print(_human(finding, width), soft_wrap=True)
    print(summary)


def counted(findings: Sequence["Finding"]) -> str:
    """`1 error, 2 warnings`"""
    errors = sum(finding.severity == "error" for finding in findings)
    warnings = len(findings) - errors
    return f"{errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}"


def github_line(finding: "Finding") -> str:
    """A workflow command of GitHub's, escaped as its toolkit does."""
    properties = {
        "file": _shown(finding.path),
        "line": finding.line,
        "col": finding.column,
        "title": finding.rule,
    }
    said = ",".join(f"{key}={_escaped(str(value), ':,')}" for key, value in properties.items() if value is not None)
    message = f"{finding.message}\nhelp: {finding.hint}" if finding.hint else finding.message
    return f"::{finding.severity} {said}::{_escaped(message)}"


def snippet(line: str, column: int | None, width: int | None = None) -> tuple[str, str]:
    """A source line as a terminal can show it, and the carets under what begins at the column (from 1).

    Tabs become four spaces, characters that would move the cursor or turn the text around a replacement. A line that
    is longer than `width` cells is cut on both sides, which … marks.
    """
    at = min(max((column or 1) - 1, 0), len(line))
    end = at + (_length(line, at) if column is not None else 0)
    before, marked, after = (_printable(part) for part in (line[:at], line[at:end], line[end:]))
    if width is not None and cell_len(before + marked + after) > width:
        before, marked, after = _cut(before, marked, after, max(width, _NARROWEST))
    carets = " " * cell_len(before) + "^" * max(cell_len(marked), 1) if column is not None else ""
    return before + marked + after, carets


def _as_json(findings: Sequence["Finding"]) -> dict[str, object]:
    errors = sum(finding.severity == "error" for finding in findings)
    return {
        "errors": errors,
        "warnings": len(findings) - errors,
        "findings": [
            {
                "rule": finding.rule,
                "severity": finding.severity,
                "path": _shown(finding.path),
                "line": finding.line,
                "column": finding.column,
                "message": finding.message,
                "hint": finding.hint,
            }
            for finding in findings
        ],
    }


def _human(finding: "Finding", width: int | None) -> Text:
    style = _STYLES[finding.severity]
    place = ":".join(str(part) for part in (_shown(finding.path), finding.line, finding.column) if part is not None)
    text = Text().append(f"{place}: ", style="bold").append(f"{finding.severity}[{finding.rule}]", style=style)
    text.append(f": {_printable(finding.message)}\n", style="bold")
    gutter = " " * len(str(finding.line or ""))
    lines = _lines(finding.path)
    if finding.line is not None and finding.line <= len(lines):
        room = width - len(gutter) - 3 if width is not None else None
        source, carets = snippet(lines[finding.line - 1], finding.column, room)
        text.append(f"{gutter} |\n{finding.line} | ", style="blue").append(f"{source}\n")
        if carets:
            text.append(f"{gutter} | ", style="blue").append(f"{carets}\n", style=style)
    for note in (f"help: {_printable(finding.hint)}" if finding.hint else "", f"docs/lint.md#{finding.rule}"):
        if note:
            text.append(f"{gutter} = ", style="blue").append(f"{note}\n")
    return text


@cache
def _lines(path: Path) -> list[str]:
    """The lines of a file; none where it can't be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return []


def _shown(path: Path) -> str:
    """The path from here, where it lies below."""
    try:
        return path.resolve().relative_to(Path.cwd().resolve()).as_posix()
    except ValueError:
        return os.fspath(path)


def _length(line: str, at: int) -> int:
    """How many characters to mark: a tag, a word, or one."""
    found = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|[\w.-]+").match(line, at)
    return len(found[0]) if found else 1


def _printable(text: str) -> str:
    return "".join(
        " " * _TAB if character == "\t" else "\ufffd" if _moves(character) else character for character in text
    )


def _moves(character: str) -> bool:
    return unicodedata.category(character) == "Cc" or character in _BIDIRECTIONAL


def _cut(before: str, marked: str, after: str, width: int) -> tuple[str, str, str]:
    while len(marked) > 1 and cell_len(marked) > width // 2:
        marked, after = marked[:-1], "…"
    room = width - cell_len(marked)
    if cell_len(before) > room // 2:
        while before and cell_len(before) > room // 2 - 1:
            before = before[1:]
        before = "…" + before
    room -= cell_len(before)
    if cell_len(after) > room:
        while after and cell_len(after) > room - 1:
            after = after[:-1]
        after += "…"
    return before, marked, after


def _escaped(text: str, more: str = "") -> str:
    """Percent-encode what ends a workflow command, and in a property its separators."""
    return "".join(f"%{ord(character):02X}" if character in "%\r\n" + more else character for character in text)
