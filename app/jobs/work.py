"""Jobs in one process: it takes part in running them, and sees to it that what dead processes left goes on."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from app.jobs.attempts import Attempts
from app.jobs.crew import Crew
from app.jobs.engine import Chunk, Engine, HandedBackError
from app.jobs.leases import Lease
from app.jobs.progress import Progress
from app.jobs.store import JobStore
from app.keys import Quotas
from app.sections import JobSettings
from app.store.database import Database
from chains.runner import Runner

__all__ = ["JobWork"]

T = TypeVar("T")

_log = logging.getLogger("copydesk.jobs")
_TICK_S = 0.5
_IDLE_TICK_S = 2.0
_AGAIN_S = 60.0
"""So often somebody looks whether all that is left of a job stands in the queue."""
_PURGE_S = 60.0


class JobWork:
    """Runs jobs while it runs itself. The queue is started with the first job that has not ended. `count` hears of each
    item's task and outcome."""

    def __init__(
        self,
        database: Database,
        runner: Runner,
        quotas: Quotas,
        settings: JobSettings,
        store: JobStore,
        count: Callable[[str, str], None],
    ) -> None:
        self._progress = Progress(database, settings.retention_s)
        self._lease = Lease(database, settings.lease_s)
        self._lease_s = settings.lease_s
        self._crew = Crew(self._progress, Attempts(runner, quotas, settings), settings.parallel, count)
        self._engine = Engine(database, self._lease.executor_id, self._work)
        self._store = store
        self._loop: asyncio.AbstractEventLoop
        self._news = asyncio.Event()
        self._held_until = self._purge_at = self._sweep_at = 0.0

    def notice(self) -> None:
        """There is a new job."""
        self._news.set()

    def leave(self, job_id: str) -> None:
        """A job was cancelled or deleted: nothing of it goes on here."""
        self._crew.leave({job_id})

    @asynccontextmanager
    async def running(self, stopping: asyncio.Event, grace_s: float) -> AsyncIterator[None]:
        """Run jobs inside the block. From `stopping` on nothing is begun, and what is in flight has `grace_s` to end;
        then the rest is handed back."""
        self._loop = asyncio.get_running_loop()
        stop = asyncio.create_task(self._hear(stopping))
        watching, beating = asyncio.create_task(self._watch()), asyncio.create_task(self._beat())
        try:
            yield
        finally:
            stopping.set()
            stopped_at = await stop
            await _ended(watching)
            await self._crew.stop(max(0.0, stopped_at + grace_s - self._loop.time()))
            await _ended(beating)
            await self._stop()

    async def _hear(self, stopping: asyncio.Event) -> float:
        """Wait until the service is to stop; when that was, by the loop's clock."""
        await stopping.wait()
        self._crew.finish()
        return self._loop.time()

    async def _watch(self) -> None:
        while True:
            self._news.clear()
            try:
                await self._look()
            except DBAPIError as error:
                _log.warning("jobs: the database failed (%s)", type(error).__name__)
            except Exception:
                _log.exception("jobs: a look at them failed in a way that nobody foresaw")
            pause = _TICK_S if self._engine.is_launched else _IDLE_TICK_S
            try:
                async with asyncio.timeout(pause):
                    await self._news.wait()
            except TimeoutError:
                pass

    async def _look(self) -> None:
        """Do whatever is due."""
        now = self._loop.time()
        if now >= self._purge_at and not await self._store.purge():
            self._purge_at = now + _PURGE_S
        if not self._engine.is_launched and not await self._progress.is_any_due():
            return
        if not await self._takes_part():
            return
        if not self._engine.is_launched:
            await self._in_engine(self._engine.launch)
        await self._take_over()
        for due in await self._progress.due(_AGAIN_S):
            await self._in_engine(partial(self._engine.enqueue, due.chunks, due.key_id, due.priority))
        if now >= self._sweep_at:
            await self._in_engine(self._engine.sweep)
            self._sweep_at = now + _PURGE_S / 4

    async def _takes_part(self) -> bool:
        """Hold the lease. Whoever has lost it takes nothing more from the queue until it is his again."""
        if self._loop.time() < self._held_until:
            return True
        if self._engine.is_launched:
            await self._in_engine(self._engine.close)
        return await self._renew()

    async def _renew(self) -> bool:
        begun = self._loop.time()
        is_held = await self._lease.take()
        if is_held:
            self._held_until = begun + self._lease_s
        return is_held

    async def _beat(self) -> None:
        """Show that this process lives, and drop what others have ended or taken over: however long a look takes."""
        while True:
            await asyncio.sleep(_TICK_S)
            try:
                if self._held_until and self._loop.time() > self._held_until - self._lease_s * 2 / 3:
                    await self._renew()
                if self._crew.job_ids:
                    self._crew.leave(await self._progress.ended_among(self._crew.job_ids))
            except DBAPIError as error:
                _log.warning("jobs: the database failed (%s)", type(error).__name__)
            if self._loop.time() > self._held_until:
                self._crew.abandon()

    async def _take_over(self) -> None:
        executors = await self._in_engine(self._engine.executors)
        dead = await self._lease.dead_among(executors - {self._lease.executor_id})
        if dead:
            chunks = await self._in_engine(lambda: self._engine.recover(dead))
            _log.info("jobs: %d chunks of workers that are gone were put back into the queue", chunks)

    async def _in_engine(self, work: Callable[[], T]) -> T:
        return await self._loop.run_in_executor(self._engine.threads, work)

    def _work(self, chunk: Chunk) -> None:
        """Called in a thread of the queue's, which waits here for the event loop."""
        try:
            waiting = asyncio.run_coroutine_threadsafe(self._crew.work(chunk), self._loop)
        except RuntimeError:  # the loop is closed
            raise HandedBackError from None
        waiting.result()

    async def _stop(self) -> None:
        if self._engine.is_launched:
            await self._in_engine(self._engine.close)
            await self._lease.give_up()
        self._engine.threads.shutdown()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
