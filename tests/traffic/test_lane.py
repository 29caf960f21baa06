"""What a call passes on its way to the model: cache, retries, breaker, queue, and what it is charged."""

import asyncio
import time
from contextlib import aclosing, suppress
from typing import Any

import pytest

from chains.errors import (
    BackendBusy,
    BackendError,
    BackendRejected,
    BackendTimeout,
    BackendUnavailable,
    ContextExceeded,
)
from chains.ledger import open_ledger
from chains.result import CacheState
from chains.terms import Terms, on_terms
from chains.traffic.cache import AnswerCache
from tests.traffic.lanes import ask, lane_over, using
from tests.traffic.virtual_time import run as in_virtual_time

CACHED = Terms(caller="a", task="classify", cache=True)
FAILS_ONCE: dict[str, Any] = {"fail": "unavailable", "times": 1}
ANSWERS: dict[str, Any] = {"answer": "one two"}


def test_an_answer_is_kept_for_identical_requests_of_the_same_caller() -> None:
    lane, model = lane_over([ANSWERS], cache=AnswerCache(1 << 20, 60))

    async def work() -> list[CacheState]:
        wanted = [
            ("x", CACHED),
            ("x", CACHED),
            ("y", CACHED),
            ("x", Terms(caller="b", task="classify", cache=True)),
            ("x", Terms(caller="a", task="classify", cache=False)),
            ("x", CACHED),
        ]
        return [(await ask(lane, text, terms=terms))[1].cache for text, terms in wanted]

    miss, hit = CacheState.MISS, CacheState.HIT
    assert using(lane, work) == [miss, hit, miss, miss, miss, hit]
    assert model.served_tokens == 8


@pytest.mark.parametrize(
    ("cache", "keywords"),
    [
        pytest.param(AnswerCache(1 << 20, 0.01), {}, id="forgotten after its time"),
        pytest.param(AnswerCache(0, 60), {}, id="no room"),
        pytest.param(AnswerCache(1 << 20, 60), {"temperature": 1.0}, id="a drawn answer"),
    ],
)
def test_what_is_not_kept(cache: AnswerCache, keywords: dict[str, Any]) -> None:
    lane, model = lane_over([ANSWERS], cache=cache)

    async def work() -> None:
        await ask(lane, terms=CACHED, **keywords)
        await asyncio.sleep(0.02)
        _, ledger = await ask(lane, terms=CACHED, **keywords)
        assert ledger.cache is CacheState.MISS

    using(lane, work)
    assert model.served_tokens == 4


def test_the_cache_is_bounded() -> None:
    cache = AnswerCache(3000, 60)
    lane, model = lane_over([ANSWERS], cache=cache)

    async def work() -> None:
        for text in ("1", "2", "3", "3", "1"):
            await ask(lane, text, terms=CACHED)

    using(lane, work)
    assert model.served_tokens == 8  # 1, 2, 3, and 1 again, which had to go for 3


def test_a_stream_is_kept_and_served_from_the_cache() -> None:
    lane, model = lane_over([ANSWERS], cache=AnswerCache(1 << 20, 60))

    async def work() -> list[str]:
        await ask(lane, terms=CACHED)
        with on_terms(CACHED):
            async with aclosing(lane.astream("hello", temperature=0)) as chunks:
                return [str(chunk.text) async for chunk in chunks]

    assert using(lane, work) == ["one two"]
    assert model.served_tokens == 2


def test_what_the_task_cannot_use_is_not_kept() -> None:
    lane, model = lane_over([ANSWERS], cache=AnswerCache(1 << 20, 60))

    async def work() -> None:
        for _ in range(2):
            with on_terms(CACHED), open_ledger():  # which never hears that the answer was good
                await lane.ainvoke("hello", temperature=0)

    using(lane, work)
    assert model.served_tokens == 4


def test_what_was_cut_off_is_not_kept() -> None:
    lane, model = lane_over([{**ANSWERS, "cut_off": True}], cache=AnswerCache(1 << 20, 60))

    async def work() -> None:
        for _ in range(2):
            await ask(lane, terms=CACHED)

    using(lane, work)
    assert model.served_tokens == 4


def test_a_whole_answer_that_had_begun_is_not_generated_again() -> None:
    lane, model = lane_over([{**ANSWERS, "fail": "unavailable", "fail_after": 1, "times": 1}, ANSWERS], retries=1)

    async def work() -> None:
        with pytest.raises(BackendUnavailable):
            await ask(lane)

    using(lane, work)
    assert model.served_tokens == 1


def test_whole_and_streamed_requests_share_a_generation() -> None:
    lane, model = lane_over([{**ANSWERS, "delay_ms": 50}])

    async def stream() -> str:
        async with aclosing(lane.astream("hello", temperature=0)) as chunks:
            return "".join([str(chunk.text) async for chunk in chunks])

    async def whole() -> str:
        return str((await lane.ainvoke("hello", temperature=0)).text)

    assert set(using(lane, lambda: asyncio.gather(stream(), whole()))) == {"one two"}
    assert model.served_tokens == 2


def test_streams_that_are_ended_on_purpose_are_signs_of_life() -> None:
    script: list[dict[str, Any]] = [
        {"when": "down", "fail": "unavailable"},
        {"answer": "one two three", "token_ms": 20},
    ]
    lane, _ = lane_over(script, threshold=2)

    async def work() -> None:
        for number in range(4):
            async with aclosing(lane.astream(f"well {number}", temperature=0)) as chunks:
                async for _ in chunks:
                    break
            await asyncio.sleep(0.01)
            with pytest.raises(BackendUnavailable, match="as its script says"):
                await ask(lane, f"down {number}")

    using(lane, work)
    assert lane.breaker.state.value == "closed"


@pytest.mark.parametrize(
    ("script", "retries", "outcome", "failed"),
    [
        pytest.param([FAILS_ONCE, ANSWERS], 1, "one two", ["backend_unavailable"], id="once, then well"),
        pytest.param([FAILS_ONCE, ANSWERS], 0, BackendUnavailable, ["backend_unavailable"], id="no retries"),
        pytest.param([{"fail": "unavailable"}], 2, BackendUnavailable, ["backend_unavailable"] * 3, id="always"),
        pytest.param(
            [{"fail": "protocol", "times": 1}, ANSWERS], 1, "one two", ["backend_protocol_error"], id="nonsense"
        ),
        pytest.param([{"end_early": 0, "times": 1}, ANSWERS], 1, "one two", ["backend_protocol_error"], id="cut off"),
        pytest.param(
            [{"fail": "rejected", "times": 1}, ANSWERS], 1, BackendRejected, ["backend_rejected"], id="refused"
        ),
        pytest.param([{"fail": "timeout", "times": 1}, ANSWERS], 1, BackendTimeout, ["backend_timeout"], id="too slow"),
        pytest.param(
            [{"fail": "busy", "retry_after_s": 0.01, "times": 1}, ANSWERS], 1, "one two", ["backend_busy"], id="busy"
        ),
        pytest.param(
            [{"fail": "busy", "retry_after_s": 60, "times": 1}, ANSWERS],
            1,
            BackendBusy,
            ["backend_busy"],
            id="busy long",
        ),
    ],
)
def test_retries(
    script: list[dict[str, Any]], retries: int, outcome: str | type[BackendError], failed: list[str]
) -> None:
    lane, _ = lane_over(script, retries=retries)
    terms = Terms(caller="a", task="summarize")

    async def work() -> tuple[str | type[BackendError], list[str]]:
        with on_terms(terms), open_ledger() as ledger:
            try:
                found: Any = str((await lane.ainvoke("hello", temperature=0)).text)
            except BackendError as error:
                found = type(error)
        return found, [attempt.code for attempt in ledger.attempts]

    assert using(lane, work) == (outcome, failed)


def test_no_retry_that_would_end_behind_the_deadline() -> None:
    lane, _ = lane_over([{"fail": "busy", "retry_after_s": 0.3, "times": 1}, ANSWERS], retries=3)

    async def work() -> float:
        now = asyncio.get_running_loop().time
        start = now()
        with pytest.raises(BackendBusy):
            await ask(lane, terms=Terms(caller="a", task="summarize", deadline=start + 0.2))
        return now() - start

    assert using(lane, work, in_virtual_time) < 0.1


def test_a_stream_is_tried_again_before_its_first_piece_and_never_after_it() -> None:
    async def pieces(script: list[dict[str, Any]]) -> str:
        lane, _ = lane_over(script, retries=1)
        said = ""
        try:
            async with aclosing(lane.astream("hello", temperature=0)) as chunks:
                async for chunk in chunks:
                    said += str(chunk.text)
        except BackendError as error:
            said += f" [{error.code}]"
        return said

    before = [{**ANSWERS, "fail": "unavailable", "fail_after": 0, "times": 1}, ANSWERS]
    after = [{**ANSWERS, "fail": "unavailable", "fail_after": 1, "times": 1}, ANSWERS]
    assert asyncio.run(pieces(before)) == "one two"
    assert asyncio.run(pieces(after)) == "one [backend_unavailable]"


def test_the_breaker_spares_a_server_that_is_down() -> None:
    lane, _ = lane_over([{"fail": "unavailable", "fail_after": 0, "answer": "x"}], threshold=3)

    async def work() -> list[str]:
        errors = []
        for number in range(5):
            with pytest.raises(BackendUnavailable) as caught:
                await ask(lane, str(number))
            errors.append(str(caught.value))
        assert caught.value.retry_after_s is not None
        return errors

    errors = using(lane, work)
    assert ["in a row" in error for error in errors] == [False, False, False, True, True]


def test_a_refusal_of_the_queue_is_neither_retried_nor_a_failure_of_the_server() -> None:
    lane, _ = lane_over([{**ANSWERS, "delay_ms": 200}], slots=1, max_queue=0, retries=3, threshold=1)

    async def work() -> None:
        first = asyncio.create_task(ask(lane, "1"))
        await asyncio.sleep(0.02)
        start = asyncio.get_running_loop().time()
        for number in range(3):
            with pytest.raises(BackendBusy, match="slots are taken"):
                await ask(lane, f"other {number}")
        assert asyncio.get_running_loop().time() - start < 0.1
        await first

    using(lane, work, in_virtual_time)
    assert lane.breaker.state.value == "closed"


def test_stalls_that_deadlines_cut_open_the_breaker() -> None:
    """Else a server that answers nobody would be asked for ever, as long as callers are in a hurry."""
    lane, _ = lane_over([{**ANSWERS, "when": "well"}, {"stall_after": 0}], threshold=3)

    async def asked(text: str, seconds: float) -> str:
        try:
            async with asyncio.timeout(seconds):
                return str((await ask(lane, text))[0].text)
        except (TimeoutError, BackendUnavailable) as error:
            return type(error).__name__

    async def work() -> list[str]:
        well = [await asked(f"well {number}", 1) for number in range(4)]
        hurried = [await asked(f"hurried {number}", 0.1) for number in range(4)]
        stalled = [await asked(f"stalled {number}", 1.3) for number in range(3)]
        await asyncio.sleep(0.05)
        return [*well, *hurried, *stalled, await asked("next", 0.1)]

    late = "TimeoutError"
    assert using(lane, work) == ["one two"] * 4 + [late] * 7 + ["BackendUnavailable"]


def test_jobs_that_are_taken_back_do_not() -> None:
    """Whoever cancels a job says nothing of the server: the next caller is not refused for it."""
    lane, _ = lane_over([{**ANSWERS, "when": "well"}, {"stall_after": 0}], threshold=3)
    job = Terms(caller="a", task="summarize", background=True)

    async def work() -> None:
        for number in range(4):
            await ask(lane, f"well {number}", terms=job)
        for number in range(3):
            with suppress(TimeoutError):
                async with asyncio.timeout(1.3):
                    await ask(lane, f"stalled {number}", terms=job)

    using(lane, work)
    assert lane.breaker.state.value == "closed"


def test_a_model_that_says_nothing_is_named_by_what_the_server_calls_itself() -> None:
    lane, _ = lane_over([ANSWERS])

    async def work() -> tuple[str, str]:
        _, whole = await ask(lane)
        with open_ledger() as streamed:
            async with aclosing(lane.astream("hello", temperature=0)) as chunks:
                async for _ in chunks:
                    pass
        return whole.model, streamed.model

    assert using(lane, work) == ("script", "script")


def test_the_models_time_is_that_of_the_last_try() -> None:
    lane, _ = lane_over([{"fail": "busy", "retry_after_s": 0.3, "times": 1}, ANSWERS], retries=1)

    async def work() -> tuple[float, float]:
        start = time.perf_counter()
        _, ledger = await ask(lane)
        return time.perf_counter() - start, ledger.model_seconds

    whole, model = using(lane, work)
    assert 0 < model < whole - 0.3


def test_what_does_not_fit_is_told_before_the_queue() -> None:
    lane, _ = lane_over([{**ANSWERS, "delay_ms": 100}], slots=1, context_tokens=6)

    async def work() -> None:
        first = asyncio.create_task(ask(lane, "1"))
        await asyncio.sleep(0.02)
        start = asyncio.get_running_loop().time()
        with pytest.raises(ContextExceeded) as caught:
            await ask(lane, "one two three four", max_tokens=3)
        assert (caught.value.needed, caught.value.limit, caught.value.reserved) == (7, 6, 3)
        assert asyncio.get_running_loop().time() - start < 0.05
        await first

    using(lane, work, in_virtual_time)


def test_the_wait_in_the_queue_is_told_apart_from_the_models_time() -> None:
    lane, _ = lane_over([{**ANSWERS, "delay_ms": 100}], slots=1)

    async def work() -> tuple[float, list[tuple[float, float]]]:
        start = time.perf_counter()
        done = await asyncio.gather(ask(lane, "1"), ask(lane, "2"))
        return time.perf_counter() - start, [(ledger.queue_seconds, ledger.model_seconds) for _, ledger in done]

    whole, [(first_queue, first_model), (second_queue, second_model)] = using(lane, work)
    assert first_queue + first_model < whole - 0.05  # the second one's answer is neither
    assert first_model > 0.05 < second_model
    assert second_queue > 0.08
    assert second_queue + second_model < whole


def test_a_stream_that_is_left_early_stops_the_generation_and_is_charged_what_came() -> None:
    lane, model = lane_over([{"answer": " ".join(["word"] * 1000), "token_ms": 2}])

    async def work() -> None:
        with open_ledger() as ledger:
            async with aclosing(lane.astream("hello", temperature=0)) as chunks:
                async for _ in chunks:
                    if model.served_tokens >= 5:
                        break
        assert (ledger.usage.model_calls, ledger.model) == (1, "script")
        assert 4 <= ledger.usage.output_tokens <= 8

    using(lane, work)
    assert model.served_tokens < 12
    assert model.cancelled == 1
