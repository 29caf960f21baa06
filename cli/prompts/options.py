"""What the commands on prompts share: the folder they work on, and how they print."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from app.composition import prompt_folder
from app.settings import load_settings

__all__ = ["AsJson", "PromptDir", "console", "folder_of", "print_json"]

PromptDir = Annotated[
    Path | None,
    typer.Option(
        "--dir", "-d", help="The prompt folder; else prompts.dir of the configuration, else ./prompts.", metavar="DIR"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def folder_of(dir: Path | None, config: Path | None = None) -> Path:
    """The prompt folder of a command. Raises ConfigurationError where the configuration can't be used."""
    return dir if dir is not None else prompt_folder(load_settings(config).prompts)


def console() -> Console:
    """Standard output for people: tables as wide as the terminal, and never cut where there is none."""
    return Console(width=None if sys.stdout.isatty() else 200, highlight=False, soft_wrap=False)


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))
