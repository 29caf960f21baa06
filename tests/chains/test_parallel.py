"""Work of one request that runs at once: in order, no wider than allowed, and over when one part of it fails."""

import asyncio
import threading

import pytest

from chains.parallel import aside, in_parallel


class Work:
    """Counts what is in work at once, and what was begun, ended and cancelled."""

    def __init__(self, *, fails: int | None = None) -> None:
        self.begun: list[int] = []
        self.ended: list[int] = []
        self.cancelled: list[int] = []
        self.widest = self._now = 0
        self._fails = fails

    async def __call__(self, item: int) -> int:
        self.begun.append(item)
        self._now += 1
        self.widest = max(self.widest, self._now)
        try:
            await asyncio.sleep(0.001 * (5 - item % 5))  # the later ones are often through before the earlier ones
            if item == self._fails:
                raise ValueError(item)
        except asyncio.CancelledError:
            self.cancelled.append(item)
            raise
        finally:
            self._now -= 1
        self.ended.append(item)
        return item * 10


@pytest.mark.parametrize(
    ("items", "width"),
    [
        pytest.param(0, 4, id="nothing to do"),
        pytest.param(1, 4, id="one"),
        pytest.param(9, 1, id="one after the other"),
        pytest.param(9, 4, id="more than fit at once"),
        pytest.param(3, 100, id="room for more"),
    ],
)
def test_results_come_in_order_and_no_more_run_than_may(items: int, width: int) -> None:
    work = Work()
    assert asyncio.run(in_parallel(work, range(items), width)) == [item * 10 for item in range(items)]
    assert work.widest == min(items, width)
    assert work.begun == list(range(items))


def test_the_first_error_ends_the_rest() -> None:
    work = Work(fails=2)
    with pytest.raises(ValueError, match="2"):
        asyncio.run(in_parallel(work, range(100), 4))
    assert len(work.begun) < 12
    assert set(work.begun) == {2, *work.ended, *work.cancelled}


def test_whoever_is_cancelled_leaves_nothing_behind() -> None:
    async def scene(work: Work) -> int:
        whole = asyncio.ensure_future(in_parallel(work, range(100), 4))
        await asyncio.sleep(0.002)
        whole.cancel()
        with pytest.raises(asyncio.CancelledError):
            await whole
        return len(asyncio.all_tasks())

    work = Work()
    assert asyncio.run(scene(work)) == 1
    assert set(work.begun) == {*work.ended, *work.cancelled}


@pytest.mark.parametrize(
    ("texts", "is_aside"),
    [
        pytest.param(["short"], False, id="a short text"),
        pytest.param(["x" * 2_001], True, id="a long one"),
        pytest.param(["short", "x" * 2_001], True, id="a short source and a long answer"),
    ],
)
def test_nobody_waits_for_work_on_long_texts(texts: list[str], is_aside: bool) -> None:
    thread = asyncio.run(aside(texts, threading.get_ident))
    assert (thread != threading.get_ident()) == is_aside
