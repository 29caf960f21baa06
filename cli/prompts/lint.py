"""`copydesk prompts lint`: what is wrong with prompts, or probably not meant."""

from pathlib import Path
from typing import Annotated

import typer

from cli.prompts.findings import Format, FormatOption, counted, print_findings
from cli.prompts.options import AsJson, PromptDir, folder_of

__all__ = ["lint"]


def lint(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Prompts (summarize), versions (summarize@1.4.0) or their files; else all.",
            metavar="NAME[@VERSION]",
        ),
    ] = None,
    dir: PromptDir = None,
    format: FormatOption = Format.HUMAN,
    as_json: AsJson = False,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings too.")] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Give warnings for released versions too, which can't be edited any more.")
    ] = False,
    budget: Annotated[
        int,
        typer.Option(min=1, help="Warn where the largest golden case and the answer take more tokens (an estimate)."),
    ] = 4096,
) -> None:
    """Show what is wrong with prompts. Errors are shown of all versions, warnings of drafts.

    Example: copydesk prompts lint summarize@1.4.0

    Exit codes: 0 nothing is wrong, 1 there are errors (with --strict: or warnings), 2 the call is wrong.
    docs/lint.md explains every rule.
    """
    from chains.prompts.linting.lint import lint_folder
    from chains.tasks import load_tasks

    only = [_name(given) for given in names or ()]
    findings = lint_folder(folder_of(dir), load_tasks(), only=only, released=every, budget=budget)
    print_findings(findings, Format.JSON if as_json else format, counted(findings))
    if any(strict or finding.severity == "error" for finding in findings):
        raise typer.Exit(1)


def _name(given: str) -> str:
    """`summarize@1.4.0` for a template's path, as a shell completes it; else what was given."""
    path = Path(given)
    return f"{path.parent.name}@{path.stem}" if path.suffix == ".j2" and path.parent.name else given
