"""A time limit for one wait after the other, by a single timer of the event loop."""

import asyncio
from typing import Self

__all__ = ["TimeLimit"]


class TimeLimit:
    """What `asyncio.timeout_at` is for each wait, at the price of one: a server may be waited for thousands of times
    while it answers. The timer is moved only where it would fire too late; where it fires too early it is set again.

    Use it within one event loop and for one wait at a time, and `close` it. `expired` is whether the
    last wait was ended.
    """

    def __init__(self) -> None:
        self.expired = False
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._at = 0.0
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0

    def until(self, at: float) -> Self:
        """Limit the wait in the block: at that time of the loop's clock it is cancelled. Raises TimeoutError then, but
        CancelledError where somebody else cancels the task too."""
        self._at = at
        return self

    def __enter__(self) -> None:
        task = self._task = asyncio.current_task(self._loop)
        assert task is not None
        self.expired = False
        self._cancelling = task.cancelling()
        if self._timer is None or self._timer.when() > self._at:
            self._set_timer()

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        task, self._task = self._task, None
        if self.expired and task is not None:
            is_ours = task.uncancel() <= self._cancelling
            if is_ours and isinstance(error, asyncio.CancelledError):
                raise TimeoutError from error

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _set_timer(self) -> None:
        self.close()
        self._timer = self._loop.call_at(self._at, self._fire)

    def _fire(self) -> None:
        self._timer = None
        if self._task is None:
            return
        if self._loop.time() < self._at:
            self._set_timer()
        else:
            self.expired = True
            self._task.cancel()
