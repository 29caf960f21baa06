"""`copydesk prompts try`: one or two versions on one input, by the chains of the service."""

import asyncio
import logging
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.settings import Settings, load_settings
from app.starting import with_started_backends
from chains.errors import ConfigurationError, InvalidInput
from cli.options import ConfigFile
from cli.prompts.inputs import PromptOrVersion, case_inputs, chosen, split_versions, typed_pairs
from cli.prompts.options import AsJson, PromptDir, folder_of, print_json
from cli.prompts.outcome import Outcome, as_json_value, outcome_of, print_outcomes
from cli.run import option_values, read_text, request_from, typed_value, validated

if TYPE_CHECKING:
    from chains.prompts import PromptSet, PromptVersion
    from chains.task import Task, TaskInput

__all__ = ["trial"]


def trial(
    name: PromptOrVersion,
    version: Annotated[
        str | None, typer.Argument(help="A version, also a draft, or a label.", metavar="VERSION|LABEL")
    ] = None,
    other: Annotated[
        str | None, typer.Argument(help="Another one to compare it with.", metavar="VERSION|LABEL")
    ] = None,
    file: Annotated[
        str | None, typer.Option("--file", "-f", help="The file with the text; - is stdin, as without any input.")
    ] = None,
    case: Annotated[str | None, typer.Option("--case", help="A golden case of cases.yaml.", metavar="CASE")] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", "-o", help="Another field: max_words=30. Repeat it.", metavar="K=V")
    ] = None,
    config: ConfigFile = None,
    backend: Annotated[
        str | None, typer.Option("--backend", "-b", help="The backend to ask; else the task's route.", metavar="NAME")
    ] = None,
    dir: PromptDir = None,
    as_json: AsJson = False,
) -> None:
    """Run one or two versions on one input.

    Shows answers, tokens and times side by side. Drafts and versions without a label run too. It ends with 1 where a
    version failed.

    Example: copydesk prompts try summarize production 1.1.0 --file report.txt
    """
    from chains.prompts import load_prompt_set
    from chains.tasks import load_tasks

    if file is not None and case is not None:
        raise typer.BadParameter("give --file or --case, not both")
    name, wanted = split_versions(name, version, other)
    if not 1 <= len(wanted) <= 2:
        said = "three versions" if wanted else "Missing argument 'VERSION|LABEL'"
        raise typer.BadParameter(f"{said}: give NAME VERSION [VERSION] or NAME@VERSION [VERSION]")
    settings = load_settings(config)
    logging.basicConfig(level=logging.WARNING, format="copydesk: %(message)s")
    prompts = load_prompt_set(folder_of(dir, config))
    versions = [chosen(prompts, name, each).prompt for each in wanted]
    route = _route(settings, name, backend)
    task = load_tasks().get(name)
    if task is None:
        inputs = _helper_inputs(prompts, versions, file, case, option or [])
        outcomes = _run(settings, prompts, route, versions, inputs)
    else:
        request = _request(task, prompts, file, case, option or [])
        outcomes = _run(settings, prompts, route, versions, request)
    if as_json:
        print_json({"name": name, "case": case, "runs": [as_json_value(prompts, outcome) for outcome in outcomes]})
    else:
        print_outcomes(prompts, outcomes)
    if any(outcome.error for outcome in outcomes):
        raise typer.Exit(1)


def _run(
    settings: Settings,
    prompts: "PromptSet",
    route: tuple[str, ...],
    versions: "list[PromptVersion]",
    given: "TaskInput | dict[str, Any]",
) -> list[Outcome]:
    """Run the versions one after the other, so that neither slows the other down."""
    from app.composition import build_trial_runner

    async def all_of(started: Settings) -> list[Outcome]:
        runner = build_trial_runner(started, prompts, route)
        try:
            outcomes = []
            for prompt in versions:
                if sys.stderr.isatty():
                    print(f"running {prompt} ...", file=sys.stderr)
                outcomes.append(await outcome_of(runner, prompt, given))
            return outcomes
        finally:
            await runner.aclose()

    needed = settings.model_copy(update={"backends": {name: settings.backends[name] for name in route}})
    with with_started_backends(needed) as started:
        return asyncio.run(all_of(started))


def _route(settings: Settings, name: str, backend: str | None) -> tuple[str, ...]:
    """The backends that are asked. Raises ConfigurationError where one doesn't exist."""
    routes = settings.route()
    route = routes.get(name, routes["default"]) if backend is None else (backend,)
    place = f"routes.{name if name in routes else 'default'}" if backend is None else "--backend"
    known = ", ".join(settings.backends)
    absent = [
        f"{place}: there is no backend {b!r}; the backends are {known}" for b in route if b not in settings.backends
    ]
    if absent:
        raise ConfigurationError(*absent)
    return route


def _request(
    task: "Task[Any, Any]", prompts: "PromptSet", file: str | None, case: str | None, options: list[str]
) -> "TaskInput":
    """The task's input: as `copydesk run` builds it, or of a golden case. Raises InvalidInput."""
    if any(option.startswith("prompt=") for option in options):
        raise InvalidInput("--option prompt=: name the version as an argument of the command")
    if case is None:
        return request_from(task, read_text(file or "-"), options)
    inputs = case_inputs(prompts, task.name, case)
    fields = task.input.model_fields
    foreign = [name for name in inputs if name not in fields]
    if foreign:
        raise InvalidInput(
            f"The case {case!r} gives {', '.join(foreign)}, which the task {task.name} has no field for. "
            "Give the text with --file and fields with --option."
        )
    values = {
        name: typed_value(fields[name].annotation, value) if isinstance(value, str) else value
        for name, value in inputs.items()
        if value != "" or fields[name].is_required()
    }
    try:
        return validated(task, {**values, **option_values(task, options)})
    except InvalidInput as error:
        hint = "Give the text with --file and fields with --option."
        raise InvalidInput(
            f"The case {case!r} is no request of the task {task.name}:\n{error}\n{hint}", error.errors
        ) from None


def _helper_inputs(
    prompts: "PromptSet", versions: "list[PromptVersion]", file: str | None, case: str | None, options: list[str]
) -> dict[str, Any]:
    """The inputs of a prompt that serves no task. Each version checks them for itself. Raises InvalidInput."""
    first = versions[0]
    if file is not None or (case is None and not options):
        raise InvalidInput(f"{first.name} is no task: give its inputs with --case CASE or --option NAME=VALUE.")
    inputs = {} if case is None else case_inputs(prompts, first.name, case)
    declaring = next((p for p in versions if {o.partition("=")[0] for o in options} <= p.inputs.keys()), first)
    return {**inputs, **typed_pairs(declaring, options, "--option")}
