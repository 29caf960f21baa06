"""`copydesk eval gate`: whether a version may take the place of what production serves."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.settings import load_settings
from chains.errors import ConfigurationError, PromptError, StepRefused, UnknownPrompt
from chains.prompts.labels import PRODUCTION
from cli.evaluate import options
from cli.evaluate.exits import errors_as_exit_codes
from cli.evaluate.finish import reported
from cli.evaluate.session import Call, Evaluation, prepare, run_evaluation
from cli.evaluate.settings import route_of
from cli.evaluate.shown import exit_code
from cli.options import ConfigFile
from cli.prompts.inputs import PromptOrVersion, one_version
from cli.prompts.options import PromptDir, dir_option

if TYPE_CHECKING:
    from chains.prompts.lifecycle.evidence_check import Current
    from eval.report import Report
    from eval.suites import Suite

__all__ = ["gate"]


def gate(
    name: PromptOrVersion,
    version: Annotated[
        str | None, typer.Argument(help="The version to judge, also a draft, or a label.", metavar="VERSION")
    ] = None,
    baseline: Annotated[
        str, typer.Option("--baseline", help="The version or label to compare it with.", metavar="V")
    ] = PRODUCTION,
    suite: Annotated[
        str | None, typer.Option("--suite", help="The suite; else the one named like the prompt.", metavar="SUITE|FILE")
    ] = None,
    backend: Annotated[
        str | None, typer.Option("--backend", "-b", help="The backend; else the first of the task's route.")
    ] = None,
    mode: options.ModeOption = options.Mode.REPLAY,
    recordings: options.Recordings = None,
    data: options.DataDir = None,
    file: options.RunPath = None,
    resume: options.Resume = False,
    patience: options.Patience = 60.0,
    out: options.OutDir = None,
    no_evidence: Annotated[bool, typer.Option("--no-evidence", help="Write no record for the promotion.")] = False,
    dir: PromptDir = None,
    config: ConfigFile = None,
) -> None:
    """Tell whether a version is better, no worse, or not yet known, and write the evidence that promotion asks for.

    Ends with 0 for PASS, 1 for REGRESSED, 3 for INCONCLUSIVE; 2 where the call or the configuration is wrong or a
    backend is away, 4 where recordings are missing.

    Example: copydesk eval gate summarize@1.4.0 --mode record-missing
    """
    from eval.suites import find_suite, read_suite
    from eval.variants import Wish

    with errors_as_exit_codes():
        prompt, wanted = one_version(name, version)
        found = read_suite(find_suite(suite or prompt))
        _check_suite(found, prompt)
        asked = backend or route_of(load_settings(config), prompt)
        call = Call(mode, config, dir, data, recordings, file, resume, patience)
        evaluation = prepare(found, [Wish(baseline, asked, {}), Wish(wanted, asked, {})], call)
        if len(evaluation.planned) == 1:
            raise ConfigurationError(
                f"{baseline} is {evaluation.planned[0].prompt}: there is nothing to compare it with"
            )
        ran = run_evaluation(evaluation)
        candidate = evaluation.planned[1].variant.name
        report = reported(found, ran.header, evaluation.cases.cases, ran.outcomes, out, judged=[candidate])
        if not no_evidence:
            _write_evidence(evaluation, report)
        raise typer.Exit(exit_code(report))


def _check_suite(suite: "Suite", prompt: str) -> None:
    if suite.task != prompt:
        raise ConfigurationError(f"the suite {suite.name} is about {suite.task}, not about {prompt}: see --suite")
    if not suite.gated:
        raise ConfigurationError(f"the suite {suite.name} gates no metric, so that nothing decides: gate: true")


def _write_evidence(evaluation: Evaluation, report: "Report") -> None:
    """The record for the promotion, or why it would be none."""
    from eval.evidence import evidence_problems, record_verdict

    comparison = report.comparisons[0]
    try:
        current = _current(evaluation)
        sampled = evaluation.cases.sampled
        problems = evidence_problems(report, comparison, _production(evaluation), current, sampled=sampled)
        problems += _suite_problems(evaluation.suite)
        if not problems:
            path = record_verdict(evaluation.prompts.folder, report, comparison)
            print(f"evidence: {path}")
            _tell_next(evaluation, report)
            return
    except (ConfigurationError, PromptError, StepRefused) as error:
        problems = str(error).splitlines()
    _tell_refused(problems)


def _suite_problems(suite: "Suite") -> list[str]:
    """Another suite may gate less, or allow more: what promotion goes by is the task's own."""
    from eval.suites import find_suite, read_suite

    own = read_suite(find_suite(suite.task))
    if (suite.metrics, suite.thresholds) == (own.metrics, own.thresholds):
        return []
    return [f"promotion goes by the metrics and thresholds of the suite {own.name}, and these are others: see --suite"]


def _tell_next(evaluation: Evaluation, report: "Report") -> None:
    """What a PASS allows."""
    prompt, call = evaluation.planned[1].prompt, evaluation.call
    if report.verdict is None or report.verdict.value != "PASS":
        return
    options = dir_option(call.dir)
    if not evaluation.prompts.is_released(prompt):
        print(f"next: copydesk prompts release {prompt.name} {prompt.version}{options}")
    given = {"--config": call.config, "--datasets": call.data}
    options += "".join(f" {name} {shlex.quote(str(path))}" for name, path in given.items() if path is not None)
    print(f"next: copydesk prompts promote {prompt.name} {prompt.version}{options}")


def _tell_refused(problems: Sequence[str]) -> None:
    for problem in problems:
        print(f"copydesk: no evidence is written: {problem}", file=sys.stderr)


def _production(evaluation: Evaluation) -> tuple[str, str] | None:
    from chains.prompts.selection import by_label

    try:
        prompt = by_label(evaluation.prompts, evaluation.suite.task, PRODUCTION).prompt
    except UnknownPrompt:
        return None
    return prompt.version, prompt.digest


def _current(evaluation: Evaluation) -> "Current":
    """What promotion would compare the evidence with. Raises ConfigurationError.

    Where this machine can't tell which model the route has, the recordings tell whose answers they are.
    """
    from chains.prompts.lifecycle.evidence_check import Current
    from eval.case_files import dataset_folders
    from eval.datasets import dataset_digest

    task, settings = evaluation.suite.task, evaluation.settings
    route = route_of(settings, task)
    try:
        model = settings.backends[route].identity()
    except ConfigurationError:
        if route not in evaluation.asked.backends:
            raise
        model = evaluation.asked.backends[route].identity()
    folders: Sequence[Path] = dataset_folders(evaluation.call.data)
    folder = next((folder / task for folder in folders if (folder / task).is_dir()), folders[-1] / task)
    return Current(model.kind, model.model, model.digest, dataset_digest(folder))
