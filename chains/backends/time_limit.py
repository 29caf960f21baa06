"""A time limit for one wait after the other, by a single timer of the event loop."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

__all__ = ["TimeLimit"]

T = TypeVar("T")


class TimeLimit:
    """What `asyncio.timeout_at` is for each wait, at the price of one: a server may be waited for thousands of times
    while it answers. The timer is moved only where it would fire too late; where it fires too early it is set again.

    Use it within one event loop and one wait at a time, and `close` it. `expired` is whether a wait was ended.
    """

    def __init__(self) -> None:
        self.expired = False
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._at = 0.0
        self._waiting: asyncio.Task[object] | None = None

    async def wait(self, work: Awaitable[T], at: float) -> T:
        """The work's result. Where it isn't there `at` that time of the loop's clock, it is cancelled; raises
        TimeoutError then, but CancelledError where somebody else cancels the task too."""
        task = asyncio.current_task(self._loop)
        assert task is not None
        cancelling = task.cancelling()
        self._waiting, self._at = task, at
        if self._timer is None or self._timer.when() > at:
            self._set_timer()
        try:
            return await work
        except asyncio.CancelledError as error:
            if self.expired and task.cancelling() - 1 <= cancelling:
                raise TimeoutError from error
            raise
        finally:
            self._waiting = None
            if self.expired:
                task.uncancel()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _set_timer(self) -> None:
        self.close()
        self._timer = self._loop.call_at(self._at, self._fire)

    def _fire(self) -> None:
        self._timer = None
        if self._waiting is None:
            return
        if self._loop.time() < self._at:
            self._set_timer()
        else:
            self.expired = True
            self._waiting.cancel()
