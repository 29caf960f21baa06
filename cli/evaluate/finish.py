"""From the outcomes of a run to what the caller sees of it: the report on the terminal and in files."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cli.evaluate.shown import print_report

if TYPE_CHECKING:
    from eval.datasets import Case
    from eval.outcomes import Outcome
    from eval.report import Report
    from eval.run_file import RunHeader
    from eval.suites import Suite

__all__ = ["reported", "write_reports"]


def reported(
    suite: "Suite",
    header: "RunHeader",
    cases: "Sequence[Case]",
    outcomes: "Sequence[Outcome]",
    out: Path | None,
    *,
    judged: Sequence[str] | None = None,
) -> "Report":
    """Score a run, compare every variant with the first one, print what was found, and write the reports.

    Raises ConfigurationError where the extra is absent, or the folder can't be written.
    """
    from eval.comparison import build_report, score_run

    first, *others = [variant.name for variant in header.variants]
    scored = score_run(suite, header, cases, outcomes)
    report = build_report(scored, [(first, other) for other in others], judged)
    print_report(report)
    write_reports(report, out)
    return report


def write_reports(report: "Report", out: Path | None) -> None:
    """Every form of the report into the folder, if there is one. Raises ConfigurationError."""
    from eval.reports.forms import write_forms

    for path in write_forms(report, out) if out is not None else ():
        print(f"written: {path}", file=sys.stderr)
