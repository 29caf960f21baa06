"""How callers share a backend that all of them together ask too much of. Time is virtual."""

import asyncio
from contextlib import suppress
from itertools import cycle

import pytest

from chains.traffic.admission import Admission
from tests.traffic.tickets import Asks, Gate
from tests.traffic.virtual_time import run


def used_when_all_keep_asking(asked: list[Asks], hours: float, slots: int = 2) -> dict[str, float]:
    """Seconds of service time that each caller used, when it always has five requests waiting or running."""
    used = dict.fromkeys((asks.caller for asks in asked), 0.0)

    async def keep_asking(admission: Admission, asks: Asks) -> None:
        while True:
            with suppress(ValueError):
                async with admission.slot(asks):
                    await asyncio.sleep(asks.seconds)
                    if asks.error is not None:
                        raise asks.error
            used[asks.caller] += asks.seconds

    async def whole() -> None:
        admission = Admission("gpu", slots, 1000, 1e9)
        tasks = [asyncio.create_task(keep_asking(admission, asks)) for asks in asked for _ in range(5)]
        await asyncio.sleep(hours * 3600)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(whole())
    return used


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param([Asks("a"), Asks("b")], id="alike"),
        pytest.param([Asks("a"), Asks("b"), Asks("b"), Asks("b"), Asks("b")], id="one asks four times as much"),
        pytest.param([Asks("a", seconds=1), Asks("b", kind="long", seconds=7)], id="one asks for longer answers"),
        pytest.param([Asks("a", seconds=1), Asks("b", seconds=9)], id="of a kind that is usually shorter"),
        pytest.param([Asks("a"), Asks("b", seconds=3, error=ValueError())], id="one whose requests fail"),
        pytest.param([Asks("a"), Asks("b"), Asks("c", seconds=3), Asks("c", seconds=5)], id="three of them"),
    ],
)
def test_everybody_gets_the_same_service_time(asked: list[Asks]) -> None:
    used = used_when_all_keep_asking(asked, hours=1)
    fair = sum(used.values()) / len(used)
    assert used == {caller: pytest.approx(fair, rel=0.03) for caller in used}


def test_a_caller_that_was_idle_has_saved_up_nothing() -> None:
    async def whole() -> None:
        gate = Gate(Admission("gpu", 1, 100, 600))
        for _ in range(50):
            await gate.ask(Asks("busy"))
        tasks = await gate.begin(
            *[Asks("busy", name=f"busy {number}") for number in range(5)],
            *[Asks("idle", name=f"idle {number}") for number in range(5)],
        )
        await asyncio.gather(*tasks)
        turns = cycle(["busy", "idle"])
        assert [name.split()[0] for name in gate.served[50:]] == [next(turns) for _ in range(10)]

    run(whole())


def test_what_was_not_served_is_not_charged() -> None:
    async def whole() -> None:
        gate = Gate(Admission("gpu", 1, 100, 600))
        holder, *leaving = await gate.begin(Asks("x"), *[Asks("a") for _ in range(20)])
        for task in leaving:
            task.cancel()
        await asyncio.sleep(0)
        tasks = await gate.begin(Asks("a", name="a1"), Asks("b", name="b1"), Asks("a", name="a2"), Asks("b", name="b2"))
        await asyncio.gather(holder, *tasks)
        assert gate.served[1:] == ["a1", "b1", "a2", "b2"]

    run(whole())


def test_a_thousand_callers_that_come_once_leave_nothing_behind() -> None:
    """What is kept of callers is bounded by those who are there, not by those who were."""

    async def whole() -> None:
        gate = Gate(Admission("gpu", 4, 100, 600))
        for number in range(1000):
            await gate.ask(Asks(f"caller {number}", seconds=0.1))
        queues = gate.admission._queues.values()
        assert sum(queue.callers + len(queue._debts) for queue in queues) < 200

    run(whole())
