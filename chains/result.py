"""What comes back beside a task's output: who answered, at what cost, in what time."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Generic, TypeVar

from pydantic import Field

from chains.task import TaskOutput

__all__ = [
    "Attempt",
    "Bill",
    "CacheState",
    "PromptIdentity",
    "RenderedPrompt",
    "TaskResult",
    "Timing",
    "Usage",
    "total",
]

Out = TypeVar("Out", bound=TaskOutput)


@dataclass(frozen=True, slots=True)
class PromptIdentity:
    """The prompt version that answered. `digest` is `sha256:` and 64 hex digits; `label` is the one under which it
    was found, absent where the request named the version itself."""

    name: Annotated[str, Field(description="The prompt's name.")]
    version: Annotated[str, Field(description="Its version: 1.2.0.")]
    digest: Annotated[str, Field(description="`sha256:` and 64 hex digits over all that shapes the messages.")]
    label: Annotated[
        str | None, Field(description="The label under which the version was found, if it wasn't named.")
    ] = None


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """What a model would read: pairs of a role (`system`, `user`, `assistant`) and its text. `tokens` are those of
    the whole prompt as the first backend of its route that can tell counts them; None where none can."""

    messages: tuple[tuple[str, str], ...]
    tokens: int | None
    prompt: PromptIdentity


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the model server counted them, summed over all calls of one request.

    `unreported_calls` are those of the calls of which the server told no counts, because they broke off or because it
    never does: the pieces of text that came are their output tokens, and what was read is known only from models that
    told it at the beginning.
    """

    input_tokens: Annotated[int, Field(description="Tokens of the prompts.")] = 0
    cached_input_tokens: Annotated[int, Field(description="Those of them that the server had read before.")] = 0
    output_tokens: Annotated[int, Field(description="Tokens of the answers.")] = 0
    model_calls: Annotated[int, Field(description="How often a model was asked.")] = 0
    unreported_calls: Annotated[int, Field(description="Those of the calls whose server told no counts.")] = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            cached_input_tokens=self.cached_input_tokens + other.cached_input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            model_calls=self.model_calls + other.model_calls,
            unreported_calls=self.unreported_calls + other.unreported_calls,
        )


def total(usages: Collection[Usage]) -> Usage:
    """Their sum; most requests have one alone."""
    first, *more = usages or (Usage(),)
    return sum(more, first)


@dataclass(frozen=True, slots=True)
class Bill:
    """What a request cost beside its tokens.

    cost_nano_usd  in billionths of a US dollar, by the prices of the configuration; None where none of its backends
                   has a price
    energy_uwh     an estimate, in millionths of a watt-hour
    water_ul       an estimate, in millionths of a litre
    method         how these were estimated
    """

    cost_nano_usd: int | None
    energy_uwh: int
    water_ul: int
    method: str


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds. `queue_ms` is the wait for a free slot of the backend, `model_ms` the time that the backend took,
    `total_ms` the whole chain's."""

    queue_ms: Annotated[int, Field(description="The wait for a free slot of the backend, in milliseconds.")]
    model_ms: Annotated[int, Field(description="The time that the backend took, in milliseconds.")]
    total_ms: Annotated[int, Field(description="The whole chain's time, in milliseconds.")]


class CacheState(str, Enum):
    """Whence an answer came: generated for this request, taken from an identical request that was in flight, or kept
    from an earlier one."""

    MISS = "miss"
    SHARED = "shared"
    HIT = "hit"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A call of a backend that failed before another one answered: its error's code, and how long it took."""

    backend: Annotated[str, Field(description="Its name in the configuration.")]
    code: Annotated[str, Field(description="The code of its error.")]
    ms: Annotated[int, Field(description="How many milliseconds it took.")]


@dataclass(frozen=True)
class TaskResult(Generic[Out]):
    """`document_text` is the text that was taken from the request's document, where the request asks for it;
    `document_pages_without_text` counts the document's pages that hold none, where there are any."""

    output: Out
    prompt: PromptIdentity
    backend: str
    model: str
    usage: Usage
    timing: Timing
    cache: CacheState = CacheState.MISS
    attempts: tuple[Attempt, ...] = ()
    document_text: str | None = None
    document_pages_without_text: int | None = None
    bill: Bill | None = None
