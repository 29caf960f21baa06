"""Identical requests in flight share one generation.

The first of them starts it, in a task of its own; each follows its items from the first one on. Whoever leaves
doesn't disturb the others, and the generation is cancelled when the last one has left.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Any, Generic, TypeVar

__all__ = ["Follower", "Generation", "Sharing"]

T = TypeVar("T")


class Follower:
    """One of those who wait for a generation. `deadline` is until when, by the loop's clock; None for ever."""

    def __init__(self, deadline: float | None) -> None:
        self.deadline = deadline


class _Bell:
    """Wakes all who wait for it now. Whoever is cancelled meanwhile disturbs nobody."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    async def wait(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter

    def ring(self) -> None:
        if self._waiting:
            woken, self._waiting = self._waiting, []
            for waiter in woken:
                if not waiter.done():
                    waiter.set_result(None)


class Generation(Generic[T]):
    """One generation and those who follow it. Make it, `join` it and then `Sharing.begin` it."""

    def __init__(self) -> None:
        self._is_paid = False
        self._items: list[T] = []
        self._followers: list[Follower] = []
        self._news = _Bell()
        self._over = _Bell()
        self._task: asyncio.Task[None] | None = None
        self._ended = False
        self._error: BaseException | None = None
        self._traceback: TracebackType | None = None

    def deadline(self) -> float | None:
        """The latest deadline of its followers; None where one of them has none."""
        deadlines = [follower.deadline for follower in self._followers]
        return None if None in deadlines else max((d for d in deadlines if d is not None), default=None)

    def claim(self) -> bool:
        """Whether the one who asks pays for the generation: the first who does. The rest had it for nothing."""
        pays, self._is_paid = not self._is_paid, True
        return pays

    @property
    def items(self) -> Sequence[T]:
        """All that came so far."""
        return self._items

    @property
    def ended(self) -> bool:
        return self._ended

    @property
    def failed(self) -> bool:
        return self._error is not None

    def give(self, item: T) -> None:
        """One more item, for all who follow."""
        self._items.append(item)
        self._news.ring()

    def start(self, source: AsyncGenerator[T, None]) -> asyncio.Task[None]:
        """Let the items of a source be the generation's, in a task, which closes the source at the end."""
        return self.run(lambda: self._given(source))

    async def _given(self, source: AsyncGenerator[T, None]) -> None:
        async with aclosing(source):
            async for item in source:
                self.give(item)

    def run(self, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """Let the generation be what a work gives, in a task of its own."""
        self._task = asyncio.create_task(self._run(work))
        self._task.add_done_callback(self._must_have_ended)
        return self._task

    def _must_have_ended(self, task: asyncio.Task[None]) -> None:
        """Where the task was cancelled before its first step, nothing else tells the followers."""
        if not self._ended:
            self._error = asyncio.CancelledError()
            self._finish()

    async def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except BaseException as error:
            self._error, self._traceback = error, error.__traceback__
            if not isinstance(error, Exception):
                raise
        finally:
            self._finish()

    def _finish(self) -> None:
        self._ended = True
        self._news.ring()
        self._over.ring()

    def join(self, deadline: float | None) -> Follower:
        follower = Follower(deadline)
        self._followers.append(follower)
        return follower

    async def follow(self) -> AsyncGenerator[T, None]:
        """All items from the first one on, then the error where there is one."""
        position = 0
        while await self.has(position):
            yield self._items[position]
            position += 1

    async def has(self, position: int) -> bool:
        """Whether there is an item at the position, once that is known. Raises the error where there is one instead."""
        while position >= len(self._items):
            if self._ended:
                self._must_be_well()
                return False
            await self._news.wait()
        return True

    async def end(self) -> None:
        """Returns when the last item is there. Raises the error where there is one."""
        if not self._ended:
            await self._over.wait()
        self._must_be_well()

    def _must_be_well(self) -> None:
        if self._error is not None:
            raise self._error.with_traceback(self._traceback)  # not that of whoever else raised it meanwhile

    def leave(self, follower: Follower) -> bool:
        """Leave, finished or not; the generation is cancelled with its last follower. Whether that was the last."""
        self._followers.remove(follower)
        if not self._followers and self._task is not None and not self._ended:
            self._task.cancel()
        return not self._followers


G = TypeVar("G", bound=Generation[Any])


class Sharing(Generic[G]):
    """The generations in flight, by what makes requests identical."""

    def __init__(self) -> None:
        self._running: dict[Hashable, G] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def find(self, key: Hashable | None) -> G | None:
        return self._running.get(key)

    def begin(self, key: Hashable | None, generation: G, work: Callable[[], Awaitable[None]]) -> None:
        """Let a generation run until its work ends; under a key, others may find and join it."""
        if key is not None:
            self._running[key] = generation
        task = generation.run(work)
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self.forget(key, generation)

        task.add_done_callback(ended)

    def forget(self, key: Hashable | None, generation: G) -> None:
        """Let nobody else join the generation."""
        if key is not None and self._running.get(key) is generation:
            del self._running[key]

    async def aclose(self) -> None:
        """Cancel what runs and wait for its end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
