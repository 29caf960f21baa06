"""Every token that a backend reported lands in one account, however its call ended and whoever waited for it."""

import asyncio
import gc
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage, HumanMessage

from chains.backends.configuration import ContinuationScores, Timeouts, untold
from chains.backends.langchain_provider.answer import AnswerReader
from chains.backends.ollama.configuration import OllamaConfig
from chains.backends.scripted.chat_model import ScriptedChatModel
from chains.backends.watched import Bounds, watched
from chains.errors import BackendError, BackendProtocolError, BackendUnavailable, CopydeskError
from chains.ledger import Ledger, open_ledger, usage_of
from chains.result import Usage
from chains.terms import Terms, on_terms
from chains.traffic.admission import Admission
from chains.traffic.breaker import Breaker
from chains.traffic.flight import whole_message
from chains.traffic.lane import Lane
from tests.backends.ollama_server import Canned, Fault, canned_server
from tests.backends.openai_server import OpenAIServer, Script
from tests.traffic.lanes import ask, lane_over, using

A = Terms(caller="a", task="summarize")
WORDS = " ".join(f"w{number}" for number in range(40))


def over(model: BaseChatModel, retries: int = 0) -> Lane:
    return Lane("script", model, Admission("script", 16, 64, 60), Breaker("script"), retries=retries)


async def some(lane: Lane, n: int, text: str = "hello there") -> Ledger:
    """A stream that is left after so many chunks, with its account."""
    with on_terms(A), open_ledger() as ledger:
        async with aclosing(lane.astream(text, temperature=0)) as chunks:
            for _ in range(n):
                await anext(chunks)
    return ledger


def test_who_leaves_an_answer_that_is_complete_pays_what_the_server_reported() -> None:
    lane, model = lane_over([{"answer": WORDS}])

    async def work() -> Usage:
        with on_terms(A), open_ledger() as ledger:
            async with aclosing(lane.astream("hello there", temperature=0)) as chunks:
                await anext(chunks)
                await asyncio.sleep(0.05)  # the rest comes meanwhile, and nobody reads it
        return ledger.usage

    assert using(lane, work) == model.reported == Usage(2, 0, 40, 1)


def test_the_last_who_leaves_pays_all_that_came_and_not_only_what_it_had_read() -> None:
    lane, model = lane_over([{"answer": WORDS, "stall_after": 9}])

    async def work() -> Usage:
        with on_terms(A), open_ledger() as ledger:
            async with aclosing(lane.astream("hello there", temperature=0)) as chunks:
                await anext(chunks)
                await asyncio.sleep(0.05)
        return ledger.usage

    assert using(lane, work) == Usage(0, 0, 9, 1, unreported_calls=1)
    assert model.unreported_tokens == 9


def test_of_several_who_leave_one_pays() -> None:
    lane, model = lane_over([{"answer": WORDS, "token_ms": 2}])

    async def work() -> list[Usage]:
        ledgers = await asyncio.gather(*(some(lane, n) for n in (3, 9, 5, 7)))
        return [ledger.usage for ledger in ledgers]

    usages = using(lane, work)
    assert sum(usage.model_calls for usage in usages) == 1
    assert sum(usage.output_tokens for usage in usages) == model.unreported_tokens >= 9


def test_an_abandoned_stream_is_entered_where_it_was_begun() -> None:
    """Its generator is closed by whoever collects the garbage, in the middle of another request."""
    lane, model = lane_over([{"answer": WORDS, "token_ms": 2}])

    async def begin() -> Ledger:
        with on_terms(A), open_ledger() as ledger:
            async for _ in lane.astream("first", temperature=0):
                break
        return ledger

    async def work() -> tuple[Usage, Usage]:
        first = await begin()
        with on_terms(A), open_ledger() as second:
            gc.collect()
            await asyncio.sleep(0.05)
        return first.usage, second.usage

    first, second = using(lane, work)
    assert (first.model_calls, first.output_tokens, second) == (1, model.unreported_tokens, Usage())


def test_a_failure_on_the_way_costs_what_came_before_it() -> None:
    lane, model = lane_over([{"answer": WORDS, "fail": "unavailable", "fail_after": 6}])

    async def work() -> list[Usage]:
        ledgers = []
        for _ in range(2):
            with on_terms(A), open_ledger() as ledger, pytest.raises(BackendUnavailable):
                await lane.ainvoke("hello", temperature=0)
            ledgers.append(ledger.usage)
        return ledgers

    assert using(lane, work) == [Usage(0, 0, 6, 1, 1)] * 2
    assert model.unreported_tokens == 12


def test_what_is_entered_after_the_end_of_a_request_is_told_apart() -> None:
    told = []
    ledger = Ledger()
    ledger.add(whole_message([AIMessageChunk(content="a"), AIMessageChunk(content="b")]), 1.0, backend="b")
    ledger.close(lambda pair, usage, seconds: told.append((pair, usage, seconds)))
    ledger.add(whole_message([AIMessageChunk(content="c")]), 2.0, backend="b")
    ledger.add_scores(Usage(5, 0, 0, 1), 3.0, queued=0.0, pair=("b", "m"))
    assert ledger.usage == Usage(0, 0, 2, 1, 1)
    assert told == [(("b", ""), Usage(0, 0, 1, 1, 1), 2.0), (("b", "m"), Usage(5, 0, 0, 1), 3.0)]


class ThreeQuestions(ScriptedChatModel):
    """A model that asks its server once for each continuation; the last question never comes to its end."""

    async def score_continuations(
        self, messages: list[BaseMessage], continuations: Sequence[str], spend: Callable[[Usage], object] = untold
    ) -> ContinuationScores:
        for _ in continuations[:-1]:
            await super().score_continuations(messages, continuations[:1], spend)
        if continuations[-1] == "hangs":
            await asyncio.Event().wait()
        raise BackendUnavailable("it is gone", backend=self.backend)


@pytest.mark.parametrize(
    ("last", "retries", "calls"),
    [
        pytest.param("fails", 0, 2, id="a failure"),
        pytest.param("fails", 1, 4, id="a failure that is tried again"),
        pytest.param("hangs", 0, 2, id="a deadline"),
    ],
)
def test_scores_that_break_off_cost_what_was_asked(last: str, retries: int, calls: int) -> None:
    _, plain = lane_over([{"scores": {"yes": -0.1}}])
    lane = over(ThreeQuestions(**plain.model_dump()), retries)

    async def work() -> Ledger:
        with on_terms(A), open_ledger() as ledger, pytest.raises((BackendUnavailable, TimeoutError)):
            async with asyncio.timeout(0.5):
                await lane.score([HumanMessage("one two three")], ["yes", "no", last])
        return ledger

    ledger = using(lane, work)
    assert ledger.shares == {("script", "script"): Usage(3 * calls, 0, 0, calls)}


def test_a_refused_answer_costs_what_its_openai_server_reported() -> None:
    async def work() -> Usage:
        async with OpenAIServer(Script(finish="content_filter")) as server:
            model = server.config().create("gpu")
            lane = over(model)
            try:
                with on_terms(A), open_ledger() as ledger, pytest.raises(BackendError):
                    await lane.ainvoke("hello", temperature=0)
                return ledger.usage
            finally:
                await lane.aclose()
                await model.aclose()  # type: ignore[attr-defined]

    assert asyncio.run(work()) == Usage(20, 8, 2, 1)


def test_a_refused_answer_costs_what_its_ollama_server_reported() -> None:
    async def work(url: str, name: str) -> Usage:
        model = OllamaConfig(kind="ollama", base_url=url, model=name).create("gpu")
        lane = over(model)
        try:
            with on_terms(A), open_ledger() as ledger, pytest.raises(CopydeskError):
                await lane.ainvoke("hello", temperature=0)
            return ledger.usage
        finally:
            await lane.aclose()
            await model.aclose()  # type: ignore[attr-defined]

    with canned_server(Canned(["a", " b", " c"])) as server:
        server.fault = Fault(done_reason="weird")
        usage = asyncio.run(work(server.base_url, server.model_name))
        assert usage == Usage(len(server.last_tokens), 0, 3, 1)


def test_an_answer_beyond_its_bounds_costs_what_was_reported() -> None:
    usage: Any = {"input_tokens": 7, "output_tokens": 9000, "total_tokens": 9007}

    async def work() -> list[AIMessageChunk]:
        async def chunks() -> Any:
            yield AIMessageChunk(content="x" * (1 << 20), usage_metadata=usage)

        given = watched(chunks(), Timeouts(1, 1, 1, 1), Bounds(10), "gpu")
        found = [await anext(given)]
        with pytest.raises(BackendProtocolError, match="far more"):
            await anext(given)
        return found

    message = whole_message(asyncio.run(work()))
    assert usage_of(message) == Usage(7, 0, 9000, 1)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        pytest.param({}, Usage(0, 0, 2, 1, 1), id="nothing told"),
        pytest.param({"prompt_tokens": 11}, Usage(11, 0, 2, 1, 1), id="what was read is told at the beginning"),
        pytest.param(
            {"reported": {"input_tokens": 11, "output_tokens": 1, "total_tokens": 12}},
            Usage(11, 0, 2, 1),
            id="counts at the beginning",
        ),
        pytest.param(
            {"reported": {"input_tokens": 11, "output_tokens": 5, "total_tokens": 16}},
            Usage(11, 0, 5, 1),
            id="counts at the end",
        ),
    ],
)
def test_what_counts_where_an_answer_broke_off(metadata: dict[str, Any], expected: Usage) -> None:
    chunks = [AIMessageChunk(content="one "), AIMessageChunk(content="two", response_metadata=metadata)]
    assert usage_of(whole_message(chunks)) == expected


def test_scores_of_the_script_are_charged_as_it_reported() -> None:
    lane, model = lane_over([{"scores": {"yes": -0.1}}])

    async def work() -> Usage:
        _, first = await ask(lane, "one two")
        with on_terms(A), open_ledger() as second:
            await lane.score([HumanMessage("three")], ["yes"])
        return first.usage + second.usage

    assert using(lane, work) == model.reported


def test_what_a_provider_tells_at_the_beginning_counts_where_its_answer_is_left() -> None:
    """As Anthropic's protocol does: first what was read, with the first of the tokens written; the rest at the end."""
    reader = AnswerReader("saas", is_form=False)
    first: Any = {"input_tokens": 50, "output_tokens": 1, "total_tokens": 51}
    last: Any = {"input_tokens": 0, "output_tokens": 6, "total_tokens": 6}
    said = [
        AIMessageChunk(content="", usage_metadata=first),
        AIMessageChunk(content="one "),
        AIMessageChunk(content="two "),
        AIMessageChunk(content="three"),
    ]
    chunks = [reader.read(message) for message in said]
    assert usage_of(whole_message(chunks)) == Usage(50, 0, 3, 1)
    reader.read(AIMessageChunk(content="", usage_metadata=last, response_metadata={"stop_reason": "end_turn"}))
    assert usage_of(whole_message([*chunks, reader.last("m", needs_reason=True)])) == Usage(50, 0, 7, 1)
