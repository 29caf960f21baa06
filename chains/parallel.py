"""Work of one request that runs at once, or beside the event loop."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, TypeVar

__all__ = ["aside", "in_parallel"]

In = TypeVar("In")
Out = TypeVar("Out")

_LONG = 2_000
"""Code points of texts from which on work on them takes milliseconds, and a thread for it pays."""


async def aside(texts: Collection[str], work: Callable[..., Out], *arguments: Any) -> Out:
    """What work on texts gives: in a thread, so that nobody else waits for it, unless they are short."""
    is_long = sum(map(len, texts)) > _LONG
    return await asyncio.to_thread(work, *arguments) if is_long else work(*arguments)


async def in_parallel(work: Callable[[In], Awaitable[Out]], items: Sequence[In], width: int) -> list[Out]:
    """The results for all items, in their order; at most `width` are in work at once, in the order of the items.

    Where one fails the others are cancelled and awaited, and its error is raised as it is.
    """
    if len(items) == 1:
        return [await work(items[0])]
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
