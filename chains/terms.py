"""On which terms a request is served: for whom, how urgently, until when.

The terms travel in a context variable, so that chains needn't pass them on: tasks that asyncio spawns for parallel
calls inherit them.
"""

from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum

from chains.context import Within

__all__ = ["RANKS", "Priority", "Terms", "current_terms", "on_terms"]


class Priority(str, Enum):
    """How urgent a request is."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one request.

    caller    the id of the caller's key: fairness, coalescing and the cache go by it
    task      the task's name
    priority  who goes first where there is a queue
    deadline  until when the answer is of use, by the event loop's clock in seconds; None where the caller said nothing
    share     whether an identical request's generation may serve this one too
    cache     whether an answer of the cache may serve it, and its answer be kept
    background  whether nobody waits for the answer, so that it comes after all requests for which somebody does
    repeat    which of the times this is that an evaluation asks for the same: each has an answer of its own
    """

    caller: str = ""
    task: str = ""
    priority: Priority = Priority.NORMAL
    deadline: float | None = None
    share: bool = True
    cache: bool = False
    background: bool = False
    repeat: int = 0

    @property
    def rank(self) -> int:
        """Who goes first: 0 before all others. What nobody waits for comes after every priority, by its own there."""
        return _RANKS.index(self.priority) + (len(_RANKS) if self.background else 0)


_RANKS = (Priority.HIGH, Priority.NORMAL, Priority.LOW)
RANKS = range(2 * len(_RANKS))
"""All that `Terms.rank` may be."""

_current: ContextVar[Terms | None] = ContextVar("copydesk_terms", default=None)
_NONE = Terms()


def on_terms(terms: Terms) -> Within[Terms]:
    """Serve what is done inside on these terms."""
    return Within(_current, terms)


def current_terms() -> Terms:
    """The terms of the request that is being served; those of nobody in particular where a chain runs on its own."""
    return _current.get() or _NONE
