"""Requests whose answers would come too late are refused, and wrong beliefs about that don't last. Time is virtual."""

import asyncio
import random
from dataclasses import dataclass

import pytest

from chains.errors import BackendTimeout
from chains.traffic.admission import Admission
from chains.traffic.foresight import predicted_wait
from tests.traffic.tickets import HIGH, Asks, Gate
from tests.traffic.virtual_time import run


def gate(slots: int = 1) -> Gate:
    return Gate(Admission("gpu", slots, 100, 600))


@pytest.mark.parametrize(
    ("free_in", "ahead", "slots", "wait"),
    [
        pytest.param([3.0], [], 1, 3, id="one slot"),
        pytest.param([3.0], [2.0, 2.0], 1, 7, id="one slot and two before"),
        pytest.param([4.0, 1.0, 3.0], [], 3, 1, id="the first that is free"),
        pytest.param([4.0, 1.0, 3.0], [1.0, 5.0], 3, 3, id="each takes the first that is free"),
        pytest.param([4.0, 1.0, 3.0], [], 1, 4, id="two slots too many"),
        pytest.param([1.0, 1.0], [1.0] * 1000, 2, 501, id="a thousand before"),
    ],
)
def test_the_predicted_wait(free_in: list[float], ahead: list[float], slots: int, wait: float) -> None:
    assert predicted_wait(free_in, ahead, slots) == wait


@pytest.mark.parametrize(
    ("taught", "waiting", "left", "says"),
    [
        pytest.param([], 5, 0.5, None, id="nothing is known: everybody is let in"),
        pytest.param([2.0] * 5, 0, 4.3, None, id="just enough"),
        pytest.param(
            [2.0] * 5, 0, 4.1, "a wait of about 2.2 s and an answer of about 2.0 s do not fit into the 4.1 s", id="not"
        ),
        pytest.param([2.0] * 5, 3, 12, None, id="enough for the queue"),
        pytest.param([2.0] * 5, 3, 10, "a wait of about 8.8 s", id="too little for the queue"),
        pytest.param([2.0, 2.0, 2.0, 90.0, 2.0, 2.0], 0, 50, None, id="one slow answer doesn't refuse"),
    ],
)
def test_a_newcomer_that_would_be_late_is_refused_at_once(
    taught: list[float], waiting: int, left: float, says: str | None
) -> None:
    async def whole() -> None:
        g = gate()
        await g.teach(*taught)
        now = asyncio.get_running_loop().time()
        before = [Asks("a", name=str(number), seconds=2) for number in range(1 + waiting)]
        tasks = await g.begin(*before, Asks("a", name="new", until=now + left))
        if says is None:
            assert g.refused == {}
        else:
            assert g.refused_at == {"new": now}
            assert says in str(g.refused["new"])
            assert f"{left:.1f} s left before the deadline. Send the request again in" in str(g.refused["new"])
        await asyncio.gather(*tasks)

    run(whole())


def test_with_a_free_slot_only_what_is_hardly_possible_is_refused() -> None:
    async def whole() -> None:
        g = gate()
        await g.teach(*[1.0, 2.0, 3.0, 4.0, 5.0])
        now = asyncio.get_running_loop().time()
        await g.ask(Asks(name="hardly", until=now + 1.9))
        await g.ask(Asks(name="perhaps", until=now + 2.1))
        assert list(g.refused) == ["hardly"]
        assert isinstance(g.refused["hardly"], BackendTimeout)  # to come back later wouldn't help
        assert "an answer takes about 2.0 s, and only 1.9 s are left" in str(g.refused["hardly"])

    run(whole())


def test_another_kind_of_request_is_judged_by_itself() -> None:
    async def whole() -> None:
        g = gate()
        await g.teach(*[20.0] * 5, kind="summarize")
        now = asyncio.get_running_loop().time()
        await g.ask(Asks(name="unknown", kind="classify", until=now + 5))
        await g.ask(Asks(name="known", kind="summarize", until=now + 5))
        assert g.served == ["unknown"]
        assert list(g.refused) == ["known"]

    run(whole())


def test_whoever_was_overtaken_gives_up_when_too_little_time_is_left() -> None:
    async def whole() -> None:
        g = gate()
        await g.teach(*[1.0] * 5)
        tasks = await g.begin(
            Asks("a", name="holder"),
            Asks("a", name="overtaken", until=5 + 3.5),
            *[Asks("b", HIGH, name=f"urgent {number}") for number in range(6)],
        )
        await asyncio.gather(*tasks)
        assert g.refused_at == {"overtaken": 5 + 2.5}
        assert str(g.refused["overtaken"]).startswith(
            "Backend 'gpu': no slot became free in time: after 2.5 s in the queue, the 1.0 s left before the deadline "
            "are too few for an answer of about 1.0 s."
        )

    run(whole())


@dataclass(frozen=True)
class Movable(Asks):
    """A ticket whose deadline is the last of a list."""

    deadlines: tuple[list[float], ...] = ()

    def deadline(self) -> float:
        return self.deadlines[0][-1]


@pytest.mark.parametrize(
    ("moved_to", "served"), [pytest.param(60.0, True, id="later"), pytest.param(5 + 2.2, False, id="earlier")]
)
def test_a_deadline_may_move_while_a_request_waits(moved_to: float, served: bool) -> None:
    async def whole() -> None:
        g = gate()
        await g.teach(*[1.0] * 5)
        deadlines = [5 + 6.0]
        tasks = await g.begin(Asks(name="holder"), Asks(name="1"), Movable(name="moves", deadlines=(deadlines,)))
        tasks += await g.begin(*[Asks(name=f"urgent {number}", priority=HIGH) for number in range(8 * served)])
        deadlines.append(moved_to)
        await asyncio.gather(*tasks)
        assert ("moves" in g.served) is served

    run(whole())


async def answers_within(g: Gate, deadline_s: float, service_s: float, seconds: float, kind: str = "summarize") -> int:
    """How many of two requests a second are answered in time by a backend that takes `service_s` for an answer."""
    loop = asyncio.get_running_loop()
    answered = 0

    async def ask() -> None:
        nonlocal answered
        until = loop.time() + deadline_s
        try:
            async with asyncio.timeout_at(until), g.admission.slot(Asks(kind=kind, until=until)):
                await asyncio.sleep(service_s)
                answered += 1
        except TimeoutError:
            pass

    async def quietly() -> None:
        await asyncio.gather(ask(), return_exceptions=True)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(round(seconds * 2)):
            tasks.create_task(quietly())
            await asyncio.sleep(0.5)
    return answered


def test_a_backend_that_becomes_slower_still_answers_as_much_as_it_can() -> None:
    """Queued to the brim, every request gets its slot with little time left: with the old belief, none would do."""

    async def whole() -> None:
        g = gate()
        assert await answers_within(g, 10, 1, 60) >= 55
        await answers_within(g, 10, 3, 30)
        assert await answers_within(g, 10, 3, 120) >= 36

    run(whole())


@pytest.mark.parametrize("slow", [pytest.param(8.0, id="answers"), pytest.param(60.0, id="none but timeouts")])
def test_a_backend_that_was_slow_for_a_while_is_believed_again(slow: float) -> None:
    async def whole() -> None:
        g = gate()
        await answers_within(g, 10, 1, 30)
        await answers_within(g, 10, slow, 120)
        assert await answers_within(g, 5, slow, 60) == 0
        assert await answers_within(g, 5, 1, 60) > 20  # a probe found out, within half a minute

    run(whole())


def test_while_an_estimate_refuses_everybody_few_probes_are_sent() -> None:
    async def whole() -> None:
        g = gate()
        await g.teach(*[20.0] * 5)
        loop = asyncio.get_running_loop()
        began = loop.time()
        while loop.time() < began + 300:
            probe = Asks(name="probe", until=loop.time() + 5, seconds=5, error=BackendTimeout("slow", backend="gpu"))
            await asyncio.gather(*await g.begin(probe, probe), return_exceptions=True)
            await asyncio.sleep(1)
        assert 8 <= len(g.served) <= 10

    run(whole())


def test_quick_failures_teach_nothing() -> None:
    async def whole() -> None:
        g = gate()
        await g.teach(*[4.0] * 5)
        failing = [Asks(seconds=0.01, error=ValueError()) for _ in range(40)]
        await asyncio.gather(*await g.begin(*failing), return_exceptions=True)
        now = asyncio.get_running_loop().time()
        await g.ask(Asks(name="late", until=now + 3))
        assert list(g.refused) == ["late"]

    run(whole())


def test_predictions_allow_for_those_who_overtake() -> None:
    """Urgent requests take half of the slots: of those that are let in, few give up later."""

    async def whole() -> None:
        g, chance = gate(slots=4), random.Random(1)
        loop = asyncio.get_running_loop()
        tasks: list[asyncio.Task[None]] = []
        while loop.time() < 600:
            urgent = chance.random() < 0.2
            name = f"{'urgent' if urgent else 'other'} {len(tasks)}"
            until = None if urgent else loop.time() + 10
            tasks.append(g.start(Asks(name=name, priority=HIGH if urgent else Asks.priority, until=until)))
            await asyncio.sleep(chance.expovariate(10))
        await asyncio.gather(*tasks)
        assert len(g.served) > 0.98 * 4 * 600
        gave_up = [error for error in g.refused.values() if "no slot became free" in str(error)]
        assert len(gave_up) < 0.02 * len(g.refused)

    run(whole())
