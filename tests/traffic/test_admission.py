"""Who gets a slot and who is refused, and that no slot is ever lost. Time is virtual."""

import asyncio
import random
import time
from contextlib import suppress

import pytest

from chains.errors import BackendBusy, BackendTimeout, BackendUnavailable
from chains.traffic.admission import Admission
from tests.traffic.tickets import HIGH, LOW, NORMAL, Asks, Gate
from tests.traffic.told import Told
from tests.traffic.virtual_time import run


def gate(slots: int = 1, max_queue: int = 64, queue_timeout_s: float = 600) -> Gate:
    return Gate(Admission("gpu", slots, max_queue, queue_timeout_s))


def test_so_many_run_at_once() -> None:
    async def whole() -> None:
        g = gate(slots=3)
        tasks = await g.begin(*[Asks(name=str(number)) for number in range(7)])
        assert (g.admission.slots, g.admission.busy, g.admission.queued) == (3, 3, 4)
        await asyncio.gather(*tasks)
        assert g.served == list("0123456")
        assert [g.waited[name] for name in "0123456"] == [0, 0, 0, 1, 1, 1, 2]
        assert (g.admission.busy, g.admission.queued) == (0, 0)

    run(whole())


@pytest.mark.parametrize(
    ("asked", "order"),
    [
        pytest.param([Asks("a", name="1"), Asks("a", name="2"), Asks("a", name="3")], "123", id="first come"),
        pytest.param([Asks("a", LOW), Asks("b", NORMAL), Asks("c", HIGH), Asks("d", NORMAL)], "cbda", id="by priority"),
        pytest.param(
            [Asks("a", name="1"), Asks("a", name="2"), Asks("a", name="3"), Asks("b", name="4"), Asks("b", name="5")],
            "14253",
            id="callers take turns",
        ),
        pytest.param(
            [Asks("x", name="1"), Asks("a", name="2"), Asks("x", name="3")], "213", id="who runs already comes later"
        ),
        pytest.param(
            [Asks("a", LOW, name="1"), Asks("a", HIGH, name="2"), Asks("b", LOW, name="3")],
            "213",
            id="priority before fairness",
        ),
    ],
)
def test_the_order_of_those_who_wait(asked: list[Asks], order: str) -> None:
    async def whole() -> None:
        g = gate()
        await asyncio.gather(*await g.begin(Asks("x", name="holder"), *asked))
        assert "".join(g.served[1:]) == order

    run(whole())


@pytest.mark.parametrize(
    ("waiting", "newcomer", "refused"),
    [
        pytest.param("a1 a2 b3", Asks("b", name="new"), "new", id="no more than its share"),
        pytest.param("a1 a2 a3", Asks("a", name="new"), "new", id="the greediest caller itself"),
        pytest.param("a1 a2 a3", Asks("b", name="new"), "a3", id="the newest of a greedier caller"),
        pytest.param("a1 b2 a3", Asks("c", name="new"), "a3", id="the newest of the greediest of several"),
        pytest.param("a1 b2 c3", Asks("d", name="new"), "new", id="everybody has one"),
        pytest.param("a1 b2 c3", Asks("d", HIGH, name="new"), "c3", id="the newest of a lower priority"),
        pytest.param("a1 a2 a3", Asks("a", HIGH, name="new"), "a3", id="one's own of a lower priority"),
        pytest.param("a1 a2 a3", Asks("d", LOW, name="new"), "new", id="never one of a higher priority"),
    ],
)
def test_a_full_queue(waiting: str, newcomer: Asks, refused: str) -> None:
    async def whole() -> None:
        g = gate(max_queue=3)
        queued = [Asks(name[0], name=name) for name in waiting.split()]
        tasks = await g.begin(Asks("x", name="holder"), *queued, newcomer)
        await asyncio.sleep(0)
        assert list(g.refused) == [refused]
        assert g.refused_at[refused] == 0
        assert g.admission.queued == 3
        await asyncio.gather(*tasks)

    run(whole())


def test_the_last_quarter_of_the_queue_is_for_callers_below_their_share() -> None:
    async def whole() -> None:
        g = gate(max_queue=8)
        tasks = await g.begin(Asks("b", name="holder"), *[Asks("a", name=f"a{number}") for number in range(8)])
        assert list(g.refused) == ["a6", "a7"]
        tasks += await g.begin(Asks("b", name="b0"), Asks("b", name="b1"))
        assert list(g.refused) == ["a6", "a7"]  # nobody had to make room
        await asyncio.gather(*tasks)
        alone = gate(max_queue=8)
        await asyncio.gather(*await alone.begin(*[Asks("a", name=str(number)) for number in range(9)]))
        assert alone.refused == {}

    run(whole())


def test_without_a_queue_whatever_finds_no_slot_is_refused() -> None:
    async def whole() -> None:
        g = gate(slots=2, max_queue=0)
        await asyncio.gather(*await g.begin(Asks(name="1"), Asks(name="2"), Asks(name="3", priority=HIGH)))
        assert g.served == ["1", "2"]
        error = g.refused["3"]
        assert str(error) == (
            "Backend 'gpu': all its slots are taken and none may wait. Send the request again in 2 s."
        )
        assert error.retryable

    run(whole())


@pytest.mark.parametrize(
    ("taught", "slots", "waiting", "seconds"),
    [
        pytest.param([], 1, 2, 6, id="nothing is known: two seconds an answer"),
        pytest.param([4.0], 1, 2, 12, id="one answer is known"),
        pytest.param([4.0] * 9, 4, 3, 4, id="by the number of slots"),
        pytest.param([0.01] * 9, 1, 2, 1, id="never 0"),
        pytest.param([900.0] * 3, 1, 2, 300, id="never beyond five minutes"),
    ],
)
def test_when_to_come_back(taught: list[float], slots: int, waiting: int, seconds: int) -> None:
    async def whole() -> None:
        g = gate(slots=slots, max_queue=waiting)
        await g.teach(*taught)
        tasks = await g.begin(*[Asks(name=str(number)) for number in range(slots + waiting)], Asks(name="refused"))
        assert g.refused["refused"].retry_after_s == seconds
        await asyncio.gather(*tasks)

    run(whole())


def test_the_queue_has_a_longest_wait() -> None:
    async def whole() -> None:
        g = gate(queue_timeout_s=5)
        tasks = await g.begin(Asks(name="long", seconds=60), Asks(name="waits"))
        await asyncio.gather(*tasks)
        assert g.refused_at == {"waits": 5}
        assert "no slot became free within 5 s (queue_timeout_s)" in str(g.refused["waits"])

    run(whole())


def test_the_number_of_slots_may_change() -> None:
    async def whole() -> None:
        g = gate(slots=1)
        tasks = await g.begin(*[Asks(name=str(number)) for number in range(6)])
        g.admission.resize(3)
        assert (g.admission.slots, g.admission.busy, g.admission.queued) == (3, 3, 3)
        g.admission.resize(1)
        assert (g.admission.busy, g.admission.queued) == (3, 3)
        await asyncio.gather(*tasks)
        assert [g.waited[name] for name in "012345"] == [0, 0, 0, 1, 2, 3]

    run(whole())


def test_whoever_leaves_the_queue_is_gone_at_once_and_whoever_holds_a_slot_frees_it() -> None:
    async def whole() -> None:
        g = gate()
        holder, first, second = await g.begin(*[Asks(name=name, seconds=60) for name in ("holder", "first", "second")])
        first.cancel()
        await asyncio.sleep(0)
        assert g.admission.queued == 1
        holder.cancel()
        await asyncio.sleep(0)
        assert (g.admission.busy, g.admission.queued) == (1, 0)
        await second
        assert g.served == ["holder", "second"]

    run(whole())


def test_a_slot_handed_to_a_request_that_is_cancelled_in_that_moment_goes_on_to_the_next() -> None:
    async def whole() -> None:
        for cancelled_first in (True, False):
            g = gate()
            leave = asyncio.Event()

            async def hold(g: Gate = g, leave: asyncio.Event = leave) -> None:
                async with g.admission.slot(Asks()):
                    await leave.wait()

            holder = asyncio.create_task(hold())
            await asyncio.sleep(0)
            first, second = await g.begin(Asks(name="first"), Asks(name="second"))
            leave.set()
            if cancelled_first:
                first.cancel()
            await asyncio.sleep(0)
            assert holder.done()
            if not cancelled_first:
                assert g.admission.busy == 1  # the slot is the first one's, which doesn't know it yet
                first.cancel()
            await second
            assert g.served == ["second"]
            assert (g.admission.busy, g.admission.queued) == (0, 0)

    run(whole())


@pytest.mark.parametrize("seed", range(40))
def test_no_slot_is_lost_whatever_happens(seed: int) -> None:
    """Requests that end well, fail, give up, are cancelled at any step and refused for every reason."""
    chance = random.Random(seed)

    async def request(g: Gate, highest: list[int]) -> None:
        until = asyncio.get_running_loop().time() + chance.uniform(0, 8) if chance.random() < 0.5 else None
        asks = Asks(chance.choice("aaab"), chance.choice([HIGH, NORMAL, LOW]), chance.choice("st"), until)
        async with g.admission.slot(asks):
            highest.append(g.admission.busy)
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(chance.choice([0, 0, 0.5, 1]))
            if chance.random() < 0.2:
                raise BackendUnavailable("down", backend="gpu")

    async def whole() -> None:
        g = gate(slots=chance.randint(1, 4), max_queue=chance.randint(0, 6), queue_timeout_s=chance.uniform(1, 6))
        tasks: list[asyncio.Task[None]] = []
        busy: list[int] = []
        for _ in range(300):
            tasks.append(asyncio.create_task(request(g, busy)))
            if chance.random() < 0.3:
                await asyncio.sleep(chance.choice([0, 0, 0.5]))
            for task in chance.sample(tasks[-12:], min(len(tasks), chance.choice([0, 0, 1, 2]))):
                task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        wrong = [
            e
            for e in ended
            if e and not isinstance(e, BackendBusy | BackendTimeout | BackendUnavailable | asyncio.CancelledError)
        ]
        assert wrong == []
        assert max(busy) <= g.admission.slots
        assert (g.admission.busy, g.admission.queued) == (0, 0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await g.ask(Asks(name="afterwards"))
        assert g.served == ["afterwards"]

    run(whole())


def test_the_meter_is_told() -> None:
    async def whole() -> None:
        told = Told()
        g = Gate(Admission("gpu", 1, 1, 600, told.meter))
        tasks = await g.begin(Asks("a", name="1"), Asks("a", name="2"), Asks("a", name="3"))
        await asyncio.gather(*tasks, return_exceptions=True)
        g.admission.resize(2)
        assert told.of("sized") == [1, 2]
        assert told.of("waited") == [0, 1]
        assert told.of("refused") == ["queue_full"]
        assert max(told.of("queued")) == max(told.of("in_use")) == 1
        assert told.of("queued")[-1] == told.of("in_use")[-1] == 0

    run(whole())


def test_ten_thousand_waiters_cost_little() -> None:
    """Seconds of the processor's time for an arrival, a refusal, a departure; real ones."""

    async def whole() -> None:
        g = gate(max_queue=10_000)
        await g.teach(1, 1, 1)
        began = time.thread_time()
        tasks = await g.begin(*[Asks(f"caller {number % 1000}", name=str(number)) for number in range(10_001)])
        assert (time.thread_time() - began) / 10_000 < 0.002
        refusals = []
        for _ in range(200):
            began = time.thread_time()
            with suppress(BackendBusy):
                async with g.admission.slot(Asks("caller 0", until=100_000)):
                    pass
            refusals.append(time.thread_time() - began)
        assert sorted(refusals)[100] < 0.001
        began = time.thread_time()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (time.thread_time() - began) / 10_000 < 0.002
        assert (g.admission.busy, g.admission.queued) == (0, 0)

    run(whole())
