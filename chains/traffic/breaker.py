"""Spares a backend that keeps failing, and the callers the wait for it."""

import logging
import random
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from enum import Enum

from chains.errors import (
    BackendBusy,
    BackendError,
    BackendProtocolError,
    BackendRejected,
    BackendTimeout,
    BackendUnavailable,
    ContextExceeded,
)
from chains.traffic.meter import SILENT, Meter

__all__ = ["Breaker", "BreakerState"]

_log = logging.getLogger("copydesk.traffic.breaker")

_FAILURES = (BackendUnavailable, BackendTimeout, BackendProtocolError)
_WORDS = (BackendBusy, BackendRejected, ContextExceeded)
_LEAST_JITTER = 0.8


class BreakerState(str, Enum):
    """Whether a backend is asked: always (`closed`), not for now (`open`), or once, to see (`half_open`)."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Opens after `threshold` failures in a row, and then refuses requests without asking the backend.

    After the cooldown it is half open: one request is let through, the probe, and the others are still refused. The
    probe's success closes the breaker; its failure opens it again for twice as long, up to `longest_cooldown_s`. Each
    cooldown is shortened by up to a fifth, at random, so that several processes don't probe together. A cancelled
    probe, or one that says nothing of the backend's health, leaves its place to the next request.
    """

    def __init__(
        self,
        backend: str,
        threshold: int = 5,
        cooldown_s: float = 1.0,
        longest_cooldown_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
        meter: Meter = SILENT,
    ) -> None:
        self._backend = backend
        self._threshold = threshold
        self._first_cooldown_s = self._cooldown_s = cooldown_s
        self._longest_cooldown_s = longest_cooldown_s
        self._clock = clock
        self._failures = 0
        self._last_code = ""
        self._open_until: float | None = None
        self._probing = False
        self._is_on_trial = False
        self._changes = 0
        self._meter = meter
        self._tell(BreakerState.CLOSED)

    @property
    def state(self) -> BreakerState:
        if self._open_until is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self._clock() < self._open_until else BreakerState.HALF_OPEN

    def check(self) -> None:
        """Raises BackendUnavailable where a request would be refused now. For a request that is yet to queue."""
        if self._open_until is None:
            return
        remaining = self._open_until - self._clock()
        if remaining > 0:
            raise self._refusal(f"it is asked again in {remaining:.1f} s", remaining)
        if self._probing:
            raise self._refusal("one request is asking it whether it is well again", self._first_cooldown_s)

    def guard(self) -> AbstractAsyncContextManager[Callable[[], None]]:
        """Ask the backend inside, with the slot at hand: what comes of it is counted.

        Yields what to call when an answer begins: that ends a probe well, though the answer may still break off.
        Raises BackendUnavailable as `check` does. BackendUnavailable, BackendTimeout and BackendProtocolError from
        inside are failures. No error at all, an answer that its caller leaves after it began, and what the server
        says in words (busy, refused, too long) are signs of life; a caller that leaves before says nothing. A
        request that began before the breaker opened or closed is no longer counted.
        """
        return _Trial(self)

    def _begin(self) -> bool:
        """Whether the request that is let through now is the probe."""
        self.check()
        if self._open_until is None:
            return False
        self._probing = True
        self._tell(BreakerState.HALF_OPEN)
        return True

    def _end(self, trial: "_Trial", error: BaseException | None) -> None:
        self._count(trial, error)
        if trial.is_probe:
            self._probing = False

    def _count(self, trial: "_Trial", error: BaseException | None) -> None:
        if trial.changes != self._changes:
            return
        if isinstance(error, _FAILURES):
            self._failed(error)
        elif error is None or trial.has_begun or isinstance(error, _WORDS):
            self._succeeded()

    def stalled(self) -> None:
        """Count a request whose caller left because no answer came, though one was long due."""
        if self._open_until is None or self._probing:
            self._failed(BackendTimeout("no answer came while its caller waited", backend=self._backend))

    def retry_now(self) -> None:
        """End the cooldown: somebody found out that the server is back. One request may find out for itself."""
        if self._open_until is not None:
            self._open_until = min(self._open_until, self._clock())

    def _succeeded(self) -> None:
        self._failures = 0
        self._is_on_trial = False
        self._cooldown_s = self._first_cooldown_s
        if self._open_until is not None:
            self._close()

    def _close(self) -> None:
        """Let requests through again. Until one has succeeded, the next failure opens the breaker for longer."""
        self._is_on_trial = self._failures > 0
        self._open_until = None
        self._failures = min(self._failures, self._threshold - 1)
        self._changes += 1
        self._tell(BreakerState.CLOSED)
        _log.info("backend %r: well again", self._backend)

    def _failed(self, error: BackendError) -> None:
        self._failures += 1
        self._last_code = error.code
        if self._open_until is not None or self._is_on_trial:
            self._cooldown_s = min(2 * self._cooldown_s, self._longest_cooldown_s)
        elif self._failures < self._threshold:
            return
        cooldown_s = self._cooldown_s * random.uniform(_LEAST_JITTER, 1)  # noqa: S311
        self._open_until = self._clock() + cooldown_s
        self._changes += 1
        self._tell(BreakerState.OPEN)
        _log.warning(
            "backend %r: %d failures in a row, the last one %s; not asked for %.1f s",
            *(self._backend, self._failures, self._last_code, cooldown_s),
        )

    def _tell(self, state: BreakerState) -> None:
        self._meter.breaker(self._backend, state.value)

    def _refusal(self, until: str, retry_after_s: float) -> BackendUnavailable:
        self._meter.refused(self._backend, "breaker_open")
        message = f"it failed {self._failures} times in a row, last with {self._last_code}; {until}."
        return BackendUnavailable(message, backend=self._backend, retry_after_s=retry_after_s)


class _Trial:
    """One request inside the guard."""

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker
        self.is_probe = self.has_begun = False
        self.changes = 0

    async def __aenter__(self) -> Callable[[], None]:
        self.changes = self._breaker._changes
        self.is_probe = self._breaker._begin()
        return self.begin

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._breaker._end(self, error)

    def begin(self) -> None:
        self.has_begun = True
        if self.is_probe and self.changes == self._breaker._changes:
            self._breaker._close()
            self.changes = self._breaker._changes
