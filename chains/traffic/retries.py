"""When a failed call is tried again, and after what pause."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_random_exponential

from chains.errors import BackendError, BackendTimeout
from chains.result import Attempt
from chains.traffic.meter import SILENT, Meter

__all__ = ["Tries"]

T = TypeVar("T")

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_backoff = wait_random_exponential(multiplier=_FIRST_PAUSE_S, max=_LONGEST_PAUSE_S)


class Tries:
    """The tries of one call, and those of them that `failed`.

    Tried again is what the error calls retryable, unless it was raised within `last`: a full queue here is told at
    once. A server that took its whole time isn't given the same work again. The pause grows by chance up to five
    seconds, or is what the server asked for; where that is longer, or reaches beyond `deadline` (the loop's clock),
    the error stands.
    """

    def __init__(self, backend: str, retries: int, deadline: Callable[[], float | None], meter: Meter = SILENT) -> None:
        self.failed: list[Attempt] = []
        self._is_last = False
        self._backend = backend
        self._retries = retries
        self._deadline = deadline
        self._meter = meter
        self._began = time.perf_counter()

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """The result of the first try that succeeds. Raises what the last one raised."""
        try:
            return await self._run(work)
        except BackendError as error:
            self._fail(error)
            raise

    async def _run(self, work: Callable[[], Awaitable[T]]) -> T:
        if not self._retries:
            return await work()
        try:
            # Most calls succeed at once, and tenacity's preparations take longer than a whole queue.
            return await work()
        except BackendError as error:
            first = [error]

        async def tried() -> T:
            if first:
                raise first.pop()
            return await work()

        retrying = AsyncRetrying(
            retry=retry_if_exception(self._may_retry),
            stop=lambda state: stop_after_attempt(self._retries + 1)(state) or self._is_late(state.upcoming_sleep),
            wait=self._pause,
            before=lambda state: self._begin() if state.attempt_number > 1 else None,
            before_sleep=self._note,
            reraise=True,
        )
        return await retrying(tried)

    @contextmanager
    def last(self) -> Iterator[None]:
        """What fails inside isn't tried again."""
        try:
            yield
        except BackendError:
            self._is_last = True
            raise

    def _begin(self) -> None:
        self._began = time.perf_counter()
        self._is_last = False

    def _may_retry(self, error: BaseException) -> bool:
        return (
            isinstance(error, BackendError)
            and error.retryable
            and not isinstance(error, BackendTimeout)
            and not self._is_last
        )

    def _pause(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_s if isinstance(error, BackendError) else None
        return max(_backoff(state), asked or 0.0)

    def _is_late(self, pause: float) -> bool:
        deadline = self._deadline()
        return pause > _LONGEST_PAUSE_S or (
            deadline is not None and asyncio.get_running_loop().time() + pause >= deadline
        )

    def _note(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, BackendError):
            self._fail(error)
            self._meter.retried(self._backend, error.code)

    def _fail(self, error: BackendError) -> None:
        ms = round((time.perf_counter() - self._began) * 1000)
        self.failed.append(Attempt(self._backend, error.code, ms))
