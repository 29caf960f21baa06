"""`copydesk eval compare`: two variants, or two runs that were made before."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.settings import load_settings
from chains.errors import ConfigurationError
from chains.prompts.labels import PRODUCTION
from chains.strict_yaml import YamlError, load_yaml
from cli.evaluate import options
from cli.evaluate.exits import errors_as_exit_codes
from cli.evaluate.finish import reported
from cli.evaluate.session import Call, prepare, run_evaluation
from cli.evaluate.settings import route_of
from cli.evaluate.shown import exit_code
from cli.evaluate.stored import cases_of, finished_run
from cli.options import ConfigFile
from cli.prompts.options import PromptDir

if TYPE_CHECKING:
    from eval.outcomes import Outcome
    from eval.report import Report
    from eval.run_file import RunHeader, StoredRun
    from eval.variants import Wish

__all__ = ["compare"]

_WISH = re.compile(r"(?P<task>[^@:,]+)(?:@(?P<version>[^:,]+))?(?::(?P<backend>[^,]+))?(?:,(?P<parameters>.+))?")


def compare(
    first: Annotated[
        str,
        typer.Argument(
            help="TASK[@VERSION][:BACKEND][,PARAMETER=VALUE...], or a run file: FILE.jsonl, FILE.jsonl#VARIANT.",
            metavar="A",
        ),
    ],
    second: Annotated[str, typer.Argument(help="The same for what is compared with it.", metavar="B")],
    suite: Annotated[
        str | None, typer.Option("--suite", help="The suite; else the one named like the task.", metavar="SUITE|FILE")
    ] = None,
    limit: options.Limit = None,
    repeats: options.Repeats = None,
    mode: options.ModeOption = options.Mode.REPLAY,
    recordings: options.Recordings = None,
    data: options.DataDir = None,
    file: options.RunPath = None,
    resume: options.Resume = False,
    patience: options.Patience = 60.0,
    out: options.OutDir = None,
    dir: PromptDir = None,
    config: ConfigFile = None,
) -> None:
    """Compare B with A: versions, backends, models, parameters, or the outcomes of two runs.

    Two run files are scored and compared without asking any model. It ends with 0 where B is no worse, with 1 where
    it regressed, with 3 where that isn't known yet.

    Example: copydesk eval compare summarize@1.3.0:local summarize@1.3.0:gpu,temperature=0.7 --mode live
    Example: copydesk eval compare before.jsonl after.jsonl
    """
    with errors_as_exit_codes():
        are_files = [".jsonl" in each for each in (first, second)]
        if any(are_files) and not all(are_files):
            raise typer.BadParameter("compare two variants, or two run files")
        if all(are_files):
            report = _of_files(first, second, suite, data, out)
        else:
            call = Call(mode, config, dir, data, recordings, file, resume, patience)
            report = _of_variants([first, second], suite, (limit, repeats), call, out)
        raise typer.Exit(exit_code(report))


def _of_variants(
    given: Sequence[str], suite: str | None, sample: tuple[int | None, int | None], call: Call, out: Path | None
) -> "Report":
    from eval.suites import find_suite, read_suite

    tasks, wishes = zip(*(_wish(each, call.config) for each in given), strict=True)
    if tasks[0] != tasks[1]:
        raise ConfigurationError(f"{given[0]} and {given[1]} are of different tasks: there is nothing to compare")
    found = read_suite(find_suite(suite or tasks[0])).sampled(*sample)
    if found.task != tasks[0]:
        raise ConfigurationError(f"the suite {found.name} is about {found.task}, not about {tasks[0]}: see --suite")
    evaluation = prepare(found, wishes, call)
    if len(evaluation.planned) == 1:
        raise ConfigurationError(f"{given[0]} and {given[1]} are the same: there is nothing to compare")
    ran = run_evaluation(evaluation)
    return reported(found, ran.header, evaluation.cases.cases, ran.outcomes, out)


def _wish(given: str, config: Path | None) -> "tuple[str, Wish]":
    """The task and what is asked for. Raises ConfigurationError."""
    from eval.variants import Wish

    found = _WISH.fullmatch(given)
    if found is None:
        raise ConfigurationError(f"{given!r}: give TASK[@VERSION][:BACKEND][,PARAMETER=VALUE...]")
    task = found["task"]
    backend = found["backend"] or route_of(load_settings(config), task)
    return task, Wish(found["version"] or PRODUCTION, backend, _parameters(given, found["parameters"]))


def _parameters(given: str, words: str | None) -> dict[str, Any]:
    parameters = {}
    for word in words.split(",") if words else ():
        name, equals, value = word.partition("=")
        if not equals or name in parameters:
            raise ConfigurationError(f"{given!r}: a parameter is NAME=VALUE, each once: temperature=0.7")
        try:
            parameters[name] = load_yaml(value)
        except YamlError as error:
            raise ConfigurationError(f"{given!r}: {name}: {error.message}") from error
    return parameters


def _of_files(first: str, second: str, suite: str | None, data: Path | None, out: Path | None) -> "Report":
    from eval.suites import find_suite, read_suite

    before, after = (_stored(each) for each in (first, second))
    found = read_suite(find_suite(suite or before.header.suite))
    cases = cases_of(found, [(first, before), (second, after)], data)
    header, outcomes = _joined(before, after)
    taken = {outcome.case for outcome in outcomes}
    return reported(found, header, [case for case in cases if case.id in taken], outcomes, out)


def _stored(given: str) -> "StoredRun":
    """One variant of a run file. Raises ConfigurationError where it has several and none is named, or isn't
    finished."""
    path, _, name = given.partition("#")
    run = finished_run(Path(path))
    names = [variant.name for variant in run.header.variants]
    if (name and name not in names) or (not name and len(names) > 1):
        told = "; ".join(f"{path}#{each}" for each in names)
        raise ConfigurationError(f"{given}: name one of its variants: {told}")
    name = name or names[0]
    run.header = run.header.model_copy(
        update={"variants": tuple(variant for variant in run.header.variants if variant.name == name)}
    )
    run.outcomes = {place: outcome for place, outcome in run.outcomes.items() if outcome.variant == name}
    return run


def _joined(before: "StoredRun", after: "StoredRun") -> "tuple[RunHeader, list[Outcome]]":
    """Both runs as one of two variants, whose names are told apart by `before` and `after` where they are the same."""
    old, new = before.header.variants[0], after.header.variants[0]
    names = [old.name, new.name] if old.name != new.name else [f"{old.name} before", f"{new.name} after"]
    variants, examples, outcomes = [], {}, []
    for run, name in ((before, names[0]), (after, names[1])):
        variant = run.header.variants[0]
        variants.append(variant.model_copy(update={"name": name}))
        examples[name] = run.header.examples.get(variant.name, ())
        outcomes += [outcome.model_copy(update={"variant": name}) for outcome in run.outcomes.values()]
    header = after.header.model_copy(update={"variants": tuple(variants), "examples": examples})
    return header, outcomes
