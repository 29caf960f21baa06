"""An evaluation from its options to the outcomes in its run file."""

import asyncio
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from app.settings import Settings, load_settings
from app.starting import with_started_backends
from chains.errors import ConfigurationError
from cli.evaluate.options import Mode
from cli.evaluate.progress import shown_progress, span
from cli.prompts.options import folder_of

if TYPE_CHECKING:
    from chains.prompts import PromptSet
    from chains.task import Task
    from eval.case_files import CaseSet
    from eval.outcomes import Outcome
    from eval.run_file import RunFile, RunHeader, StoredRun
    from eval.running import Progress
    from eval.suites import Suite
    from eval.variants import PlannedVariant, Wish

__all__ = ["Call", "Evaluation", "Ran", "prepare", "run_evaluation"]

_RUNS = Path(".copydesk/eval")


@dataclass(frozen=True, slots=True)
class Call:
    """The options of a command. `wishes` are the variants in place of the suite's matrix."""

    mode: Mode = Mode.LIVE
    config: Path | None = None
    dir: Path | None = None
    data: Path | None = None
    recordings: Path | None = None
    run: Path | None = None
    resume: bool = False
    again: str = "copydesk eval run"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What is to be run, checked before anything is asked."""

    suite: "Suite"
    task: "Task[Any, Any]"
    cases: "CaseSet"
    prompts: "PromptSet"
    planned: "Sequence[PlannedVariant]"
    settings: Settings
    call: Call

    @property
    def backends(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.variant.backend for each in self.planned))

    @property
    def run_path(self) -> Path:
        return self.call.run or _RUNS / f"{self.suite.name}.jsonl"


@dataclass(frozen=True, slots=True)
class Ran:
    """The outcomes of a run that came to its end."""

    header: "RunHeader"
    outcomes: "Sequence[Outcome]"
    path: Path
    told: Mapping[str, int] = field(default_factory=dict)


def prepare(suite: "Suite", wishes: "Sequence[Wish]", call: Call) -> Evaluation:
    """Read the configuration, the prompts and the cases. Raises ConfigurationError, PromptSetError, UnknownPrompt."""
    from chains.prompts import load_prompt_set
    from chains.tasks import load_tasks
    from eval.case_files import dataset_folders, load_cases
    from eval.variants import plan_variants

    settings = load_settings(call.config)
    tasks = load_tasks()
    if suite.task not in tasks:
        raise ConfigurationError(f"suite {suite.name}: there is no task {suite.task!r}: {', '.join(tasks)}")
    task = tasks[suite.task]
    prompts = load_prompt_set(folder_of(call.dir, call.config))
    _check_backends(settings, [wish.backend for wish in wishes])
    models = {wish.backend: settings.backends[wish.backend].identity() for wish in wishes}
    planned = plan_variants(prompts, suite.task, wishes, models)
    cases = load_cases(suite, task, dataset_folders(call.data))
    for what, count in cases.left_out.items():
        print(f"copydesk: {what} of {count} cases is of no use to {task.name}, and left out", file=sys.stderr)
    return Evaluation(suite, task, cases, prompts, planned, settings, call)


def _check_backends(settings: Settings, names: Sequence[str]) -> None:
    known = ", ".join(settings.backends)
    absent = [name for name in dict.fromkeys(names) if name not in settings.backends]
    if absent:
        raise ConfigurationError(*(f"there is no backend {name!r}; the backends are {known}" for name in absent))


def run_evaluation(evaluation: Evaluation) -> Ran:
    """Run what the run file doesn't have yet. Interrupted, it tells how to go on, and ends with 130.

    Raises ConfigurationError, BackendError.
    """
    from eval.run_file import open_run

    logging.basicConfig(level=logging.ERROR, format="copydesk: %(message)s")
    path = evaluation.run_path
    header = _header(evaluation)
    _make_room(evaluation, path, header)
    with open_run(path, header, resume=evaluation.call.resume) as file:
        try:
            progress = _run(evaluation, file)
        except (KeyboardInterrupt, asyncio.CancelledError):
            done = f"{len(file.outcomes)} of {file.header.total}"
            print(f"copydesk: stopped: {done} outcomes are in {path}.", file=sys.stderr)
            print(f"copydesk: To go on: {evaluation.call.again} --resume", file=sys.stderr)
            raise typer.Exit(130) from None
        if progress.done:
            print(f"{evaluation.suite.name}: {_summary(progress)}: {path}", file=sys.stderr)
        places = sorted(file.outcomes)
        return Ran(file.header, [file.outcomes[place] for place in places], path)


def _summary(progress: "Progress") -> str:
    failed = f", {progress.failed} failed" if progress.failed else ""
    return f"{progress.done} outcomes in {span(progress.seconds)}{failed}"


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
        copydesk=version_of("copydesk"),
        created_at=datetime.now(UTC).replace(microsecond=0),
    )


def _make_room(evaluation: Evaluation, path: Path, header: "RunHeader") -> None:
    """Without --run the file of an earlier run gives way, but never an unfinished one that a model was asked for."""
    call = evaluation.call
    if call.run is not None or call.resume or not path.exists():
        return
    if call.mode is not Mode.REPLAY and not _may_go(path):
        raise ConfigurationError(f"{path}: an unfinished run is there: continue it with --resume, or delete it")
    path.unlink()


def _may_go(path: Path) -> bool:
    from eval.run_file import read_run

    try:
        found: StoredRun = read_run(path)
    except ConfigurationError:
        return True
    return found.is_finished or not found.outcomes


def _run(evaluation: Evaluation, file: "RunFile") -> "Progress":
    from app.composition import build_trial_runner
    from app.usage.prices import PriceList
    from eval.running import Accounts, Asking, Plan, run_plan
    from eval.variants import variant_set

    plan = Plan(evaluation.task, evaluation.cases.cases, evaluation.planned, evaluation.suite.repeats)
    prices = PriceList(evaluation.settings.prices)
    prompts = variant_set(evaluation.prompts, evaluation.planned)

    async def run(started: Settings) -> "Progress":
        accounts = Accounts()
        runner = build_trial_runner(started, prompts, evaluation.backends, accounts)

        def price(backend: str, usage: Any) -> int | None:
            return prices.nano_usd(backend, usage) if backend in prices else None

        try:
            with shown_progress(evaluation.suite.name) as tell:
                return await run_plan(plan, Asking(runner, accounts, price), file, tell)
        finally:
            await runner.aclose()

    settings = evaluation.settings
    needed = settings.model_copy(update={"backends": {name: settings.backends[name] for name in evaluation.backends}})
    with with_started_backends(needed) as started:
        return asyncio.run(run(started))
