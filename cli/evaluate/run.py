"""`copydesk eval run`: a suite on all variants of its matrix."""

from typing import TYPE_CHECKING, Annotated

import typer

from app.settings import load_settings
from cli.evaluate import options
from cli.evaluate.exits import errors_as_exit_codes
from cli.evaluate.finish import reported
from cli.evaluate.session import Call, prepare, run_evaluation
from cli.evaluate.settings import route_of
from cli.evaluate.shown import exit_code
from cli.options import ConfigFile
from cli.prompts.options import PromptDir

if TYPE_CHECKING:
    from app.settings import Settings
    from eval.suites import Suite
    from eval.variants import Wish

__all__ = ["matrix_of", "run"]


def run(
    suite: Annotated[str, typer.Argument(help="A suite of eval/suites, or its file.", metavar="SUITE|FILE")],
    prompt: Annotated[
        list[str] | None,
        typer.Option("--prompt", "-p", help="A version or label in place of the suite's. Repeat it.", metavar="V"),
    ] = None,
    backend: options.Backends = None,
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
    """Run a suite on each prompt version, backend and set of parameters of its matrix.

    The first variant is what the others are compared with. It ends with 0 where all are no worse, with 1 where one
    regressed or a threshold isn't kept, with 3 where that isn't known yet.

    Example: copydesk eval run summarize --prompt 1.3.0 --prompt 1.4.0 --mode live
    """
    from eval.suites import find_suite, read_suite

    with errors_as_exit_codes():
        found = read_suite(find_suite(suite)).sampled(limit, repeats)
        wishes = matrix_of(found, load_settings(config), prompt, backend)
        call = Call(mode, config, dir, data, recordings, file, resume, patience)
        evaluation = prepare(found, wishes, call)
        ran = run_evaluation(evaluation)
        raise typer.Exit(exit_code(reported(found, ran.header, evaluation.cases.cases, ran.outcomes, out)))


def matrix_of(
    suite: "Suite", settings: "Settings", prompts: list[str] | None, backends: list[str] | None
) -> "list[Wish]":
    """Every combination of the suite's matrix; prompts and backends of the call take the place of its own."""
    from eval.variants import Wish

    chosen = backends or suite.matrix.backends or (route_of(settings, suite.task),)
    return [
        Wish(prompt, backend, parameters)
        for prompt in prompts or suite.matrix.prompts
        for backend in chosen
        for parameters in suite.matrix.parameters
    ]
