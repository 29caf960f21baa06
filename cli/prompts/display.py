"""How the commands on prompts show a version, a table and messages."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from chains.prompts import PromptSet, PromptVersion

__all__ = [
    "identity",
    "labels_of",
    "note",
    "print_messages",
    "print_rule",
    "print_table",
    "schema_lines",
    "short_digest",
    "state_of",
    "table",
]

_WIDEST_RULE = 80
_UNBOUNDED = 100_000


def state_of(prompts: "PromptSet", prompt: "PromptVersion") -> str:
    """`released`, `draft`, or `edited`: released, but no longer what the lock says it was."""
    locked = prompts.lock.versions.get(str(prompt))
    if locked is None:
        return "draft"
    return "released" if locked == prompt.digest else "edited"


def labels_of(prompts: "PromptSet", prompt: "PromptVersion") -> list[str]:
    """The labels that serve a version: `production`, `canary 10 %`."""
    targets = prompts.labels.get(prompt.name, {})
    return [
        label if target.percent is None else f"{label} {target.percent:g} %"
        for label, target in targets.items()
        if target.version == prompt.version
    ]


def identity(prompts: "PromptSet", prompt: "PromptVersion") -> dict[str, Any]:
    """A version as JSON: name, version, digest, state and labels with their shares."""
    targets = prompts.labels.get(prompt.name, {})
    return {
        "name": prompt.name,
        "version": prompt.version,
        "digest": prompt.digest,
        "state": state_of(prompts, prompt),
        "labels": [
            {"label": label} if target.percent is None else {"label": label, "percent": target.percent}
            for label, target in targets.items()
            if target.version == prompt.version
        ],
    }


def note(prompts: "PromptSet", prompt: "PromptVersion") -> str:
    """`released, production`"""
    return ", ".join([state_of(prompts, prompt), *labels_of(prompts, prompt)])


def short_digest(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]


def schema_lines(inputs: Mapping[str, Mapping[str, Any]], required: frozenset[str]) -> list[str]:
    """The inputs of a prompt, one a line, with their schemas."""
    width = max(map(len, inputs), default=0)
    return [
        f"  {name:<{width}}  {'required' if name in required else 'optional'}  {json.dumps(schema, ensure_ascii=False)}"
        for name, schema in inputs.items()
    ]


def table(*columns: str) -> Table:
    found = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        found.add_column(column, overflow="fold")
    return found


def print_table(shown: Table) -> None:
    """As wide as the terminal; one line a row where there is none, however long."""
    console = Console(width=None if sys.stdout.isatty() else _UNBOUNDED, highlight=False)
    with console.capture() as captured:
        console.print(shown)
    for line in captured.get().splitlines():
        print(line.rstrip())


def print_rule(title: str, style: str = "dim") -> None:
    """A line that cannot be taken for a prompt's text on a terminal."""
    console = Console(highlight=False)
    width = min(console.width, _WIDEST_RULE)
    console.print(Text(f"── {title} ".ljust(width, "─"), style=style), soft_wrap=True)


def print_messages(messages: Sequence[Mapping[str, Any]]) -> None:
    """Each message under a rule with its role; contents byte for byte, and one line break after each."""
    for message in messages:
        print_rule(message["role"])
        sys.stdout.write(message["content"] + "\n")
    sys.stdout.flush()
