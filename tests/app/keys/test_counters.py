"""Slots and windows, in this process and in a real Redis."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from app.keys.counters import Counters
from app.keys.slots import LeasedSlots, OwnSlots
from app.sections import LimitSettings
from chains.errors import ConfigurationError
from tests.servers import RedisServer, free_port

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def key_id() -> str:
    """No test sees what another one counted."""
    return uuid.uuid4().hex


@asynccontextmanager
async def counters(redis_url: str | None, workers: int = 1) -> AsyncIterator[Counters]:
    found = Counters(LimitSettings(redis_url=redis_url), workers)
    try:
        yield found
    finally:
        await found.aclose()


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.e2e)])
def place(request: pytest.FixtureRequest) -> str | None:
    """The Redis in which is counted; None where it is this process."""
    return request.getfixturevalue("redis_url") if request.param == "redis" else None


async def until(condition: Callable[[], Awaitable[object]]) -> bool:
    """Whether the condition holds soon."""
    for _ in range(500):
        if await condition():
            return True
        await asyncio.sleep(0.01)
    return False


async def is_used_up(found: Counters, key_id: str) -> bool:
    return (await found.tokens(key_id, 100)).remaining == 0


async def test_requests_are_counted_and_refused(place: str | None, key_id: str) -> None:
    async with counters(place) as found:
        assert [await found.count_request(key_id, 2) for _ in range(3)] == [True, True, False]
        assert await found.count_request(uuid.uuid4().hex, 2), "another key's are its own"
        standing = await found.requests(key_id, 2)
        assert (standing.unit, standing.limit, standing.remaining) == ("requests", 2, 0)
        assert 0 < standing.reset_s <= 60


async def test_tokens_may_be_overdrawn(place: str | None, key_id: str) -> None:
    async with counters(place) as found:
        standing = await found.tokens(key_id, 100)
        assert (standing.unit, standing.limit, standing.remaining) == ("tokens", 100, 100)
        for spent in (70, 70):
            found.spend(key_id, 100, spent)
        assert await until(lambda: is_used_up(found, key_id))
        assert 0 < (await found.tokens(key_id, 100)).reset_s <= 60


async def test_slots_are_taken_and_given_back(place: str | None, key_id: str) -> None:
    async with counters(place) as found:
        taken = [await found.take_slot(key_id, 2) for _ in range(3)]
        assert [slot is not None for slot in taken] == [True, True, False]
        assert await found.take_slot(uuid.uuid4().hex, 2) is not None
        assert taken[0] is not None
        taken[0]()
        assert await until(lambda: found.take_slot(key_id, 2))
        assert await found.take_slot(key_id, 2) is None


@pytest.mark.parametrize(
    ("limit", "workers", "share"),
    [
        pytest.param(60, 4, 15, id="divided"),
        pytest.param(7, 2, 3, id="rounded down"),
        pytest.param(1, 4, 1, id="at least one"),
    ],
)
async def test_without_redis_each_worker_has_its_part(limit: int, workers: int, share: int) -> None:
    async with counters(None, workers) as found:
        assert (await found.requests("k", limit)).limit == share
        assert (await found.tokens("k", limit)).limit == share
    own = OwnSlots(workers)
    assert sum(own.take("k", limit) for _ in range(limit)) == share


@pytest.mark.e2e
async def test_with_redis_all_processes_count_together(redis_url: str, key_id: str) -> None:
    async with counters(redis_url, workers=2) as one, counters(redis_url, workers=2) as other:
        counted = await asyncio.gather(*(found.count_request(key_id, 5) for found in (one, other) * 5))
        assert sum(counted) == 5
        assert (await other.requests(key_id, 5)).remaining == 0
        taken = await asyncio.gather(*(found.take_slot(key_id, 3) for found in (one, other) * 5))
        assert sum(slot is not None for slot in taken) == 3


@pytest.mark.e2e
async def test_the_slots_of_a_process_that_died_come_back(redis_url: str, key_id: str) -> None:
    """Whoever renews keeps its slot; whoever doesn't loses it when the lease ends."""
    client = Redis.from_url(redis_url)
    dead, living = LeasedSlots(client, lease_s=0.5), LeasedSlots(client, lease_s=0.5)
    assert await dead.take(key_id, 2) is not None
    name = await living.take(key_id, 2)
    assert name is not None
    assert await living.take(key_id, 2) is None
    for _ in range(8):
        await living.renew()
        await asyncio.sleep(0.1)
    other = await living.take(key_id, 2)
    assert other is not None, "the dead one's"
    assert await living.take(key_id, 2) is None, "the living one's is still held"
    for held in (name, other):
        await living.give_back(key_id, held)
    assert not await client.exists(f"copydesk/slots/{key_id}")
    await client.aclose()


async def test_an_absent_redis_costs_no_request(key_id: str, caplog: pytest.LogCaptureFixture) -> None:
    failures = []
    settings = LimitSettings(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    found = Counters(settings, 2, lambda: failures.append(1))
    assert [await found.count_request(key_id, 4) for _ in range(3)] == [True, True, False]
    slot = await found.take_slot(key_id, 2)
    assert slot is not None
    assert await found.take_slot(key_id, 2) is None
    slot()
    assert await found.take_slot(key_id, 2) is not None
    found.spend(key_id, 4, 10)
    await found.aclose()
    assert len(failures) == 1, "then it is left alone for a while"
    assert [record.message for record in caplog.records] == [
        "limits.redis_url: Redis fails, each worker counts for itself: ConnectionError"
    ]


@pytest.mark.e2e
async def test_a_slot_outlives_the_loss_of_redis(redis_server: RedisServer, key_id: str) -> None:
    async with counters(redis_server.url) as found:
        slot = await found.take_slot(key_id, 1)
        redis_server.stop()
        try:
            assert slot is not None
            slot()  # cannot be told to Redis: its lease ends by itself
            assert await found.take_slot(key_id, 1) is not None
        finally:
            redis_server.start()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"redis_url": "http://x"}, "limits.redis_url: Redis URL must specify", id="no Redis"),
        pytest.param({"redis_url": "redis://:hunter2@x/0"}, "a password doesn't belong", id="a password"),
        pytest.param(
            {"redis_url": "redis://x/0", "redis_password_env": "ABSENT_PASSWORD"},
            "limits.redis_password_env: the environment variable ABSENT_PASSWORD is not set",
            id="no password",
        ),
    ],
)
def test_what_is_wrong_about_redis_is_told_at_the_start(settings: dict[str, str], message: str) -> None:
    assert "ABSENT_PASSWORD" not in os.environ
    with pytest.raises(ConfigurationError) as caught:
        Counters(LimitSettings(**settings), 1)
    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value)
