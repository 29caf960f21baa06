"""What every backend's configuration has in common."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    # Reading a configuration must not cost the two seconds that importing LangChain takes.
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

__all__ = ["BackendConfig", "Closes", "CountsTokens", "ModelIdentity", "Probes"]


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model answers, so that evidence for another one isn't taken for it. `digest` is `sha256:` and 64 hex
    digits over what determines the answers."""

    kind: str
    model: str
    digest: str


class BackendConfig(BaseModel):
    """The configuration of one backend: a factory of its chat model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str

    def create(self, name: str) -> "BaseChatModel":
        """Build the chat model. `name` is the backend's name in the configuration, for errors and results.

        Builds only: no network, no model load.
        """
        raise NotImplementedError

    def identity(self) -> ModelIdentity:
        """The model behind this backend. Reads files, starts nothing, asks no server.

        Raises ConfigurationError where what identifies it can't be read, NotImplementedError for a kind that can't
        tell.
        """
        raise NotImplementedError

    def started(self, name: str) -> AbstractContextManager[Self]:
        """Start what this backend needs on this machine, and stop it at the end.

        Yields the configuration by which any process reaches what was started. Most kinds need nothing.
        Raises ConfigurationError or BackendError where it cannot be started.
        """
        return nullcontext(self)


@runtime_checkable
class Probes(Protocol):
    """A chat model that can tell whether its server is usable, without asking the model anything."""

    async def probe(self) -> None:
        """Raises BackendError where it isn't."""


@runtime_checkable
class Closes(Protocol):
    """A chat model that holds connections."""

    async def aclose(self) -> None: ...


@runtime_checkable
class CountsTokens(Protocol):
    """A chat model that knows how many tokens it would read, without generating any."""

    async def count_tokens(self, messages: "list[BaseMessage]") -> int:
        """The tokens of the whole prompt, with those of the chat template. Raises BackendError."""
