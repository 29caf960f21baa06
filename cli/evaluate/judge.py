"""`copydesk eval judge`: another model compares the answers of a run, and how far it can be trusted stands beside."""

import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.evaluate import options
from cli.evaluate.exits import ExitCode, errors_as_exit_codes
from cli.evaluate.finish import write_reports
from cli.evaluate.instrument import Instrument, instrument_of
from cli.evaluate.shown import flip_lines, print_metrics
from cli.evaluate.stored import cases_of, two_variants
from cli.options import ConfigFile
from cli.prompts.options import PromptDir, folder_of

if TYPE_CHECKING:
    from chains.backends.configuration import ModelIdentity
    from eval.datasets import Case
    from eval.judging.labelled import LabelledPair
    from eval.judging.metric import JudgedScore
    from eval.judging.pair import JudgedPair
    from eval.judging.questions import Questions
    from eval.outcomes import Outcome
    from eval.report import MetricComparison, Report
    from eval.run_file import StoredRun
    from eval.suites import Suite

__all__ = ["judge"]

_CODES = {"PASS": ExitCode.PASS, "REGRESSED": ExitCode.REGRESSED, "INCONCLUSIVE": ExitCode.INCONCLUSIVE}


def judge(
    run: Annotated[Path, typer.Argument(help="A run file with two variants or more.", metavar="RUN")],
    judge: Annotated[
        str, typer.Option("--judge", "-j", help="The backend that judges: of another model.", metavar="BACKEND")
    ],
    baseline: Annotated[
        str | None, typer.Option("--baseline", help="A variant, or its version; else the run's first.", metavar="V")
    ] = None,
    candidate: Annotated[
        str | None, typer.Option("--candidate", help="The same; else the run's only other variant.", metavar="V")
    ] = None,
    mode: options.ModeOption = options.Mode.REPLAY,
    recordings: Annotated[
        Path | None,
        typer.Option(
            "--recordings", help="The judge's answers; else eval/recordings/judge/BACKEND.jsonl.", metavar="FILE|DIR"
        ),
    ] = None,
    limit: options.Limit = None,
    suite: Annotated[
        str | None, typer.Option("--suite", help="The suite of the run; else the one it names.", metavar="SUITE|FILE")
    ] = None,
    data: options.DataDir = None,
    out: options.OutDir = None,
    dir: PromptDir = None,
    config: ConfigFile = None,
) -> None:
    """Let another model compare the answers of two variants, each pair in both orders.

    First it judges pairs that people labelled. Where it agrees with them (a kappa of 0.6 or more) the command ends with
    0 where the candidate is no worse, with 1 where it regressed, with 3 where that isn't known yet. Else the judge may
    not decide: its score is shown, and the command ends with 3.

    Example: copydesk eval judge .copydesk/eval/summarize.jsonl --judge large --mode record-missing
    """
    from eval.suites import find_suite, read_suite

    with errors_as_exit_codes():
        stored = two_variants(run, baseline, candidate)
        found = read_suite(find_suite(suite or stored.header.suite))
        taken = {outcome.case for outcome in stored.outcomes.values()}
        cases = [case for case in cases_of(found, [(str(run), stored)], data) if case.id in taken]
        questions = _questions(found, stored, _sampled(cases, limit, found.seed))
        instrument = instrument_of(judge, _models(stored), folder_of(dir, config), mode, recordings, config)
        score, judged = _judged(instrument, questions, data)
        report = _report(found, stored, cases, judged, score, instrument)
        _print(report, score, instrument)
        write_reports(report, out)
        raise typer.Exit(_exit_code(report, score))


def _models(stored: "StoredRun") -> "list[ModelIdentity]":
    from chains.backends.configuration import ModelIdentity

    return [ModelIdentity(each.kind, each.model, each.model_digest) for each in stored.header.variants]


def _sampled(cases: "Sequence[Case]", limit: int | None, seed: int) -> "Sequence[Case]":
    """So many cases, in their order. A larger sample holds a smaller one."""
    order = [case.id for case in cases]
    random.Random(seed).shuffle(order)  # noqa: S311 - no secret
    taken = set(order[:limit])
    if len(taken) < len(cases):
        print(f"copydesk: {len(taken)} of {len(cases)} cases are judged", file=sys.stderr)
    return [case for case in cases if case.id in taken]


def _questions(suite: "Suite", stored: "StoredRun", cases: "Sequence[Case]") -> "Questions":
    from eval.judging.questions import questions_of

    if stored.header.repeats > 1:
        print(f"copydesk: of {stored.header.repeats} repeats the first is judged", file=sys.stderr)
    sides = (_of(stored, variant.name) for variant in stored.header.variants)
    return questions_of(suite.task, cases, *sides)


def _of(stored: "StoredRun", variant: str) -> "list[Outcome]":
    return [outcome for outcome in stored.outcomes.values() if outcome.variant == variant]


def _judged(
    instrument: Instrument, questions: "Questions", data: Path | None
) -> "tuple[JudgedScore, Sequence[JudgedPair]]":
    """The labelled pairs and those of the run: the calibration comes first, so that it is there whatever follows."""
    from eval.judging.calibration import calibrated
    from eval.judging.metric import judged_score

    labelled = _labelled(data)
    found = instrument.judge([*(each.pair() for each in labelled), *questions.pairs])
    calibration = calibrated(found[: len(labelled)], {each.id: each.better for each in labelled})
    judged = [*found[len(labelled) :], *questions.settled]
    return judged_score(judged, calibration), judged


def _labelled(data: Path | None) -> "list[LabelledPair]":
    from eval.case_files import dataset_folders
    from eval.judging.labelled import load_labelled

    folders = [folder / "judge" for folder in dataset_folders(data)]
    return load_labelled(next((folder for folder in folders if folder.is_dir()), folders[-1]))


def _report(
    suite: "Suite",
    stored: "StoredRun",
    cases: "Sequence[Case]",
    judged: "Sequence[JudgedPair]",
    score: "JudgedScore",
    instrument: Instrument,
) -> "Report":
    """The suite's metrics, scored anew, and the judge's beside them."""
    from eval.comparison import build_report, score_run
    from eval.judging.reported import with_agreement, with_judged

    before, after = (variant.name for variant in stored.header.variants)
    scored = score_run(suite, stored.header, cases, list(stored.outcomes.values()))
    scored = with_judged(scored, (before, after), judged, score, instrument.identity)
    return with_agreement(build_report(scored, [(before, after)], [after]), score.calibration.kappa)


def _metric(report: "Report") -> "MetricComparison":
    from eval.judging.reported import JUDGED

    return next(metric for metric in report.comparisons[0].metrics if metric.metric == JUDGED)


def _print(report: "Report", score: "JudgedScore", instrument: Instrument) -> None:
    """The judge's score: of what the suite's metrics found only what is worse, the rest is in the reports."""
    from eval.reports import figures

    comparison, metric = report.comparisons[0], _metric(report)
    verdict = metric.verdict.value if score.can_gate else "No verdict, for this judge may not decide"
    by = f"{instrument.identity.model} ({instrument.identity.kind})"
    print(f"{verdict}: {comparison.candidate}, compared with {comparison.baseline}, judged by {by}")
    print_metrics(report, [metric])
    print(score.counts())
    print(score.calibration.text())
    if score.can_gate:
        if remark := figures.remark(report.metric(metric.metric), metric):
            print(remark)
        for line in flip_lines([flip for flip in comparison.flips if flip.metric == metric.metric]):
            print(line)
    if regressed := _regressed(report):
        print(f"The suite's own metrics say REGRESSED, by {', '.join(regressed)}: the exit code is the judge's alone")


def _regressed(report: "Report") -> list[str]:
    """The suite's gated metrics in which the candidate is worse."""
    judged, found = _metric(report), report.comparisons[0].metrics
    return [each.metric for each in found if each.gated and each != judged and each.verdict.value == "REGRESSED"]


def _exit_code(report: "Report", score: "JudgedScore") -> ExitCode:
    """By the judged metric alone: `gate` decides by the suite's."""
    return _CODES[_metric(report).verdict.value] if score.can_gate else ExitCode.INCONCLUSIVE
