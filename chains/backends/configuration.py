"""What every backend's configuration has in common, and what its chat model may be able to do."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field, JsonValue

if TYPE_CHECKING:
    # Reading a configuration must not cost the two seconds that importing LangChain takes.
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

    from chains.capabilities import ContinuationScore
    from chains.result import Usage

__all__ = [
    "BackendConfig",
    "ChecksContext",
    "Closes",
    "ContinuationScores",
    "CountsTokens",
    "Inspects",
    "ModelIdentity",
    "Probes",
    "PullProgress",
    "Pulls",
    "ScoresContinuations",
    "ServerState",
    "TellsSlots",
    "Timeouts",
    "Warms",
    "untold",
]


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model answers, so that evidence for another one isn't taken for it. `digest` is `sha256:` and 64 hex
    digits over what determines the answers."""

    kind: str
    model: str
    digest: str


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a server may take, in seconds: to accept a connection, for its first token, between two tokens, and
    for the whole answer."""

    connect_s: float
    first_token_s: float
    idle_s: float
    total_s: float


class BackendConfig(BaseModel):
    """The configuration of one backend: a factory of its chat model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    concurrency: int = Field(default=1, ge=1, le=1024, description="Requests that the server works on at once.")
    max_queue: int = Field(default=64, ge=0, le=100_000, description="Requests that wait here; more are refused.")
    queue_timeout_s: float = Field(default=60, gt=0, description="The longest wait in the queue.")
    connect_timeout_s: float = Field(default=5, gt=0, description="Time to connect to the server.")
    first_token_timeout_s: float = Field(default=60, gt=0, description="Time for the first token of an answer.")
    idle_timeout_s: float = Field(default=30, gt=0, description="Time between two tokens of an answer.")
    timeout_s: float = Field(default=120, gt=0, description="Time for one answer, without the wait in the queue.")
    retries: int = Field(default=1, ge=0, le=10, description="Further tries, none after the first token.")

    @property
    def timeouts(self) -> Timeouts:
        return Timeouts(
            connect_s=self.connect_timeout_s,
            first_token_s=self.first_token_timeout_s,
            idle_s=self.idle_timeout_s,
            total_s=self.timeout_s,
        )

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

    def answers_depend_on(self) -> dict[str, JsonValue]:
        """What of this configuration may change an answer, or whether there is one, beside the model's identity:
        recordings are found by both. Never limits of time, slots, names or keys."""
        return {}

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
class Warms(Protocol):
    """A chat model whose server loads the model at its first use, and can be told to load it before."""

    async def warm(self) -> None:
        """Returns when the model is loaded. Raises BackendError."""


@runtime_checkable
class Closes(Protocol):
    """A chat model that holds connections."""

    async def aclose(self) -> None: ...


@runtime_checkable
class CountsTokens(Protocol):
    """A chat model that knows how many tokens it would read, without generating any."""

    async def count_tokens(self, messages: "list[BaseMessage]") -> int | None:
        """The tokens of the whole prompt, with those of the chat template; None where this server has no tokenizer.

        Raises BackendError.
        """


@runtime_checkable
class ChecksContext(Protocol):
    """A chat model that knows the room that its server has for prompt and answer."""

    async def context_tokens(self) -> int | None:
        """The tokens of prompt and answer together; None where nobody says. Raises BackendError."""

    async def check_context(self, messages: "list[BaseMessage]", max_tokens: int | None) -> None:
        """Raises ContextExceeded where the messages and `max_tokens` of answer (None: the backend's default)
        certainly don't fit; BackendError."""


def untold(usage: "Usage") -> None:
    """For whoever asks for scores and keeps no account."""


@dataclass(frozen=True, slots=True)
class ContinuationScores:
    """The likelihood of each continuation, in the order of the question, and what it cost to find out."""

    scores: "list[ContinuationScore]"
    usage: "Usage"


@runtime_checkable
class ScoresContinuations(Protocol):
    """A chat model that can tell how likely given answers are."""

    async def score_continuations(
        self, messages: "list[BaseMessage]", continuations: Sequence[str], spend: "Callable[[Usage], object]"
    ) -> ContinuationScores:
        """The likelihood of each continuation as the beginning of the answer to the messages, in the given order.

        `spend` hears what each call cost as soon as the server has told it, so that nothing is lost where a later one
        fails or is cancelled. Raises BackendError, ContextExceeded, and ValueError for an empty continuation.
        """


@runtime_checkable
class TellsSlots(Protocol):
    """A chat model whose server may tell how many requests it works on at once."""

    async def server_slots(self) -> int | None:
        """None where the server doesn't tell. Raises BackendError."""


@dataclass(frozen=True, slots=True)
class ServerState:
    """What a server says of itself, and what is missing.

    server          its name and version
    model           the model that is configured
    context_tokens  prompt and answer together; None where nobody says
    loaded          whether the model is in memory; None where the server doesn't tell
    capabilities    what the model can do, in the server's words
    missing         what stands against its use and what to do about it; None where nothing does
    trained_tokens  the context that the model was made for; None where the server doesn't tell
    unchecked       what could not be asked; None where everything was
    """

    server: str
    model: str
    context_tokens: int | None = None
    loaded: bool | None = None
    capabilities: tuple[str, ...] = ()
    missing: str | None = None
    trained_tokens: int | None = None
    unchecked: str | None = None


@runtime_checkable
class Inspects(Protocol):
    """A chat model that can tell what its server is and has."""

    async def inspect(self) -> ServerState:
        """Raises BackendError where the server can't be asked."""


@dataclass(frozen=True, slots=True)
class PullProgress:
    """One step of a download: what is done, and how many bytes of how many, where the server tells."""

    status: str
    completed_bytes: int = 0
    total_bytes: int = 0


@runtime_checkable
class Pulls(Protocol):
    """A chat model whose server can download its model."""

    def pull(self) -> AsyncIterator[PullProgress]:
        """Download the model. Raises BackendError."""
