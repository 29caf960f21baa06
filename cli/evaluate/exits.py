"""How commands of evaluations end: what their exit codes mean to CI."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import typer

from chains.errors import CopydeskError

__all__ = ["ExitCode", "errors_as_exit_codes"]


class ExitCode(IntEnum):
    """REGRESSED stands for a verdict only: whatever kept a command from its verdict is UNUSABLE."""

    PASS = 0
    REGRESSED = 1
    UNUSABLE = 2
    INCONCLUSIVE = 3
    RECORDINGS_MISSING = 4


@contextmanager
def errors_as_exit_codes() -> Iterator[None]:
    """Errors become lines on stderr and UNUSABLE: a backend that is away must not look like a regression. Nor may a
    fault of ours, which comes with its traceback."""
    try:
        yield
    except CopydeskError as error:
        for line in str(error).splitlines():
            print(f"copydesk: {line}", file=sys.stderr)
        raise typer.Exit(ExitCode.UNUSABLE) from error
    except (typer.Exit, typer.Abort, typer.BadParameter, BrokenPipeError):
        raise
    except Exception as error:
        _tell_fault(error)
        raise typer.Exit(ExitCode.UNUSABLE) from error


def _tell_fault(error: Exception) -> None:
    """What the system refuses is told like any other error; of a fault of ours its place is wanted."""
    if isinstance(error, OSError) and error.filename is not None:
        print(f"copydesk: {error.filename}: {error.strerror}", file=sys.stderr)
    else:
        traceback.print_exc()
