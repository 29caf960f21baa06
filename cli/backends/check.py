"""`copydesk backends check`: whether the backends are usable, and what they lack."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict

import typer

from app.settings import load_settings
from chains.backends import BackendConfig
from cli.backends.options import BackendNames, SilenceLimit, chosen, quiet
from cli.backends.report import Report, inspected
from cli.options import ConfigFile
from cli.prompts.display import print_table, table
from cli.prompts.options import AsJson, print_json

__all__ = ["check"]


def check(
    names: BackendNames = None, config: ConfigFile = None, timeout: SilenceLimit = 15, as_json: AsJson = False
) -> None:
    """Ask every backend's server what it is and has, and say what is missing and how to get it.

    No model is asked anything, and nothing is started: of an embedded model, the file and its runtime are checked.

    Example: copydesk backends check

    Exit codes: 0 all are usable, 1 one isn't, 2 the call or the configuration is wrong.
    """
    backends = chosen(load_settings(config), names)
    quiet()
    reports = asyncio.run(_all(backends, timeout))
    if as_json:
        print_json([asdict(report) for report in reports])
    else:
        _print(reports)
    if not all(report.usable for report in reports):
        raise typer.Exit(1)


async def _all(backends: Mapping[str, BackendConfig], limit_s: float) -> list[Report]:
    return await asyncio.gather(*(inspected(name, backend, limit_s) for name, backend in backends.items()))


def _print(reports: list[Report]) -> None:
    columns = table("backend", "", "server", "model", "loaded", "context", "slots", "capabilities")
    for report in reports:
        columns.add_row(
            report.name,
            "usable" if report.usable else "NOT USABLE",
            report.server or "-",
            report.model,
            {True: "yes", False: "no", None: "-"}[report.loaded],
            _context(report),
            _slots(report),
            ", ".join(report.capabilities) or "-",
        )
    print_table(columns)
    for report in reports:
        if report.problem:
            print(f"\n{report.name}: {report.problem}")
        if report.advice:
            print(f"\n{report.name}: {report.advice}")
        if report.unchecked:
            print(f"\n{report.name}: not checked: {report.unchecked}")


def _context(report: Report) -> str:
    """`1024 of 4096`: what requests have, of what the model was made for."""
    tokens = report.context_tokens or report.configured_tokens
    if tokens is None:
        return "-"
    is_less = report.trained_tokens is not None and report.trained_tokens != tokens
    return f"{tokens} of {report.trained_tokens}" if is_less else str(tokens)


def _slots(report: Report) -> str:
    """`4, server has 2`: what is configured, and what the server says where that is something else."""
    differs = report.server_slots is not None and report.server_slots != report.concurrency
    return f"{report.concurrency}, server has {report.server_slots}" if differs else str(report.concurrency)
