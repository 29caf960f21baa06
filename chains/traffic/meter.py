"""What traffic tells whoever keeps metrics."""

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol, Self

from langchain_core.messages import AIMessageChunk

from chains.errors import CopydeskError
from chains.ledger import usage_of
from chains.result import CacheState, Usage
from chains.terms import Priority, Terms

__all__ = ["SILENT", "CallReport", "CallTimer", "Meter", "code_of"]


@dataclass(frozen=True, slots=True)
class CallReport:
    """One call of a model that has ended: every try of a request is one.

    `code` is `ok`, the code of the error, `cancelled` where nobody waited for the answer any more, or `internal`.
    `seconds` is how long the slot was held, `first_token_s` until the first token of a streamed answer; None where
    the answer came whole or not at all. `queued_s` is how long it had waited for the slot. `model` is the name that
    the configuration has, `answered_by` the one that the server gave. `usage` and `finish_reason` are what the server
    reported, None where it did not.
    """

    backend: str
    task: str
    priority: Priority
    code: str
    seconds: float
    first_token_s: float | None
    queued_s: float = 0.0
    model: str = ""
    answered_by: str | None = None
    usage: Usage | None = None
    finish_reason: str | None = None


class Meter(Protocol):
    """Counts and times of what passes to the backends. Called in the event loop, often: it must be quick.

    `backend` is a name of the configuration, `task` the task's name, `code` the code of an error: no value comes from a
    caller.
    """

    def sized(self, backend: str, slots: int) -> None:
        """So many slots there are now."""

    def queued(self, backend: str, n: int) -> None:
        """So many requests wait now."""

    def in_use(self, backend: str, n: int) -> None:
        """So many slots are taken now."""

    def waited(self, backend: str, seconds: float) -> None:
        """A request got its slot after so long; 0 where one was free."""

    def refused(self, backend: str, reason: str) -> None:
        """A request was refused: `queue_full`, `displaced`, `deadline`, `queue_timeout` or `breaker_open`."""

    def called(self, call: CallReport) -> None:
        """A call of the model has ended."""

    def retried(self, backend: str, code: str) -> None:
        """A failed call was tried again."""

    def fell_back(self, backend: str, task: str, code: str) -> None:
        """The next backend of the route took over, because this one failed."""

    def answered(self, backend: str, task: str, source: CacheState, usage: Usage) -> None:
        """A request got an answer from there, for which it pays so many tokens."""

    def breaker(self, backend: str, state: str) -> None:
        """The breaker is `closed`, `open` or `half_open` now."""


class _Silent:
    def sized(self, backend: str, slots: int) -> None:
        pass

    def queued(self, backend: str, n: int) -> None:
        pass

    def in_use(self, backend: str, n: int) -> None:
        pass

    def waited(self, backend: str, seconds: float) -> None:
        pass

    def refused(self, backend: str, reason: str) -> None:
        pass

    def called(self, call: CallReport) -> None:
        pass

    def retried(self, backend: str, code: str) -> None:
        pass

    def fell_back(self, backend: str, task: str, code: str) -> None:
        pass

    def answered(self, backend: str, task: str, source: CacheState, usage: Usage) -> None:
        pass

    def breaker(self, backend: str, state: str) -> None:
        pass


SILENT: Meter = _Silent()
"""Keeps nothing."""


class CallTimer:
    """The clock of a call that is made inside, and what the server said of it: the meter is told, however it ends.

    `usage` is None until the server says that, `model` what the configuration calls the model.
    """

    def __init__(self, meter: Meter, backend: str, terms: Terms, *, model: str = "", queued_s: float = 0.0) -> None:
        self._meter = meter
        self._asked = backend, terms.task, terms.priority
        self._model = model
        self._start = time.perf_counter()
        self._queued_s = queued_s
        self._first_token_s: float | None = None
        self.usage: Usage | None = None
        self._answered_by: str | None = None
        self._finish_reason: str | None = None

    def first_token(self) -> None:
        self._first_token_s = self.seconds()

    def heard(self, chunk: AIMessageChunk) -> None:
        """Keep what a chunk reports: the last ones say what the answer cost and why it ended."""
        if chunk.usage_metadata is not None:
            self.usage = usage_of(chunk)
        if metadata := chunk.response_metadata:
            self._answered_by = metadata.get("model_name", self._answered_by)
            self._finish_reason = metadata.get("finish_reason", self._finish_reason)

    def seconds(self) -> float:
        return time.perf_counter() - self._start

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        code = "ok" if error is None else code_of(error)
        self._meter.called(
            CallReport(
                *(*self._asked, code, self.seconds(), self._first_token_s, self._queued_s),
                *(self._model, self._answered_by, self.usage, self._finish_reason),
            )
        )


def code_of(error: BaseException) -> str:
    """What metrics and books call an error."""
    if isinstance(error, CopydeskError):
        return error.code
    return "cancelled" if isinstance(error, asyncio.CancelledError | GeneratorExit) else "internal"
