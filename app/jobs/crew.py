"""Works on chunks in the service's event loop: so many items at once, each until it has an outcome."""

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy.exc import DBAPIError

from app.jobs.attempts import Attempts, GivenUpError
from app.jobs.engine import Chunk, HandedBackError
from app.jobs.progress import Claim, Progress
from app.jobs.slot import Slot
from app.jobs.table import ItemState, JobStatus
from chains.parallel import in_parallel

__all__ = ["Crew"]

_log = logging.getLogger("copydesk.jobs")
_DATABASE_PAUSES_S = 1.0, 2.0, 5.0


class Crew:
    """`parallel` items at once, of all chunks together. An item of a job that has ended is broken off. `count` is told
    the task and the outcome of each item that was kept: `ok`, or the code of its problem."""

    def __init__(
        self, progress: Progress, attempts: Attempts, parallel: int, count: Callable[[str, str], None]
    ) -> None:
        self._progress = progress
        self._attempts = attempts
        self._count = count
        self._parallel = parallel
        self._slots = asyncio.Semaphore(parallel)
        self._chunks: dict[asyncio.Task[None], Chunk] = {}
        self._handed_back: set[asyncio.Task[None]] = set()
        self._is_stopping = False

    @property
    def job_ids(self) -> set[str]:
        """The jobs that are worked on here."""
        return {chunk.job_id for chunk in self._chunks.values()}

    async def work(self, chunk: Chunk) -> None:
        """Work until every item of the chunk has an outcome, or its job has ended. Raises HandedBackError where another
        process shall go on."""
        if self._is_stopping:
            raise HandedBackError
        task = asyncio.create_task(self._through(chunk))
        self._chunks[task] = chunk
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
            del self._chunks[task]
        if not task.cancelled():
            task.result()
        elif task in self._handed_back:
            self._handed_back.discard(task)
            raise HandedBackError

    def leave(self, job_ids: set[str]) -> None:
        """Break off all that is done for these jobs, which have ended."""
        for task, chunk in self._chunks.items():
            if chunk.job_id in job_ids:
                task.cancel()

    def finish(self) -> None:
        """Begin nothing more."""
        self._is_stopping = True

    async def stop(self, grace_s: float) -> None:
        """What is in flight after `grace_s` is broken off, and left to be begun again."""
        self.finish()
        if self._chunks:
            await asyncio.wait(list(self._chunks), timeout=grace_s)
        self.abandon()
        if self._chunks:
            await asyncio.wait(list(self._chunks))

    def abandon(self) -> None:
        """Break off everything: it is no longer this process's."""
        for task in self._chunks:
            self._handed_back.add(task)
            task.cancel()

    async def _through(self, chunk: Chunk) -> None:
        pauses = iter(_DATABASE_PAUSES_S)
        while True:
            try:
                open_items = await self._progress.open_items(chunk)
                await in_parallel(lambda index: self._item(chunk.job_id, index), open_items, self._parallel)
            except DBAPIError as error:  # its own words may hold a text
                pause = next(pauses, _DATABASE_PAUSES_S[-1])
                _log.warning(
                    "job %s: the database failed (%s): again in %g s", chunk.job_id, type(error).__name__, pause
                )
                await asyncio.sleep(pause)
            else:
                break
        if self._is_stopping:
            raise HandedBackError

    async def _item(self, job_id: str, index: int) -> None:
        async with Slot(self._slots) as slot:
            if self._is_stopping:
                return
            claim = await self._progress.claim(job_id, index)
            if claim is None:
                return
            try:
                await self._outcome(claim, slot)
            except BaseException:
                with suppress(DBAPIError):
                    await asyncio.shield(self._progress.give_back(job_id, index))
                raise

    async def _outcome(self, claim: Claim, slot: Slot) -> None:
        try:
            state, outcome = await self._attempts.outcome(claim, slot)
        except GivenUpError as error:
            if await self._progress.fail(claim.job_id, error.problem):
                _log.warning("job %s failed: %s", claim.job_id, error.problem.code)
            self.leave({claim.job_id})
            return
        status = await self._progress.store(claim.job_id, claim.index, state, outcome)
        if status is not None:
            self._count(claim.task, "ok" if state is ItemState.SUCCEEDED else json.loads(outcome)["code"])
        if status is JobStatus.SUCCEEDED:
            _log.info("job %s has an outcome for each of its items", claim.job_id)
