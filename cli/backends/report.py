"""What can be told of one backend without asking its model anything."""

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
    on at once. `problem` says why the backend isn't usable and what to do, `unchecked` what could not be asked.
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
    problem: str | None = None
    unchecked: str | None = None


async def inspected(name: str, config: BackendConfig) -> Report:
    """Ask the backend's server what it is and has. Nothing is started, and what fails is the report's problem."""
    wanted = getattr(config, "num_ctx", None) or getattr(config, "context_tokens", None)
    configured = Report(name, config.kind, model_words(config), config.concurrency, wanted)
    try:
        async with opened(name, config) as model:
            if is_started_here(config):
                told = getattr(model, "model_name", configured.model)
                return replace(configured, usable=True, model=told, unchecked=_not_started(name))
            return await _asked(model, configured)
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
    return replace(report, usable=True, server_slots=slots)


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


def _not_started(name: str) -> str:
    return f"whether the model loads: the service starts it; `copydesk backends warm {name}` tries it"
