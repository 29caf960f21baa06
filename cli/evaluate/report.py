"""`copydesk eval report`: what was found before, in other forms."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from chains.errors import ConfigurationError
from cli.evaluate import options
from cli.evaluate.exits import errors_as_exit_codes
from cli.evaluate.stored import cases_of, finished_run
from eval.reports.forms import Form, form_text, write_forms

if TYPE_CHECKING:
    from eval.report import Report

__all__ = ["report"]


def report(
    path: Annotated[
        Path,
        typer.Argument(help="A report.json, or a run file: it is scored anew.", metavar="RUN|REPORT"),
    ],
    forms: Annotated[
        list[Form] | None, typer.Option("--format", "-f", help="Which form; else all of them. Repeat it.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="A folder for the files; without it one form is printed.", metavar="DIR"),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option("--suite", help="The suite of a run; else the one it names.", metavar="SUITE|FILE"),
    ] = None,
    data: options.DataDir = None,
) -> None:
    """Write a report as HTML, Markdown for a pull request, JUnit XML, or JSON.

    It judges nothing: it ends with 0 whatever the verdict was, with 2 where there is nothing to report.

    Example: copydesk eval report .copydesk/eval/summarize.jsonl --out reports
    Example: copydesk eval report reports/report.json --format markdown >> "$GITHUB_STEP_SUMMARY"
    """
    with errors_as_exit_codes():
        if out is None and len(forms or ()) != 1:
            raise ConfigurationError("name a folder with --out, or one form to print: --format markdown")
        found = _of_run(path, suite, data) if path.suffix == ".jsonl" else _stored(path)
        if out is None:
            print(form_text(found, (forms or [])[0]), end="")
        else:
            for written in write_forms(found, out, forms or list(Form)):
                print(f"written: {written}")


def _stored(path: Path) -> "Report":
    from eval.report import Report

    try:
        return Report.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{path}: the report cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        told = f"{place}: {first['msg']}".removeprefix(": ")
        raise ConfigurationError(f"{path}: is no report of this version of Copydesk: {told}") from error


def _of_run(path: Path, suite: str | None, data: Path | None) -> "Report":
    """Every variant compared with the first, as `copydesk eval run` does."""
    from eval.comparison import build_report, score_run
    from eval.suites import find_suite, read_suite

    run = finished_run(path)
    found = read_suite(find_suite(suite or run.header.suite))
    taken = {outcome.case for outcome in run.outcomes.values()}
    cases = [case for case in cases_of(found, [(str(path), run)], data) if case.id in taken]
    first, *others = [variant.name for variant in run.header.variants]
    scored = score_run(found, run.header, cases, list(run.outcomes.values()))
    return build_report(scored, [(first, other) for other in others])
