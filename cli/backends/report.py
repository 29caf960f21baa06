"""What can be told of one backend without asking its model anything."""

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chains.backends import BackendConfig
from chains.errors import CopydeskError
from cli.backends.options import is_started_here, model_words, opened

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from chains.backends.configuration import ServerState

__all__ = ["Report", "inspected"]


@dataclass(frozen=True, slots=True)
class Report:
    """One backend. None stands for what isn't known.

    `context_tokens` is what requests have for prompt and answer, `configured_tokens` what the configuration wants,
    `trained_tokens` what the model was made for. `server_slots` is how many requests the server says that it works
    on at once, and `advice` what that means for `concurrency`. `problem` says why the backend isn't usable and what to
    do, `unchecked` what could not be asked.
    """

    name: str
    kind: str
    model: str
    concurrency: int
    configured_tokens: int | None
    usable: bool = False
    server: str | None = None
    loaded: bool | None = None
    context_tokens: int | None = None
    trained_tokens: int | None = None
    server_slots: int | None = None
    capabilities: tuple[str, ...] = ()
    advice: str | None = None
    problem: str | None = None
    unchecked: str | None = None


async def inspected(name: str, config: BackendConfig, limit_s: float) -> Report:
    """Ask the backend's server what it is and has, for `limit_s` seconds at most.

    Nothing is started, and what fails is the report's problem.
    """
    wanted = getattr(config, "num_ctx", None) or getattr(config, "context_tokens", None)
    configured = Report(name, config.kind, model_words(config), config.concurrency, wanted)
    try:
        async with opened(name, config) as model:
            if is_started_here(config):
                told = getattr(model, "model_name", configured.model)
                return replace(configured, usable=True, model=told, unchecked=_not_started(name))
            async with asyncio.timeout(limit_s):
                return await _asked(model, configured)
    except TimeoutError:
        return replace(configured, problem=f"the server did not say what it is within {limit_s:g} s (--timeout)")
    except CopydeskError as error:
        return replace(configured, problem=str(error).removeprefix(f"Backend {name!r}: "))


async def _asked(model: "BaseChatModel", configured: Report) -> Report:
    from chains.backends.configuration import Inspects, Probes, TellsSlots

    report = configured
    if isinstance(model, Inspects):
        report = _told(configured, await model.inspect())
        if report.problem:
            return report
    if isinstance(model, Probes):
        await model.probe()
    slots = await model.server_slots() if isinstance(model, TellsSlots) else None
    return replace(report, usable=True, server_slots=slots, advice=_advice(slots, report.concurrency))


def _told(configured: Report, state: "ServerState") -> Report:
    return replace(
        configured,
        model=state.model,
        server=state.server,
        loaded=state.loaded,
        context_tokens=state.context_tokens,
        trained_tokens=state.trained_tokens,
        capabilities=state.capabilities,
        problem=state.missing,
        unchecked=state.unchecked,
    )


def _advice(slots: int | None, concurrency: int) -> str | None:
    if slots is None or slots == concurrency:
        return None
    if slots < concurrency:
        return f"the server works on {slots} at once, so it never gets more: set concurrency to {slots}"
    return f"the server works on {slots} at once, but gets {concurrency}: set concurrency to {slots} to use it fully"


def _not_started(name: str) -> str:
    return f"whether the model loads: the service starts it; `copydesk backends warm {name}` tries it"
