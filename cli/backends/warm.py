"""`copydesk backends warm`: load the models now."""

import asyncio
import time
from dataclasses import asdict, dataclass

import typer

from app.settings import load_settings
from chains.backends import BackendConfig
from chains.errors import CopydeskError
from cli.backends.options import BackendNames, chosen, is_started_here, opened, quiet
from cli.options import ConfigFile
from cli.prompts.options import AsJson, print_json

__all__ = ["warm"]


@dataclass(frozen=True, slots=True)
class Warmed:
    """What came of one backend: the `seconds` that loading took, None where there was nothing to load or it failed;
    `note` says more of it, `problem` why it failed."""

    name: str
    seconds: float | None = None
    note: str | None = None
    problem: str | None = None


def warm(names: BackendNames = None, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Load the models, and say how long each took.

    An Ollama server keeps its model loaded for `keep_alive`. An embedded model is loaded in a process of its own,
    which ends with this command: that shows that the service will be able to.

    Example: copydesk backends warm gpu
    """
    backends = chosen(load_settings(config), names)
    quiet()
    done = []
    for name, backend in backends.items():
        done.append(_warmed(name, backend))
        if not as_json:
            _print(done[-1])
    if as_json:
        print_json([asdict(one) for one in done])
    if any(one.problem for one in done):
        raise typer.Exit(1)


def _print(one: Warmed) -> None:
    loaded = None if one.seconds is None else f"loaded in {one.seconds:.1f} s"
    said = one.problem or ", and ".join(part for part in (loaded, one.note) if part)
    for line in said.splitlines():
        print(f"{one.name}: {line}", flush=True)


def _warmed(name: str, config: BackendConfig) -> Warmed:
    start = time.perf_counter()
    try:
        with config.started(name) as started:
            if is_started_here(config):
                seconds = time.perf_counter() - start
                return Warmed(name, seconds, "stopped again: the service starts it itself")
            return asyncio.run(_asked(name, started))
    except CopydeskError as error:
        return Warmed(name, problem=str(error).removeprefix(f"Backend {name!r}: "))


async def _asked(name: str, config: BackendConfig) -> Warmed:
    from chains.backends.configuration import Warms

    async with opened(name, config) as model:
        if not isinstance(model, Warms):
            note = f"nothing to load: a server of kind {config.kind} has its model loaded, or loads it by itself"
            return Warmed(name, note=note)
        start = time.perf_counter()
        await model.warm()
        return Warmed(name, time.perf_counter() - start)
