"""`copydesk backends warm`: load the models now."""

import asyncio
import time

import typer

from app.settings import load_settings
from chains.backends import BackendConfig
from chains.errors import CopydeskError
from cli.backends.options import BackendNames, chosen, is_started_here, opened, quiet
from cli.options import ConfigFile

__all__ = ["warm"]


def warm(names: BackendNames = None, config: ConfigFile = None) -> None:
    """Load the models, and say how long each took.

    An Ollama server keeps its model loaded for `keep_alive`. An embedded model is loaded in a process of its own,
    which ends with this command: that shows that the service will be able to.

    Example: copydesk backends warm gpu
    """
    backends = chosen(load_settings(config), names)
    quiet()
    failed = False
    for name, backend in backends.items():
        try:
            print(f"{name}: {_loaded(name, backend)}", flush=True)
        except CopydeskError as error:
            failed = True
            for line in str(error).splitlines():
                print(f"{name}: {line.removeprefix(f'Backend {name!r}: ')}", flush=True)
    if failed:
        raise typer.Exit(1)


def _loaded(name: str, config: BackendConfig) -> str:
    """What was done, in words. Raises ConfigurationError or BackendError where it could not be done."""
    start = time.perf_counter()
    with config.started(name) as started:
        seconds = time.perf_counter() - start
        if is_started_here(config):
            return f"loaded in {seconds:.1f} s, and stopped again: the service starts it itself"
        return asyncio.run(_asked(name, started))


async def _asked(name: str, config: BackendConfig) -> str:
    from chains.backends.configuration import Warms

    async with opened(name, config) as model:
        if not isinstance(model, Warms):
            return f"nothing to load: a server of kind {config.kind} has its model loaded, or loads it by itself"
        start = time.perf_counter()
        await model.warm()
        return f"loaded in {time.perf_counter() - start:.1f} s"
