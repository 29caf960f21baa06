"""When an item of a batch is run: within the deadline, and once its backend has room."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any

from app.problems import ProblemError
from chains.documents.errors import DocumentsBusy
from chains.errors import BackendBusy, BackendError, DeadlineExceeded
from chains.result import TaskResult
from chains.task import TaskInput

__all__ = ["Turns"]

_PATIENCE_S = 30.0
"""For so long after an item's last success others wait for room, where no deadline ends it sooner."""
_PAUSES_S = 1.0, 5.0

Run = Callable[[TaskInput, str], Awaitable[TaskResult[Any]]]
"""Runs a request under a request id."""


class Turns:
    """Runs the items of one batch, which begins now. `deadline_ms` is that of the whole."""

    def __init__(self, run: Run, deadline_ms: int | None) -> None:
        self._run = run
        self._deadline_ms = deadline_ms
        self._start = self._last_success = _now()

    async def run(self, request: TaskInput, request_id: str) -> TaskResult[Any]:
        """The result of one item. Raises what the runner raises, and `deadline_exceeded` where the batch's deadline or
        the item's own, counted from the batch's beginning, doesn't suffice."""
        limit_ms = min((ms for ms in (self._deadline_ms, request.deadline_ms) if ms is not None), default=None)
        while True:
            try:
                result = await self._run(self._shortened(request, limit_ms), request_id)
            except DeadlineExceeded as error:
                raise DeadlineExceeded(limit_ms or error.deadline_ms) from error
            except (BackendError, DocumentsBusy) as error:
                if isinstance(error, BackendError) and error.too_late:
                    raise _unfinished(f"too little was left of {limit_ms} ms to begin this item") from error
                await self._room(error, limit_ms)
            else:
                self._last_success = _now()
                return result

    def _shortened(self, request: TaskInput, limit_ms: int | None) -> TaskInput:
        if limit_ms is None:
            return request
        left = limit_ms - (_now() - self._start) * 1000
        if left < 1:
            raise _unfinished(f"{limit_ms} ms had passed before this item could be begun")
        return request.model_copy(update={"deadline_ms": math.floor(left)})

    async def _room(self, error: BackendError | DocumentsBusy, limit_ms: int | None) -> None:
        """Wait before the next try where there was no room. Raises the error where another try is of no use."""
        if not isinstance(error, BackendBusy | DocumentsBusy):
            raise error
        pause = min(max(error.retry_after_s or 0, _PAUSES_S[0]), _PAUSES_S[1])
        patient_until = self._last_success + _PATIENCE_S
        if limit_ms is not None:
            patient_until = min(patient_until, self._start + limit_ms / 1000)
        if _now() + pause > patient_until:
            raise error
        await asyncio.sleep(pause)


def _unfinished(why: str) -> ProblemError:
    return ProblemError(
        "deadline_exceeded",
        f"The deadline passed: {why}. Nothing was generated for it. Send it again, in a smaller batch or with a larger "
        "deadline_ms.",
    )


def _now() -> float:
    return asyncio.get_running_loop().time()
