"""The account of one request: every model call that it causes is entered here, also those of a failed chain.

The ledger travels in a context variable, so that chains needn't pass it on: tasks that asyncio spawns for
parallel calls inherit it, and two requests never share one. Whoever makes a call takes the ledger at its beginning:
at its end, which may be that of an abandoned generator, another request's could be the current one.
"""

from collections.abc import Callable
from contextvars import ContextVar

from langchain_core.messages import AIMessage

from chains.context import Within
from chains.result import Attempt, CacheState, Usage, total

__all__ = ["Late", "Ledger", "current_ledger", "open_ledger", "usage_of"]

_current: ContextVar["Ledger | None"] = ContextVar("copydesk_ledger", default=None)

Late = Callable[[tuple[str, str], Usage, float], None]
"""Told of what is entered after the end of a request: the backend and the model, the usage, the slot's seconds."""


class Ledger:
    """Sums what the model servers report. By the pairs of a backend and the model's name there: `shares` is the usage,
    `seconds` how long the calls that are paid for held their slots. `model` is the name that the last one gave itself,
    `asked` the pair that was asked last, also where nothing came; two empty texts where nobody was."""

    def __init__(self) -> None:
        self.shares: dict[tuple[str, str], Usage] = {}
        self.seconds: dict[tuple[str, str], float] = {}
        self.asked = ("", "")
        self.model = ""
        self.model_seconds = 0.0
        self.queue_seconds = 0.0
        self.attempts: list[Attempt] = []
        self._sources: set[CacheState] = set()
        self._when_accepted: list[Callable[[], None]] = []
        self._late: Late | None = None

    @property
    def usage(self) -> Usage:
        """Of all backends together."""
        return total(self.shares.values())

    @property
    def cache(self) -> CacheState:
        """`hit` or `shared` where nothing was generated for this request alone."""
        generated = CacheState.MISS in self._sources or not self._sources
        return CacheState.MISS if generated else max(self._sources, key=lambda source: source is CacheState.SHARED)

    def when_accepted(self, work: Callable[[], None]) -> None:
        """Do this when the request's whole answer turns out to be good; never, where a chain runs on its own."""
        self._when_accepted.append(work)

    def accept(self) -> None:
        """The answer is good: do what waited for that."""
        for work in self._when_accepted:
            work()

    def close(self, late: Late) -> None:
        """The account is told. What comes in afterwards, from a call that took longer to end than its request, goes
        to `late` and is not lost."""
        self._late = late

    def add(
        self,
        message: AIMessage,
        seconds: float,
        *,
        queued: float = 0.0,
        held: float | None = None,
        backend: str = "",
        source: CacheState = CacheState.MISS,
    ) -> None:
        """Enter one finished call: its usage as the server reported it, the model's seconds and those in the queue of
        whoever waited for it, and how long it held its slot where that is something else.

        An answer that was generated for another request costs this one no tokens and no call.
        """
        self.model = message.response_metadata.get("model_name", self.model)
        self.model_seconds += seconds
        self.queue_seconds += queued
        self._sources.add(source)
        self.asked = backend, self.model
        if source is CacheState.MISS:
            self._charge(self.asked, usage_of(message), seconds if held is None else held)

    def add_scores(self, usage: Usage, seconds: float, *, queued: float, pair: tuple[str, str]) -> None:
        """Enter what it cost to score continuations: `usage` of its calls, the backend's `seconds`, the wait before
        them, and the pair of the backend and the model's name."""
        self.model = pair[1] or self.model
        self.model_seconds += seconds
        self.queue_seconds += queued
        self._sources.add(CacheState.MISS)
        self.asked = pair
        self._charge(pair, usage, seconds)

    def _charge(self, pair: tuple[str, str], usage: Usage, seconds: float) -> None:
        if self._late is not None:
            self._late(pair, usage, seconds)
            return
        known = self.shares.get(pair)
        self.shares[pair] = usage if known is None else known + usage
        self.seconds[pair] = self.seconds.get(pair, 0.0) + seconds


def current_ledger() -> Ledger:
    """That of the request that is being served; one that nobody looks at where a chain runs on its own."""
    return _current.get() or Ledger()


def usage_of(message: AIMessage) -> Usage:
    """What one call cost, as the server reported it."""
    reported = message.usage_metadata
    if reported is None:
        return Usage(model_calls=1, unreported_calls=1)
    return Usage(
        input_tokens=reported["input_tokens"],
        cached_input_tokens=reported.get("input_token_details", {}).get("cache_read", 0),
        output_tokens=reported["output_tokens"],
        model_calls=1,
        unreported_calls=int(bool(message.response_metadata.get("unreported"))),
    )


def open_ledger() -> Within[Ledger]:
    """Start the account of one request; calls made inside are entered into it."""
    return Within(_current, Ledger())
