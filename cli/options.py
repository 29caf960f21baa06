"""Command line options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["ConfigFile"]

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The configuration file; else COPYDESK_CONFIG names it.", metavar="FILE"),
]
