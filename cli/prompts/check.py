"""`copydesk prompts check`: whether a prompt folder may be merged and served."""

import typer

from cli.prompts.findings import Format, FormatOption, counted, print_findings
from cli.prompts.options import AsJson, PromptDir, folder_of

__all__ = ["check"]


def check(dir: PromptDir = None, format: FormatOption = Format.HUMAN, as_json: AsJson = False) -> None:
    """Check what CI has to know of the prompt folder: no errors of lint's, nothing released was edited, every label
    serves a released version that fits its task and has evidence, and every golden case renders.

    Example: copydesk prompts check --format github

    Exit codes: 0 all holds, 1 something doesn't, 2 the call is wrong. docs/lint.md explains every rule.
    """
    from chains.prompts.linting.checks import check_folder
    from chains.tasks import load_tasks

    result = check_folder(folder_of(dir), load_tasks())
    summary = (
        f"{result.versions} versions of {result.prompts} prompts, {result.drafts} of them drafts; "
        f"{result.cases} golden cases; {result.labels} labels with evidence: nothing is wrong"
    )
    print_findings(
        result.findings, Format.JSON if as_json else format, counted(result.findings) if result.findings else summary
    )
    if result.findings:
        raise typer.Exit(1)
