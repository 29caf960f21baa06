"""When a failed call is tried again, and after what pause."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from chains.errors import BackendError, BackendTimeout
from chains.result import Attempt
from chains.traffic.meter import SILENT, Meter

__all__ = ["Tries"]

T = TypeVar("T")

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


class Tries:
    """The tries of one call, and those of them that `failed`.

    Tried again is what the error calls retryable, once the backend is `asked`: a full queue here is told at once. When
    an answer has `begun`, no error is that of a try any more. A server that took its whole time isn't given the same
    work again. The pause grows by chance up to five seconds, or is what the server asked for; where that is longer, or
    reaches beyond `deadline` (the loop's clock), the error stands.
    """

    def __init__(self, backend: str, retries: int, deadline: Callable[[], float | None], meter: Meter = SILENT) -> None:
        self.failed: list[Attempt] = []
        self._is_asked = self._has_begun = False
        self._backend = backend
        self._retries = retries
        self._deadline = deadline
        self._meter = meter
        self._began = time.perf_counter()

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """The result of the first try that succeeds. Raises what the last one raised."""
        while True:
            try:
                return await work()
            except BackendError as error:
                if self._has_begun or not await self._again(error):
                    raise

    def asked(self) -> None:
        """The try has reached the backend."""
        self._is_asked = True

    def begun(self) -> None:
        """The answer has begun."""
        self._has_begun = True

    async def _again(self, error: BackendError) -> bool:
        """Note the error of a try. True where another one begins now, after the pause; False where the error stands."""
        self.failed.append(Attempt(self._backend, error.code, round((time.perf_counter() - self._began) * 1000)))
        pause = max(self._chance(), error.retry_after_s or 0.0)
        if len(self.failed) > self._retries or not self._may_retry(error) or self._is_late(pause):
            return False
        self._meter.retried(self._backend, error.code)
        await asyncio.sleep(pause)
        self._began, self._is_asked = time.perf_counter(), False
        return True

    def _may_retry(self, error: BackendError) -> bool:
        return self._is_asked and error.retryable and not isinstance(error, BackendTimeout)

    def _chance(self) -> float:
        """Seconds: of a span that doubles with each failure."""
        span = _FIRST_PAUSE_S * 2 ** (len(self.failed) - 1)
        return random.uniform(0, min(span, _LONGEST_PAUSE_S))  # noqa: S311

    def _is_late(self, pause: float) -> bool:
        deadline = self._deadline()
        return pause > _LONGEST_PAUSE_S or (
            deadline is not None and asyncio.get_running_loop().time() + pause >= deadline
        )
