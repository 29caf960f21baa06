"""What the commands on prompts share: the folder they work on, and how they print."""

import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from app.composition import prompt_folder
from app.settings import load_settings
from chains.errors import ConfigurationError

__all__ = ["AsJson", "PromptDir", "dir_option", "folder_of", "own_folder_of", "print_json"]

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


def own_folder_of(dir: Path | None, config: Path | None = None) -> Path:
    """The prompt folder of a command that writes: the named or configured one, or ./prompts. It never falls back to
    another tree. Raises ConfigurationError."""
    if dir is not None:
        return dir
    prompts = load_settings(config).prompts
    if prompts.dir is None and not Path("prompts").is_dir():
        raise ConfigurationError("there is no ./prompts here; name the folder with --dir")
    return prompt_folder(prompts)


def dir_option(dir: Path | None) -> str:
    """The option of the next command on the same folder, with a space before it; nothing where it wasn't given."""
    return "" if dir is None else f" --dir {shlex.quote(str(dir))}"


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))
