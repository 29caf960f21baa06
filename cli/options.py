"""Command line options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["ConfigFile"]

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="The configuration file; else the one in COPYDESK_CONFIG, else ./copydesk.yaml.",
        metavar="FILE",
    ),
]
