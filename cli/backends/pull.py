"""`copydesk backends pull`: get the models that the servers lack."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, cast

import typer

from app.settings import load_settings
from chains.backends import BackendConfig
from chains.errors import BackendError, ConfigurationError
from cli.backends.options import BackendNames, chosen, opened, quiet
from cli.options import ConfigFile

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from chains.backends.configuration import PullProgress

__all__ = ["pull"]

_EACH_PERCENT = 10


def pull(names: BackendNames = None, config: ConfigFile = None) -> None:
    """Have the servers download their models, one after the other.

    Only Ollama can. A download that was broken off goes on where it stopped.

    Example: copydesk backends pull gpu
    """
    backends = chosen(load_settings(config), names)
    quiet()
    if not asyncio.run(_pull_all(backends, are_named=bool(names))):
        raise typer.Exit(1)


async def _pull_all(backends: dict[str, BackendConfig], *, are_named: bool) -> bool:
    """Whether all went well."""
    from chains.backends.configuration import Pulls

    tried, failed = 0, 0
    for name, config in backends.items():
        async with opened(name, config) as model:
            if isinstance(model, Pulls):
                tried += 1
                try:
                    await _show(name, str(getattr(model, "model_name", "")), model.pull())
                except BackendError as error:
                    print(f"copydesk: {error}", file=sys.stderr)
                    failed += 1
            elif are_named:
                raise ConfigurationError(_not_pulled(name, config))
    if not tried:
        raise ConfigurationError(*(_not_pulled(name, config) for name, config in backends.items()))
    return not failed


def _not_pulled(name: str, config: BackendConfig) -> str:
    return f"backend {name!r} of kind {config.kind} has no model that could be pulled: only Ollama downloads models"


async def _show(name: str, model: str, steps: "AsyncIterator[PullProgress]") -> None:
    async with aclosing(cast("AsyncGenerator[PullProgress, None]", steps)) as closing:
        if sys.stdout.isatty():
            await _show_bar(name, closing)
        else:
            await _print_lines(name, closing)
    print(f"{name}: {model} is there")


async def _show_bar(name: str, steps: "AsyncIterator[PullProgress]") -> None:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, transient=True) as progress:
        bar = progress.add_task(name, total=None)
        async for step in steps:
            total = step.total_bytes or None
            progress.update(bar, description=f"{name}: {step.status}", completed=step.completed_bytes, total=total)


async def _print_lines(name: str, steps: "AsyncIterator[PullProgress]") -> None:
    """One line for each new status, and for each tenth of a download."""
    last = "", 0
    async for step in steps:
        percent = 100 * step.completed_bytes // step.total_bytes if step.total_bytes else 0
        now = step.status, percent // _EACH_PERCENT
        if now != last:
            amount = f" {percent} % of {step.total_bytes / 1e6:.0f} MB" if step.total_bytes else ""
            print(f"{name}: {step.status}{amount}", flush=True)
        last = now
