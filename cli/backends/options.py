"""What the commands on backends share: which backends they are about, and a chat model for a while."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from app.settings import Settings
from chains.backends import BackendConfig
from chains.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

__all__ = ["BackendNames", "SilenceLimit", "chosen", "is_started_here", "model_words", "opened", "quiet"]

BackendNames = Annotated[list[str] | None, typer.Argument(help="Only these backends.", metavar="NAME...")]
SilenceLimit = Annotated[
    float, typer.Option("--timeout", min=0.1, help="The longest wait for a server, in seconds.", metavar="S")
]


def chosen(settings: Settings, names: list[str] | None) -> dict[str, BackendConfig]:
    """The named backends, or all. Raises ConfigurationError for names that don't exist."""
    unknown = [name for name in names or () if name not in settings.backends]
    if unknown:
        known = ", ".join(settings.backends)
        raise ConfigurationError(*(f"there is no backend {name!r}; the backends are {known}" for name in unknown))
    return {name: settings.backends[name] for name in names or settings.backends}


def is_started_here(config: BackendConfig) -> bool:
    """Whether the service would start this kind's server itself, on this machine."""
    return type(config).started is not BackendConfig.started and getattr(config, "socket", None) is None


def model_words(config: BackendConfig) -> str:
    """The model as the configuration names it: a name, else a file, else what the kind brings along."""
    path = getattr(config, "path", None)
    return str(getattr(config, "model", None) or (path.name if path else "included"))


@asynccontextmanager
async def opened(name: str, config: BackendConfig) -> "AsyncIterator[BaseChatModel]":
    """The backend's chat model, whose connections close at the end. Raises ConfigurationError."""
    from chains.backends.configuration import Closes

    model = config.create(name)
    try:
        yield model
    finally:
        if isinstance(model, Closes):
            await model.aclose()


def quiet() -> None:
    """Let only warnings of what is called reach the terminal."""
    logging.basicConfig(level=logging.WARNING, format="copydesk: %(message)s")
