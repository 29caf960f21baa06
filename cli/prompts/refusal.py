"""A refused step as JSON: programs get every reason with the check that it is from."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import typer

from chains.errors import StepRefused
from cli.prompts.options import print_json

__all__ = ["refusals"]


@contextmanager
def refusals(as_json: bool) -> Iterator[None]:
    """Print a refusal as JSON where that was asked for, and exit with 1; else it is printed as every error is."""
    try:
        yield
    except StepRefused as error:
        if not as_json:
            raise
        print_json({"refused": error.step, "reasons": [asdict(reason) for reason in error.reasons]})
        raise typer.Exit(1) from error
