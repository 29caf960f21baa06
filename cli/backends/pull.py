"""`copydesk backends pull`: get the models that the servers lack."""

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, cast

import typer

from app.settings import load_settings
from chains.backends import BackendConfig
from chains.errors import BackendError, BackendTimeout, ConfigurationError
from cli.backends.options import BackendNames, SilenceLimit, chosen, opened, quiet
from cli.options import ConfigFile
from cli.prompts.options import AsJson, print_json

if TYPE_CHECKING:
    from chains.backends.configuration import PullProgress, Pulls

__all__ = ["pull"]

_EACH_PERCENT = 10


@dataclass(frozen=True, slots=True)
class Pulled:
    """What came of one backend's download: `problem` is why the model isn't there, None where it is."""

    name: str
    model: str
    problem: str | None = None


def pull(
    names: BackendNames = None, config: ConfigFile = None, timeout: SilenceLimit = 900, as_json: AsJson = False
) -> None:
    """Have the servers download their models, one after the other.

    Only Ollama can: without names, the other backends are left out. A download that was broken off goes on where it
    stopped. It may take its time, but not be silent for longer than --timeout.

    Example: copydesk backends pull gpu
    """
    backends = chosen(load_settings(config), names)
    quiet()
    done = asyncio.run(_pull_all(backends, timeout, are_named=bool(names), is_told=not as_json))
    if as_json:
        print_json([asdict(one) for one in done])
    if any(one.problem for one in done):
        raise typer.Exit(1)


async def _pull_all(
    backends: Mapping[str, BackendConfig], silence_s: float, *, are_named: bool, is_told: bool
) -> list[Pulled]:
    """Raises ConfigurationError, before anything is downloaded, where a named backend can't pull, or none can."""
    async with AsyncExitStack() as stack:
        able, unable, broken = await _sorted_out(backends, stack)
        refused = [*broken.values(), *(_not_pulled(name, backends[name]) for name in unable)]
        if refused and (are_named or not (able or broken)):
            raise ConfigurationError(*refused)
        done = [Pulled(name, str(getattr(backends[name], "model", "")), problem) for name, problem in broken.items()]
        if is_told:
            _tell(*broken.values())
        for name, model in able.items():
            steps = _heard(name, model.pull(), silence_s)
            done.append(await _pulled(name, str(getattr(model, "model_name", "")), steps, is_told=is_told))
    order = list(backends)
    return sorted(done, key=lambda one: order.index(one.name))


async def _sorted_out(
    backends: Mapping[str, BackendConfig], stack: AsyncExitStack
) -> "tuple[dict[str, Pulls], list[str], dict[str, str]]":
    """The models that can be pulled, the backends that have none, and what is wrong with the rest."""
    from chains.backends.configuration import Pulls

    able, unable, broken = dict[str, Pulls](), list[str](), dict[str, str]()
    for name, config in backends.items():
        try:
            model = await stack.enter_async_context(opened(name, config))
        except ConfigurationError as error:
            broken[name] = str(error)
            continue
        if isinstance(model, Pulls):
            able[name] = model
        else:
            unable.append(name)
    return able, unable, broken


def _not_pulled(name: str, config: BackendConfig) -> str:
    return f"backend {name!r} of kind {config.kind} has no model that could be pulled: only Ollama downloads models"


async def _heard(
    name: str, steps: "AsyncIterator[PullProgress]", silence_s: float
) -> "AsyncGenerator[PullProgress, None]":
    """The steps. Raises BackendTimeout where the next one doesn't come in time."""
    async with aclosing(cast("AsyncGenerator[PullProgress, None]", steps)) as coming:
        while True:
            try:
                async with asyncio.timeout(silence_s):
                    step = await anext(coming, None)
            except TimeoutError as error:
                message = f"the server said nothing for {silence_s:g} s (--timeout): pull again, it goes on from there"
                raise BackendTimeout(message, backend=name, original=error) from error
            if step is None:
                return
            yield step


async def _pulled(name: str, model: str, steps: "AsyncGenerator[PullProgress, None]", *, is_told: bool) -> Pulled:
    try:
        async with aclosing(steps):
            if not is_told:
                async for _ in steps:
                    pass
            elif sys.stdout.isatty():
                await _show_bar(name, steps)
            else:
                await _print_lines(name, steps)
    except BackendError as error:
        if is_told:
            _tell(str(error))
        return Pulled(name, model, str(error).removeprefix(f"Backend {name!r}: "))
    if is_told:
        print(f"{name}: {model} is there", flush=True)
    return Pulled(name, model)


def _tell(*problems: str) -> None:
    for problem in problems:
        print(f"copydesk: {problem}", file=sys.stderr, flush=True)


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
