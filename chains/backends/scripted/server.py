"""The server behind a script: slots, a time of service, and work that goes on until its caller leaves."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager

from chains.backends.scripted.script import ScriptedAnswer

__all__ = ["ScriptedServer"]


class ScriptedServer:
    """`slots` requests are worked on at once, the others wait without bound, first come first served.

    active         requests that hold a slot
    waiting        requests that wait for one
    cancelled      requests whose caller left before the end, also for a time limit of ours
    served_tokens  tokens generated, read or not
    unread_tokens  those of them that were ready when their caller left, and that nobody read
    """

    def __init__(self, backend: str, slots: int | None, service_ms: float) -> None:
        self.active = 0
        self.waiting = 0
        self.cancelled = 0
        self.served_tokens = 0
        self.unread_tokens = 0
        self._backend = backend
        self._slots = slots
        self._service_ms = service_ms
        self._loop: asyncio.AbstractEventLoop | None = None
        self._free = asyncio.Semaphore()

    async def answer(self, line: ScriptedAnswer, tokens: Sequence[str]) -> AsyncGenerator[str, None]:
        """The line's tokens up to its fault, which is raised. Closing the generator is leaving: the slot is free then.

        The work doesn't wait for whoever reads it, as a real server's doesn't.
        """
        ready: asyncio.Queue[str | None] = asyncio.Queue()
        work = asyncio.create_task(self._work(line, tokens, ready))
        has_left = True
        try:
            while (token := await ready.get()) is not None:
                yield token
            has_left = False
            await work
        finally:
            if has_left:
                self.cancelled += 1
                await _ended(work)
                self.unread_tokens += sum(ready.get_nowait() is not None for _ in range(ready.qsize()))

    async def _work(self, line: ScriptedAnswer, tokens: Sequence[str], ready: asyncio.Queue[str | None]) -> None:
        try:
            if line.fail is not None and line.fail_after is None:
                await asyncio.sleep(line.delay_ms / 1000)
                raise line.failure(self._backend)
            async with self._slot():
                await asyncio.sleep((self._service_ms + line.delay_ms) / 1000)
                await self._generate(line, tokens[: line.fault_after], ready)
        finally:
            ready.put_nowait(None)

    async def _generate(self, line: ScriptedAnswer, tokens: Sequence[str], ready: asyncio.Queue[str | None]) -> None:
        for position, token in enumerate(tokens):
            if position and line.token_ms:
                await asyncio.sleep(line.token_ms / 1000)
            self.served_tokens += 1
            ready.put_nowait(token)
        if line.stall_after is not None:
            await asyncio.Event().wait()
        if line.fail is not None:
            raise line.failure(self._backend)

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        self.waiting += 1
        try:
            free = self._semaphore()
            if free is not None:
                await free.acquire()
        finally:
            self.waiting -= 1
        self.active += 1
        try:
            yield
        finally:
            self.active -= 1
            if free is not None:
                free.release()

    def _semaphore(self) -> asyncio.Semaphore | None:
        """The free slots in the running event loop."""
        if self._slots is None:
            return None
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._free = loop, asyncio.Semaphore(self._slots)
        return self._free


async def _ended(work: asyncio.Task[None]) -> None:
    work.cancel()
    await asyncio.wait([work])
    if not work.cancelled():
        work.exception()  # nobody is left to hear of it
