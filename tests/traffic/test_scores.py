"""Scores of continuations on their way to a model: queue, breaker, retries, deadline and account."""

import asyncio
import contextlib
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from chains.capabilities import ContinuationScore
from chains.errors import BackendBusy, BackendError, BackendProtocolError, BackendRejected, BackendUnavailable
from chains.ledger import Ledger, open_ledger
from chains.terms import Terms, on_terms
from chains.traffic.lane import Lane
from tests.traffic.lanes import ask, lane_over, using
from tests.traffic.virtual_time import run as in_virtual_time

SCORES: dict[str, Any] = {"scores": {"yes": -0.25, "no way": -2.0}}
CLASSIFY = Terms(caller="a", task="classify")


async def score(
    lane: Lane, text: str = "hello there", *, terms: Terms = CLASSIFY, wanted: tuple[str, ...] = ("yes", "no way")
) -> tuple[list[ContinuationScore], Ledger]:
    """The scores of the wanted answers, with the account of the request."""
    with on_terms(terms), open_ledger() as ledger:
        return await lane.score([HumanMessage(text)], wanted), ledger


def test_scores_are_given_and_charged() -> None:
    lane, _ = lane_over([{**SCORES, "delay_ms": 30}])
    found, ledger = using(lane, lambda: score(lane))
    assert found == [ContinuationScore(-0.25, 1), ContinuationScore(-2.0, 2)]
    usage = ledger.usage
    assert (usage.input_tokens, usage.output_tokens, usage.model_calls, ledger.model) == (2, 0, 1, "script")
    assert 0.02 < ledger.model_seconds < 1
    assert ledger.queue_seconds < ledger.model_seconds
    assert ledger.attempts == []


def test_the_capability_is_this_way() -> None:
    lane, _ = lane_over([SCORES])
    assert lane.capabilities.score == lane.score


def test_scores_wait_in_the_queue_and_hold_one_slot() -> None:
    lane, model = lane_over([{**SCORES, "delay_ms": 80}], slots=1, max_queue=1)

    async def work() -> tuple[float, float]:
        first, second = (asyncio.create_task(score(lane)) for _ in range(2))
        await asyncio.sleep(0.02)
        assert (lane.admission.busy, lane.admission.queued, model.active) == (1, 1, 1)
        with pytest.raises(BackendBusy):
            await score(lane)
        return (await first)[1].queue_seconds, (await second)[1].queue_seconds

    first, second = using(lane, work)
    assert first < second > 0.02
    assert lane.breaker.state.value == "closed", "a full queue here is no failure of the server"


@pytest.mark.parametrize(
    ("script", "retries", "outcome", "failed"),
    [
        pytest.param(
            [{"fail": "unavailable", "times": 1}, SCORES],
            1,
            [-0.25, -2.0],
            ["backend_unavailable"],
            id="once, then well",
        ),
        pytest.param([{"fail": "unavailable"}], 1, BackendUnavailable, ["backend_unavailable"] * 2, id="always"),
        pytest.param([{"fail": "rejected"}], 2, BackendRejected, ["backend_rejected"], id="refused"),
        pytest.param([{"end_early": 0}], 0, BackendProtocolError, ["backend_protocol_error"], id="cut off"),
    ],
)
def test_retries(script: list[dict[str, Any]], retries: int, outcome: Any, failed: list[str]) -> None:
    lane, _ = lane_over(script, retries=retries)

    async def work() -> tuple[Any, list[str]]:
        with on_terms(CLASSIFY), open_ledger() as ledger:
            try:
                found: Any = [item.logprob for item in await lane.score([HumanMessage("x")], ["yes", "no way"])]
            except BackendError as error:
                found = type(error)
        return found, [attempt.code for attempt in ledger.attempts]

    assert using(lane, work) == (outcome, failed)


def test_failures_open_the_breaker_and_successes_close_the_row() -> None:
    lane, _ = lane_over([{"when": "down", "fail": "unavailable"}, SCORES], threshold=2)

    async def work() -> list[str]:
        states = []
        for text in ("down", "well", "down", "down"):
            with contextlib.suppress(BackendUnavailable):
                await score(lane, text)
            states.append(lane.breaker.state.value)
        with pytest.raises(BackendUnavailable, match="in a row"):
            await score(lane, "well")
        return states

    assert using(lane, work) == ["closed", "closed", "closed", "open"]


def test_a_deadline_that_ends_the_scoring_is_no_stall_of_the_backend() -> None:
    """Two hundred labels take their time also on a backend that is well."""
    lane, model = lane_over([{"when": "slow", "stall_after": 0}, SCORES], threshold=1)

    async def work() -> None:
        for _ in range(4):
            await score(lane)
        assert lane.admission.is_stall("classify scores", 1.1), "by how long answers took, it would be one"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.15):
                await score(lane, "slow")
        assert lane.breaker.state.value == "closed"
        assert (await score(lane))[0][0].logprob == -0.25

    using(lane, work)
    assert (model.cancelled, model.active) == (1, 0), "the work at the server ended with the deadline"


def test_what_scores_take_is_learned_apart_from_what_answers_take() -> None:
    lane, _ = lane_over([{"when": "tell", "answer": "x", "delay_ms": 120}, SCORES])

    async def work() -> None:
        for number in range(4):
            await ask(lane, f"tell {number}", terms=CLASSIFY)
        now = asyncio.get_running_loop().time()
        in_a_hurry = Terms(caller="a", task="classify", deadline=now + 0.06)
        found, _ = await score(lane, terms=in_a_hurry)
        assert found[0].logprob == -0.25, "an answer would be refused: it takes 120 ms"
        with pytest.raises(BackendError):
            await ask(lane, "tell more", terms=in_a_hurry)

    using(lane, work, in_virtual_time)


def test_what_cannot_be_scored_is_the_callers_error() -> None:
    lane, _ = lane_over([SCORES], retries=2)
    with pytest.raises(ValueError, match="empty"):
        using(lane, lambda: score(lane, wanted=("yes", "")))
    assert lane.breaker.state.value == "closed"
