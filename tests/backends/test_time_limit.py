"""One timer for one wait after the other."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from chains.backends.time_limit import TimeLimit
from tests.traffic import virtual_time


async def waited(limit: TimeLimit, seconds: float, at: float) -> str:
    """`in time`, or `late`, after a work of so many seconds."""
    try:
        with limit.until(at):
            await asyncio.sleep(seconds)
        return "in time"
    except TimeoutError:
        return "late"


async def a_later_limit(limit: TimeLimit, now: float) -> list[str]:
    """The timer of the first wait fires in the second one, too early."""
    return [await waited(limit, 3, now + 4), await waited(limit, 3, now + 9)]


async def a_later_limit_that_is_passed(limit: TimeLimit, now: float) -> list[str]:
    return [await waited(limit, 3, now + 4), await waited(limit, 9, now + 9)]


async def an_earlier_limit(limit: TimeLimit, now: float) -> list[str]:
    return [await waited(limit, 3, now + 60), await waited(limit, 3, now + 5)]


async def a_pause_between(limit: TimeLimit, now: float) -> list[str]:
    """The limit of the first wait passes while nobody waits."""
    first = await waited(limit, 1, now + 2)
    await asyncio.sleep(10)
    return [first, await waited(limit, 1, now + 13)]


async def a_limit_in_the_past(limit: TimeLimit, now: float) -> list[str]:
    return [await waited(limit, 1, now - 1)]


@pytest.mark.parametrize(
    ("work", "outcomes", "ends_at"),
    [
        pytest.param(a_later_limit, ["in time", "in time"], 6, id="a later limit"),
        pytest.param(a_later_limit_that_is_passed, ["in time", "late"], 9, id="a later limit that is passed"),
        pytest.param(an_earlier_limit, ["in time", "late"], 5, id="an earlier limit"),
        pytest.param(a_pause_between, ["in time", "in time"], 12, id="a pause between"),
        pytest.param(a_limit_in_the_past, ["late"], 0, id="a limit in the past"),
    ],
)
def test_each_wait_has_its_own_limit(
    work: Callable[[TimeLimit, float], Awaitable[list[str]]], outcomes: list[str], ends_at: float
) -> None:
    async def whole() -> None:
        loop, limit = asyncio.get_running_loop(), TimeLimit()
        start = loop.time()
        try:
            assert await work(limit, start) == outcomes
        finally:
            limit.close()
        assert loop.time() - start == pytest.approx(ends_at, abs=0.01)
        assert limit.expired == ("late" in outcomes)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    virtual_time.run(whole())


def test_who_is_cancelled_at_the_limit_is_cancelled() -> None:
    async def whole() -> None:
        loop, limit = asyncio.get_running_loop(), TimeLimit()

        async def work() -> None:
            with limit.until(loop.time() + 1):
                await asyncio.sleep(9)

        task = asyncio.create_task(work())
        await asyncio.sleep(0.5)
        loop.call_at(loop.time() + 0.5, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task
        limit.close()

    virtual_time.run(whole())


def test_who_is_cancelled_after_a_wait_that_went_on_is_cancelled() -> None:
    """The limit of the first wait passed, but the work didn't let itself be cancelled: that is over."""

    async def whole() -> None:
        loop, limit = asyncio.get_running_loop(), TimeLimit()

        async def work() -> None:
            with limit.until(loop.time() + 1), suppress(asyncio.CancelledError):
                await asyncio.sleep(9)
            with limit.until(loop.time() + 60):
                await asyncio.sleep(9)

        task = asyncio.create_task(work())
        await asyncio.sleep(2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelling() == 1
        limit.close()

    virtual_time.run(whole())


def test_an_error_of_the_work_is_raised() -> None:
    async def whole() -> None:
        limit = TimeLimit()
        with pytest.raises(ValueError, match="mine"), limit.until(asyncio.get_running_loop().time() + 1):
            raise ValueError("mine")
        limit.close()

    virtual_time.run(whole())
