"""One of the places at which items are worked on at once."""

import asyncio
from types import TracebackType
from typing import Self

__all__ = ["Slot"]


class Slot:
    """Held inside the block, except while it rests: then another item has it."""

    def __init__(self, free: asyncio.Semaphore) -> None:
        self._free = free
        self._is_held = False

    async def __aenter__(self) -> Self:
        await self._take()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._give()

    async def rest(self, seconds: float) -> None:
        """Leave it to others for at least so long."""
        self._give()
        await asyncio.sleep(seconds)
        await self._take()

    async def _take(self) -> None:
        await self._free.acquire()
        self._is_held = True

    def _give(self) -> None:
        if self._is_held:
            self._is_held = False
            self._free.release()
