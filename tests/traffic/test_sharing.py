"""Identical requests in flight cost one generation, whoever of them leaves."""

import asyncio
from contextlib import aclosing
from functools import partial
from typing import Any

import pytest

from chains.errors import BackendUnavailable
from chains.result import CacheState
from chains.terms import Priority, Terms
from tests.traffic.lanes import ask, lane_over
from tests.traffic.lanes import using as using_in
from tests.traffic.virtual_time import run

SLOW = [{"answer": "one two three", "delay_ms": 100}]
A = Terms(caller="a", task="summarize")
using = partial(using_in, run=run)


def test_sixteen_identical_requests_cost_one_generation() -> None:
    lane, model = lane_over(SLOW)
    done = using(lane, lambda: asyncio.gather(*(ask(lane) for _ in range(16))))
    assert model.served_tokens == 3
    assert {message.text for message, _ in done} == {"one two three"}
    assert [ledger.cache for _, ledger in done].count(CacheState.MISS) == 1
    assert [ledger.cache for _, ledger in done].count(CacheState.SHARED) == 15
    assert sum(ledger.usage.output_tokens for _, ledger in done) == 3
    assert sum(ledger.usage.model_calls for _, ledger in done) == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"text": "other"}, id="another text"),
        pytest.param({"terms": Terms(caller="b", task="summarize")}, id="another caller"),
        pytest.param({"terms": Terms(caller="a", task="summarize", share=False)}, id="one that bypasses"),
        pytest.param({"terms": Terms(caller="a", priority=Priority.HIGH)}, id="another priority"),
        pytest.param({"temperature": 0.5}, id="a drawn answer"),
        pytest.param({"max_tokens": 2}, id="another cap"),
        pytest.param({"seed": 7}, id="another seed"),
        pytest.param({"stop": ["three"]}, id="another stop"),
        pytest.param(
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}},
            id="a schema",
        ),
    ],
)
def test_what_differs_is_not_shared(other: dict[str, Any]) -> None:
    lane, _ = lane_over(SLOW)
    done = using(lane, lambda: asyncio.gather(ask(lane), ask(lane, **other)))
    assert [ledger.usage.model_calls for _, ledger in done] == [1, 1]


def test_two_drawn_answers_are_two() -> None:
    lane, _ = lane_over(SLOW)
    done = using(lane, lambda: asyncio.gather(*(ask(lane, temperature=0.7) for _ in range(2))))
    assert [ledger.usage.model_calls for _, ledger in done] == [1, 1]


def test_the_leader_leaves_and_the_others_get_the_answer() -> None:
    lane, model = lane_over(SLOW)

    async def work() -> None:
        leader = asyncio.create_task(ask(lane))
        await asyncio.sleep(0.02)
        followers = [asyncio.create_task(ask(lane)) for _ in range(3)]
        await asyncio.sleep(0.02)
        leader.cancel()
        done = await asyncio.gather(*followers)
        assert [message.text for message, _ in done] == ["one two three"] * 3
        assert [ledger.usage.output_tokens for _, ledger in done] == [3, 0, 0]

    using(lane, work)
    assert (model.served_tokens, model.cancelled) == (3, 0)


def test_the_last_one_to_leave_cancels_the_generation() -> None:
    lane, model = lane_over(SLOW)

    async def work() -> None:
        waiting = [asyncio.create_task(ask(lane)) for _ in range(3)]
        await asyncio.sleep(0.02)
        for task in waiting:
            assert model.cancelled == 0
            task.cancel()
            await asyncio.sleep(0.01)
        assert (model.cancelled, model.active, model.served_tokens) == (1, 0, 0)

    using(lane, work)


def test_nobody_joins_a_generation_that_was_cancelled() -> None:
    lane, model = lane_over(SLOW)

    async def work() -> None:
        first = asyncio.create_task(ask(lane))
        await asyncio.sleep(0.02)
        first.cancel()
        await asyncio.sleep(0)
        message, _ = await ask(lane)
        assert message.text == "one two three"

    using(lane, work)
    assert (model.cancelled, model.served_tokens) == (1, 3)


def test_a_failure_reaches_everybody() -> None:
    lane, _ = lane_over([{"fail": "unavailable", "delay_ms": 50}])

    async def work() -> list[Any]:
        return await asyncio.gather(*(ask(lane) for _ in range(4)), return_exceptions=True)

    assert [type(error) for error in using(lane, work)] == [BackendUnavailable] * 4


def test_identical_streams_share_one_generation_from_its_first_piece_on() -> None:
    lane, model = lane_over([{"answer": "one two three four", "token_ms": 20}])

    async def stream() -> str:
        async with aclosing(lane.astream("hello", temperature=0)) as chunks:
            return "".join([str(chunk.text) async for chunk in chunks])

    async def late() -> str:
        await asyncio.sleep(0.03)
        return await stream()

    assert set(using(lane, lambda: asyncio.gather(stream(), late()))) == {"one two three four"}
    assert model.served_tokens == 4


def test_the_latest_deadline_counts_for_all() -> None:
    """A leader in a hurry doesn't take the place of a follower who can wait."""
    lane, _ = lane_over([{"answer": "one", "delay_ms": 60}], slots=1)

    async def work() -> None:
        now = asyncio.get_running_loop().time
        await ask(lane, "teach how long an answer takes")
        busy = asyncio.create_task(ask(lane, "busy"))
        await asyncio.sleep(0.01)
        hurried = Terms(caller="a", task="summarize", deadline=now() + 0.2)
        patient = Terms(caller="a", task="summarize", deadline=now() + 10)
        leader = asyncio.create_task(ask(lane, "same", terms=hurried))
        await asyncio.sleep(0)
        follower = asyncio.create_task(ask(lane, "same", terms=patient))
        done = await asyncio.gather(busy, leader, follower)
        assert [message.text for message, _ in done] == ["one"] * 3

    using(lane, work)
