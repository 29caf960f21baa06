"""The account of one request: every model call that it causes is entered here, also those of a failed chain.

The ledger travels in a context variable, so that chains needn't pass it on: tasks that asyncio spawns for
parallel calls inherit it, and two requests never share one.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from langchain_core.messages import AIMessage

from chains.result import Attempt, CacheState, Usage

__all__ = ["Ledger", "enter", "enter_attempts", "enter_scores", "open_ledger", "usage_of", "when_accepted"]

_current: ContextVar["Ledger | None"] = ContextVar("copydesk_ledger", default=None)


class Ledger:
    """Sums what the model servers report. `backend` is that of the last call, `model` the name that it gave itself,
    `shares` the usage by the pairs of a backend and the model's name there."""

    def __init__(self) -> None:
        self.shares: dict[tuple[str, str], Usage] = {}
        self.backend = self.model = ""
        self.model_seconds = 0.0
        self.queue_seconds = 0.0
        self.attempts: list[Attempt] = []
        self._sources: set[CacheState] = set()
        self._when_accepted: list[Callable[[], None]] = []

    @property
    def asked(self) -> str:
        """The backend that answered last, else the last that failed; empty where none was asked."""
        return self.backend or next((attempt.backend for attempt in reversed(self.attempts)), "")

    @property
    def usage(self) -> Usage:
        """Of all backends together."""
        return sum(self.shares.values(), Usage())

    @property
    def cache(self) -> CacheState:
        """`hit` or `shared` where nothing was generated for this request alone."""
        generated = CacheState.MISS in self._sources or not self._sources
        return CacheState.MISS if generated else max(self._sources, key=lambda source: source is CacheState.SHARED)

    def when_accepted(self, work: Callable[[], None]) -> None:
        self._when_accepted.append(work)

    def accept(self) -> None:
        """The answer is good: do what waited for that."""
        for work in self._when_accepted:
            work()

    def add(self, message: AIMessage, seconds: float, queued: float, backend: str, source: CacheState) -> None:
        """Enter one finished call: its usage as the server reported it, and how long it waited and took.

        An answer that was generated for another request costs this one no tokens and no call.
        """
        self.backend = backend
        self.model = message.response_metadata.get("model_name", self.model)
        self.model_seconds += seconds
        self.queue_seconds += queued
        self._sources.add(source)
        if source is not CacheState.MISS:
            return
        self._charge(backend, usage_of(message))

    def add_scores(self, usage: Usage, seconds: float, queued: float, backend: str, model: str) -> None:
        """Enter what it cost to score continuations."""
        self.backend = backend
        self.model = model or self.model
        self.model_seconds += seconds
        self.queue_seconds += queued
        self._sources.add(CacheState.MISS)
        self._charge(backend, usage)

    def _charge(self, backend: str, usage: Usage) -> None:
        key = backend, self.model
        self.shares[key] = self.shares.get(key, Usage()) + usage


def when_accepted(work: Callable[[], None]) -> None:
    """Do this when the request's whole answer turns out to be good; never, where a chain runs on its own."""
    ledger = _current.get()
    if ledger is not None:
        ledger.when_accepted(work)


def usage_of(message: AIMessage) -> Usage:
    """What one call cost, as the server reported it."""
    reported = message.usage_metadata
    if reported is None:
        return Usage(model_calls=1)
    return Usage(
        input_tokens=reported["input_tokens"],
        cached_input_tokens=reported.get("input_token_details", {}).get("cache_read", 0),
        output_tokens=reported["output_tokens"],
        model_calls=1,
    )


@contextmanager
def open_ledger() -> Iterator[Ledger]:
    """Start the account of one request; calls made inside are entered into it."""
    ledger = Ledger()
    token = _current.set(ledger)
    try:
        yield ledger
    finally:
        _current.reset(token)


def enter(
    message: AIMessage,
    seconds: float,
    *,
    queued: float = 0.0,
    backend: str = "",
    source: CacheState = CacheState.MISS,
) -> None:
    """Enter one finished call in the open ledger; without one (a chain run on its own) nothing is kept.

    `seconds` is the backend's time, `queued` the wait before it.
    """
    ledger = _current.get()
    if ledger is not None:
        ledger.add(message, seconds, queued, backend, source)


def enter_scores(usage: Usage, seconds: float, *, queued: float, backend: str, model: str) -> None:
    """Enter what it cost to score continuations: `usage` of its calls, the backend's `seconds`, the wait before them,
    the backend and the model's name."""
    ledger = _current.get()
    if ledger is not None:
        ledger.add_scores(usage, seconds, queued, backend, model)


def enter_attempts(attempts: Sequence[Attempt]) -> None:
    """Enter calls that failed and were followed by another one."""
    ledger = _current.get()
    if ledger is not None:
        ledger.attempts.extend(attempts)
