"""What the commands of evaluations share: their options."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "Backends",
    "DataDir",
    "Limit",
    "Mode",
    "ModeOption",
    "OutDir",
    "Patience",
    "Recordings",
    "Repeats",
    "Resume",
    "RunPath",
]


class Mode(str, Enum):
    """Whence answers come: from recordings alone, from recordings and the model where there is none, from the model
    which is recorded anew, or from the model."""

    REPLAY = "replay"
    RECORD_MISSING = "record-missing"
    RECORD = "record"
    LIVE = "live"


ModeOption = Annotated[
    Mode, typer.Option("--mode", "-m", help="Recorded answers, those and the model's for the rest, or the model's.")
]
Recordings = Annotated[
    Path | None,
    typer.Option("--recordings", help="The recordings; else eval/recordings/SUITE.jsonl.", metavar="FILE|DIR"),
]
DataDir = Annotated[
    Path | None, typer.Option("--data", help="A folder of datasets; else ./eval/datasets.", metavar="DIR")
]
RunPath = Annotated[
    Path | None,
    typer.Option("--run", help="The file of outcomes; else .copydesk/eval/SUITE.jsonl.", metavar="FILE"),
]
Resume = Annotated[bool, typer.Option("--resume", help="Continue the run of that file where it stopped.")]
OutDir = Annotated[Path | None, typer.Option("--out", help="A folder for the reports.", metavar="DIR")]
Backends = Annotated[
    list[str] | None,
    typer.Option("--backend", "-b", help="The backend; else the suite's, else the first of the route.", metavar="NAME"),
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="A sample of so many cases.", metavar="N")]
Repeats = Annotated[
    int | None, typer.Option("--repeats", min=1, max=100, help="How often each case is asked.", metavar="N")
]
Patience = Annotated[
    float,
    typer.Option("--patience", min=0, help="How long to wait for a backend that is away, in seconds.", metavar="S"),
]
