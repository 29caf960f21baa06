"""An evaluation from its options to the outcomes in its run file."""

import asyncio
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from app.settings import Settings, load_settings
from app.starting import with_started_backends
from chains.errors import ConfigurationError
from cli.evaluate.command_line import same_command
from cli.evaluate.exits import ExitCode
from cli.evaluate.options import Mode
from cli.evaluate.progress import shown_progress, span
from cli.evaluate.settings import prices_of
from cli.prompts.options import folder_of

if TYPE_CHECKING:
    from chains.prompts import PromptSet
    from chains.task import Task
    from eval.case_files import CaseSet
    from eval.outcomes import Outcome
    from eval.run_file import RunFile, RunHeader
    from eval.running import Progress
    from eval.suites import Suite
    from eval.variants import PlannedVariant, Wish

__all__ = ["Call", "Evaluation", "Ran", "prepare", "run_evaluation", "tell_missing"]

_RUNS = Path(".copydesk/eval")
_RECORDINGS = Path("eval/recordings")


@dataclass(frozen=True, slots=True)
class Call:
    """The options of a command, as they were given."""

    mode: Mode = Mode.LIVE
    config: Path | None = None
    dir: Path | None = None
    data: Path | None = None
    recordings: Path | None = None
    run: Path | None = None
    resume: bool = False
    patience_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What is to be run, checked before anything is asked. `settings` have the backends as they are configured,
    `asked` as the call's mode reaches them."""

    suite: "Suite"
    task: "Task[Any, Any]"
    cases: "CaseSet"
    prompts: "PromptSet"
    planned: "Sequence[PlannedVariant]"
    settings: Settings
    asked: Settings
    call: Call

    @property
    def run_path(self) -> Path:
        return self.call.run or _RUNS / f"{self.suite.name}.jsonl"


@dataclass(frozen=True, slots=True)
class Ran:
    """The outcomes of a run that came to its end."""

    header: "RunHeader"
    outcomes: "Sequence[Outcome]"
    path: Path


def prepare(suite: "Suite", wishes: "Sequence[Wish]", call: Call) -> Evaluation:
    """Read the configuration, the prompts, the cases and the recordings. Where there are none to replay, it tells how
    to make them, and ends.

    Raises ConfigurationError, PromptSetError, UnknownPrompt.
    """
    from chains.prompts import load_prompt_set
    from chains.tasks import load_tasks
    from eval.case_files import dataset_folders, load_cases
    from eval.scorers.extra import library
    from eval.variants import plan_variants

    for module in ("numpy", "scipy") if suite.gated else ():
        library(module)  # or its absence would be told when all was asked for
    settings = load_settings(call.config)
    tasks = load_tasks()
    if suite.task not in tasks:
        raise ConfigurationError(f"suite {suite.name}: there is no task {suite.task!r}: {', '.join(tasks)}")
    task = tasks[suite.task]
    prompts = load_prompt_set(folder_of(call.dir, call.config))
    cases = load_cases(suite, task, dataset_folders(call.data))
    for what, count in cases.left_out.items():
        print(f"copydesk: {what} of {count} cases is of no use to {task.name}, and left out", file=sys.stderr)
    names = tuple(dict.fromkeys(wish.backend for wish in wishes))
    asked = _in_mode(settings, suite, names, call, len(cases.cases) * len(wishes) * suite.repeats)
    models = {name: backend.identity() for name, backend in asked.backends.items()}
    planned = plan_variants(prompts, suite.task, wishes, models)
    return Evaluation(suite, task, cases, prompts, planned, settings, asked, call)


def _in_mode(settings: Settings, suite: "Suite", names: Sequence[str], call: Call, total: int) -> Settings:
    """The settings with these backends alone, as the call's mode reaches them."""
    from chains.backends.replay.modes import RecordingMode, in_mode

    known = ", ".join(settings.backends)
    absent = [name for name in names if name not in settings.backends]
    if absent:
        raise ConfigurationError(*(f"there is no backend {name!r}; the backends are {known}" for name in absent))
    backends = {}
    for name in names:
        path = _recordings(suite, name, names, call.recordings)
        if call.mode is Mode.REPLAY and settings.backends[name].kind != "replay" and not path.exists():
            tell_missing(total, total, path)
        backends[name] = in_mode(settings.backends[name], RecordingMode(call.mode.value), path)
    return settings.model_copy(update={"backends": backends})


def _recordings(suite: "Suite", backend: str, backends: Sequence[str], given: Path | None) -> Path:
    """Where a backend's recordings are: one file holds those of one model."""
    if given is not None and given.suffix == ".jsonl":
        if len(backends) > 1:
            raise ConfigurationError(f"--recordings {given}: a file has one model's answers: name a folder for several")
        return given
    own = suite.name if len(backends) == 1 else f"{suite.name}-{backend}"
    return (given or _RECORDINGS) / f"{own}.jsonl"


def tell_missing(missing: int, total: int, path: Path, what: str = "answers") -> NoReturn:
    """Say how many answers need recording, and how that is done. Ends the command."""
    print(f"copydesk: {missing} of {total} {what} need recording, into {path}:", file=sys.stderr)
    print(f"copydesk:   {same_command(mode=Mode.RECORD_MISSING.value)}", file=sys.stderr)
    raise typer.Exit(ExitCode.RECORDINGS_MISSING)


def run_evaluation(evaluation: Evaluation) -> Ran:
    """Run what the run file doesn't have yet. Interrupted, it tells how to go on, and ends with 130; where recordings
    are missing, it tells how to make them.

    Raises ConfigurationError, BackendError.
    """
    from eval.run_file import open_run

    logging.basicConfig(level=logging.WARNING, format="copydesk: %(message)s")
    logging.getLogger("copydesk.runner").setLevel(logging.ERROR)  # what failed is in the run file
    path, suite = evaluation.run_path, evaluation.suite
    _make_room(evaluation, path)
    with open_run(path, _header(evaluation), resume=evaluation.call.resume) as file:
        try:
            progress = _run(evaluation, file)
        except KeyboardInterrupt:
            print(f"copydesk: stopped; {len(file.outcomes)} of {file.header.total} are in {path}.", file=sys.stderr)
            print(f"copydesk: To go on: {same_command(resume=True)}", file=sys.stderr)
            raise typer.Exit(130) from None
        if progress.missing and evaluation.call.mode is not Mode.REPLAY:
            _tell_not_recorded(evaluation, progress, path)
        if progress.missing:
            path.unlink()  # to replay it again costs nothing, and another mode begins another file
            tell_missing(progress.missing, progress.total, _recordings_of(evaluation))
        if progress.done:
            print(f"{suite.name}: {_summary(progress)}, in {path}", file=sys.stderr)
        order = {variant.name: place for place, variant in enumerate(file.header.variants)}
        outcomes = sorted(file.outcomes.values(), key=lambda outcome: order[outcome.variant])
        return Ran(file.header, outcomes, path)


def _tell_not_recorded(evaluation: Evaluation, progress: "Progress", path: Path) -> NoReturn:
    """Say which backends of kind `replay` lack answers. What others answered stays. Ends the command."""
    names = ", ".join(name for name, backend in evaluation.asked.backends.items() if backend.kind == "replay")
    missing = f"{progress.missing} of {progress.total} answers"
    print(f"copydesk: {missing} aren't recorded, and {names} replays: record them, then go on.", file=sys.stderr)
    print(f"copydesk: What the other backends answered is in {path}:", file=sys.stderr)
    print(f"copydesk:   {same_command(resume=True)}", file=sys.stderr)
    raise typer.Exit(ExitCode.RECORDINGS_MISSING)


def _recordings_of(evaluation: Evaluation) -> Path:
    names = tuple(evaluation.asked.backends)
    return _recordings(evaluation.suite, names[0], names, evaluation.call.recordings)


def _summary(progress: "Progress") -> str:
    failed = f", {progress.failed} failed" if progress.failed else ""
    return f"{progress.done} answers in {span(progress.seconds)}{failed}"


def _header(evaluation: Evaluation) -> "RunHeader":
    from eval.run_file import RunHeader

    suite = evaluation.suite
    return RunHeader(
        suite=suite.name,
        suite_digest=suite.digest,
        datasets=evaluation.cases.datasets,
        repeats=suite.repeats,
        variants=tuple(each.variant for each in evaluation.planned),
        examples={each.variant.name: each.examples for each in evaluation.planned},
        mode=evaluation.call.mode.value,
        copydesk=version_of("copydesk"),
        created_at=datetime.now(UTC).replace(microsecond=0),
    )


def _make_room(evaluation: Evaluation, path: Path) -> None:
    """Without --run the file of an earlier run gives way. One that a model was asked for is kept under another name
    where it was finished, and stands in the way where it wasn't."""
    from eval.run_file import read_run

    call = evaluation.call
    if call.run is not None or call.resume or not path.exists():
        return
    try:
        found = read_run(path)
    except ConfigurationError:
        path.unlink()
        return
    if not found.outcomes or found.header.mode == Mode.REPLAY.value:
        path.unlink()
    elif found.is_finished:
        kept = path.replace(path.with_suffix(".previous.jsonl"))
        print(f"copydesk: the answers of the run before are kept in {kept}", file=sys.stderr)
    else:
        raise ConfigurationError(f"{path}: an unfinished run is there: continue it with --resume, or delete it")


def _recorded(evaluation: Evaluation) -> list[str]:
    """The backends whose times are those of recordings: all in the modes that replay, else those of kind `replay`."""
    replays = evaluation.call.mode in (Mode.REPLAY, Mode.RECORD_MISSING)
    return [name for name, backend in evaluation.asked.backends.items() if replays or backend.kind == "replay"]


def _run(evaluation: Evaluation, file: "RunFile") -> "Progress":
    from app.composition import build_trial_runner
    from eval.running import Accounts, Asking, Plan, run_plan, waits
    from eval.variants import variant_set

    plan = Plan(evaluation.task, evaluation.cases.cases, evaluation.planned, evaluation.suite.repeats)
    prompts = variant_set(evaluation.prompts, evaluation.planned)
    recorded = _recorded(evaluation)

    async def run(started: Settings) -> "Progress":
        accounts = Accounts()
        runner = build_trial_runner(started, prompts, tuple(evaluation.asked.backends), accounts)

        asking = Asking(runner, accounts, prices_of(evaluation.settings), recorded, waits(evaluation.call.patience_s))
        try:
            with shown_progress(evaluation.suite.name) as tell:
                return await run_plan(plan, asking, file, tell)
        finally:
            await runner.aclose()

    with with_started_backends(evaluation.asked) as started:
        return asyncio.run(run(started))
