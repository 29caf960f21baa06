"""Work of one request that runs at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

__all__ = ["in_parallel"]

In = TypeVar("In")
Out = TypeVar("Out")


async def in_parallel(work: Callable[[In], Awaitable[Out]], items: Sequence[In], width: int) -> list[Out]:
    """The results for all items, in their order; at most `width` are in work at once, in the order of the items.

    Where one fails the others are cancelled and awaited, and its error is raised as it is.
    """
    results: dict[int, Out] = {}
    waiting = iter(enumerate(items))

    async def one_after_the_other() -> None:
        for position, item in waiting:
            results[position] = await work(item)

    workers = [asyncio.ensure_future(one_after_the_other()) for _ in range(min(width, len(items)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return [results[position] for position in range(len(items))]
