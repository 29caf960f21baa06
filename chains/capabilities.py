"""What a backend's model may be able to do beyond answers. A task asks for the capability, never for a kind."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from langchain_core.messages import BaseMessage

__all__ = ["NO_CAPABILITIES", "Capabilities", "ContinuationScore", "Scorer"]


@dataclass(frozen=True, slots=True)
class ContinuationScore:
    """`logprob` is the natural logarithm of the likelihood of one continuation, summed over its `tokens`."""

    logprob: float
    tokens: int


class Scorer(Protocol):
    """Tells how likely given answers are."""

    async def __call__(self, messages: list[BaseMessage], continuations: Sequence[str]) -> Sequence[ContinuationScore]:
        """The likelihood of each continuation as the beginning of the answer to the messages, in the given order.

        Raises BackendError, ContextExceeded, and ValueError for an empty continuation.
        """


def _one_slot() -> int:
    return 1


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a chain may ask of its backend.

    score           the likelihood of given continuations; None where the model can't tell
    count_tokens    the tokens of a prompt, with those of the chat template; None where the model can't tell, and so is
                    its answer where this server doesn't
    context_tokens  the tokens of prompt and answer together; its answer is None where nobody says
    slots           how many calls run at once, 1 or more
    """

    score: Scorer | None = None
    count_tokens: Callable[[list[BaseMessage]], Awaitable[int | None]] | None = None
    context_tokens: Callable[[], Awaitable[int | None]] | None = None
    slots: Callable[[], int] = _one_slot


NO_CAPABILITIES = Capabilities()
"""Those of a model of which nothing is known."""
