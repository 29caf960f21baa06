"""When the breaker opens, whom it lets through, and that nothing leaves it stuck."""

import asyncio
import itertools
import random
from collections.abc import Callable
from contextlib import suppress

import pytest

from chains.errors import (
    BackendBusy,
    BackendError,
    BackendProtocolError,
    BackendRejected,
    BackendTimeout,
    BackendUnavailable,
    ContextExceeded,
    OutputInvalid,
)
from chains.traffic.breaker import Breaker, BreakerState
from tests.traffic.told import Told


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


DOWN = BackendUnavailable("down", backend="gpu")
BUSY = BackendBusy("busy", backend="gpu")
SLOW = BackendTimeout("slow", backend="gpu")
NONSENSE = BackendProtocolError("nonsense", backend="gpu")
REFUSED = BackendRejected("refused", backend="gpu")
TOO_LONG = ContextExceeded(needed=9, limit=5, reserved=1)
NEUTRAL = [
    pytest.param(OutputInvalid("bad", raw="{"), id="unusable output"),
    pytest.param(asyncio.CancelledError(), id="cancelled"),
    pytest.param(GeneratorExit(), id="stream left"),
    pytest.param(RuntimeError("our own mistake"), id="anything else"),
]


async def ask(breaker: Breaker, outcome: BaseException | None = None) -> None:
    async with breaker.guard():
        if outcome is not None:
            raise outcome


def ask_all(breaker: Breaker, *outcomes: BaseException | None) -> None:
    for outcome in outcomes:
        with suppress(BaseException):
            asyncio.run(ask(breaker, outcome))


def state(breaker: Breaker) -> BreakerState:
    return breaker.state


def opened(clock: Callable[[], float]) -> Breaker:
    breaker = Breaker("gpu", threshold=2, clock=clock)
    ask_all(breaker, DOWN, DOWN)
    assert state(breaker) is BreakerState.OPEN
    return breaker


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        pytest.param([DOWN, SLOW, NONSENSE], BreakerState.OPEN, id="three failures of any sort"),
        pytest.param([DOWN, DOWN], BreakerState.CLOSED, id="too few"),
        pytest.param([DOWN, DOWN, None, DOWN, DOWN], BreakerState.CLOSED, id="an answer between them"),
        pytest.param([DOWN, DOWN, BUSY, DOWN, DOWN], BreakerState.CLOSED, id="busy is a sign of life"),
        pytest.param([BUSY] * 9, BreakerState.CLOSED, id="busy is no failure"),
        pytest.param([DOWN, DOWN, REFUSED, DOWN, DOWN], BreakerState.CLOSED, id="a refusal is a sign of life"),
        pytest.param([DOWN, DOWN, TOO_LONG, DOWN, DOWN], BreakerState.CLOSED, id="so is too long a prompt"),
    ],
)
def test_failures_in_a_row_open_it(outcomes: list[BaseException | None], expected: BreakerState) -> None:
    breaker = Breaker("gpu", threshold=3, clock=Clock())
    ask_all(breaker, *outcomes)
    assert state(breaker) is expected


@pytest.mark.parametrize("outcome", NEUTRAL)
def test_what_says_nothing_of_the_backend_neither_opens_nor_closes(outcome: BaseException) -> None:
    clock = Clock()
    breaker = Breaker("gpu", threshold=2, clock=clock)
    ask_all(breaker, *[outcome] * 5)
    assert state(breaker) is BreakerState.CLOSED
    ask_all(breaker, DOWN, outcome, DOWN)
    assert state(breaker) is BreakerState.OPEN
    clock.now = 1.0
    ask_all(breaker, outcome)
    assert state(breaker) is BreakerState.HALF_OPEN
    ask_all(breaker, None)  # the probe's place was free again
    assert state(breaker) is BreakerState.CLOSED


@pytest.mark.parametrize("outcome", [BUSY, REFUSED, TOO_LONG], ids=["busy", "refused", "too long"])
def test_a_server_that_speaks_ends_a_probe_well(outcome: BaseException) -> None:
    """Else one caller whose requests are refused would hold the probe's place for ever."""
    clock = Clock()
    breaker = Breaker("gpu", threshold=1, clock=clock)
    ask_all(breaker, DOWN)
    clock.now = 1.0
    ask_all(breaker, outcome)
    assert state(breaker) is BreakerState.CLOSED


def test_an_answer_that_begins_lets_the_others_through() -> None:
    async def whole() -> None:
        clock = Clock()
        breaker = Breaker("gpu", threshold=1, cooldown_s=1, clock=clock)
        with suppress(BackendUnavailable):
            async with breaker.guard():
                raise DOWN
        clock.now = 1.0
        with suppress(BackendUnavailable):
            async with breaker.guard() as begin:
                begin()
                breaker.check()
                raise DOWN
        # The answer broke off after all: the next cooldown is longer.
        clock.now = 2.0
        assert breaker.state is BreakerState.OPEN

    asyncio.run(whole())


def test_while_open_requests_are_refused_without_being_sent() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now = 0.5
    for refused in (breaker.check, lambda: asyncio.run(ask(breaker))):
        with pytest.raises(
            BackendUnavailable, match=r"failed 2 times in a row, last with backend_unavailable"
        ) as caught:
            refused()
        assert caught.value.backend == "gpu"
        assert caught.value.retry_after_s is not None
        assert 0.3 <= caught.value.retry_after_s <= 0.5


def test_half_open_lets_one_request_through() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now = 1.0
    assert state(breaker) is BreakerState.HALF_OPEN
    breaker.check()  # whoever asks before the queue takes nobody's place

    async def probing() -> None:
        async with breaker.guard():
            with pytest.raises(BackendUnavailable, match="one request is asking"):
                breaker.check()
            with pytest.raises(BackendUnavailable, match="one request is asking"):
                await ask(breaker)

    asyncio.run(probing())
    assert state(breaker) is BreakerState.CLOSED
    breaker.check()


def test_the_cooldown_doubles_up_to_the_longest_and_begins_anew_after_a_success() -> None:
    clock = Clock()
    breaker = Breaker("gpu", threshold=1, cooldown_s=1, longest_cooldown_s=6, clock=clock)

    def cooldown() -> float:
        ask_all(breaker, DOWN)
        with pytest.raises(BackendUnavailable) as caught:
            breaker.check()
        assert caught.value.retry_after_s is not None
        clock.now += caught.value.retry_after_s
        assert state(breaker) is BreakerState.HALF_OPEN
        return caught.value.retry_after_s

    for most in (1, 2, 4, 6, 6):
        assert 0.8 * most <= cooldown() <= most
    ask_all(breaker, None)
    assert cooldown() <= 1


def test_what_began_before_it_opened_no_longer_counts() -> None:
    clock = Clock()
    breaker = Breaker("gpu", threshold=2, clock=clock)

    async def overlapping() -> None:
        async with breaker.guard():
            for _ in range(2):
                with suppress(BackendError):
                    await ask(breaker, DOWN)
        assert state(breaker) is BreakerState.OPEN  # an old answer says nothing of new requests
        clock.now = 1.0
        late = breaker.guard()
        with suppress(BackendError):
            async with late:  # the probe
                raise DOWN
        assert state(breaker) is BreakerState.OPEN

    asyncio.run(overlapping())


def test_the_meter_is_told() -> None:
    clock, told = Clock(), Told()
    breaker = Breaker("gpu", threshold=1, clock=clock, meter=told.meter)
    ask_all(breaker, DOWN, None)
    clock.now = 1.0
    ask_all(breaker, None)
    assert told.of("breaker") == ["closed", "open", "half_open", "closed"]
    assert told.of("refused") == ["breaker_open"]


@pytest.mark.parametrize("seed", range(20))
def test_no_interleaving_leaves_it_stuck(seed: int) -> None:
    """Requests that overlap, fail, answer and are cancelled at random; then the backend is well again."""
    chance, clock, probes = random.Random(seed), Clock(), itertools.count()
    breaker = Breaker("gpu", threshold=2, cooldown_s=1, longest_cooldown_s=2, clock=clock)
    asking = 0

    async def request() -> None:
        nonlocal asking
        async with breaker.guard():
            half_open = state(breaker) is BreakerState.HALF_OPEN
            if half_open:
                next(probes)
                asking += 1
                assert asking == 1
            try:
                for _ in range(chance.randrange(4)):
                    await asyncio.sleep(0)
                error = chance.choice([None, DOWN, DOWN, SLOW, BUSY, OutputInvalid("bad", raw="")])
                if error is not None:
                    raise error
            finally:
                asking -= half_open

    async def storm() -> None:
        tasks: list[asyncio.Task[None]] = []
        for _ in range(400):
            tasks.append(asyncio.create_task(request()))
            clock.now += chance.random() / 5
            await asyncio.sleep(0)
            if chance.random() < 0.2:
                chance.choice(tasks).cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [end for end in ended if isinstance(end, AssertionError)] == []
        clock.now += 2
        await ask(breaker)

    asyncio.run(storm())
    assert next(probes) > 0
    assert state(breaker) is BreakerState.CLOSED
