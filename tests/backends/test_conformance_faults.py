"""Every kind on a canned server that misbehaves: one table of situations and errors (tests/backends/conformance)."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel

from chains.errors import BackendError, ContextExceeded, CopydeskError
from tests.backends.conformance.cannot import CANNOT
from tests.backends.conformance.fault_rows import FAULT_ROWS, FaultRow
from tests.backends.conformance.rigs import BACKEND, RIGS, Serving
from tests.backends.conformance.situations import PROMPT, SECRET, SHORT, TOKENS, TOO_LONG, Situation

pytestmark = pytest.mark.e2e

KINDS = sorted(RIGS)
# A kind that answers at once has nothing to cancel.
SLOW_KINDS = [kind for kind in KINDS if "cancelled_stream" not in CANNOT[kind]]
CLOSED_S = 2
"""A busy machine takes its time, but an answer takes four seconds at the least."""


async def invoke(model: BaseChatModel, text: str) -> None:
    await model.ainvoke(text, max_tokens=200)


async def stream(model: BaseChatModel, text: str) -> None:
    async for _ in model.astream(text, max_tokens=200):
        pass


def situations() -> list[Any]:
    return [
        pytest.param(kind, row, id=f"{kind}-{name}")
        for kind in KINDS
        for name, row in FAULT_ROWS.items()
        if name not in CANNOT[kind]
    ]


def on(kind: str, situation: Situation, work: Callable[[Serving], Awaitable[None]]) -> None:
    """Do the work in an event loop of its own; afterwards the server gives no answer and no task is left."""

    async def whole() -> None:
        async with RIGS[kind](situation) as serving:
            await work(serving)
            await until(lambda: serving.running() == 0)
        if left := asyncio.all_tasks() - {asyncio.current_task()}:
            # LangChain leaves it to the event loop to close what is inside its own stream.
            _, left = await asyncio.wait(left, timeout=CLOSED_S)
        assert not left, left

    asyncio.run(whole())


async def until(condition: Callable[[], bool], seconds: float = 60) -> float:
    """Wait for the condition; the seconds that it took."""
    now = asyncio.get_running_loop().time
    start = now()
    while not condition():
        assert now() - start < seconds, "it never came"
        await asyncio.sleep(0.002)
    return now() - start


@pytest.mark.parametrize(("kind", "row"), situations())
def test_a_fault_is_a_typed_error(kind: str, row: FaultRow) -> None:
    async def work(serving: Serving) -> None:
        found = []
        for ask in (invoke, stream):
            with pytest.raises(CopydeskError) as caught:
                await ask(serving.model, PROMPT if row.situation.too_long else SHORT)
            found.append(caught.value)
        whole, streamed = found
        assert isinstance(whole, row.error), whole
        assert type(streamed) is type(whole)
        # Whether the server or we notice first that a prompt is too long, they count it differently.
        assert isinstance(whole, ContextExceeded) or str(streamed) == str(whole)
        assert whole.retryable is row.is_retryable
        assert row.says in str(whole)
        assert SECRET not in str(whole)
        if isinstance(whole, BackendError):
            assert whole.backend == BACKEND
            assert whole.retry_after_s == row.retry_after_s
        if isinstance(whole, ContextExceeded):
            assert whole.limit == TOO_LONG[1] < whole.needed
            assert str(whole.limit) in str(whole)
            assert str(whole.needed) in str(whole)

    on(kind, row.situation, work)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 3, 7, 4096])
def test_a_text_survives_however_its_bytes_are_cut(kind: str, size: int) -> None:
    async def work(serving: Serving) -> None:
        message = await serving.model.ainvoke(SHORT, max_tokens=200)
        deltas = [str(chunk.text) async for chunk in serving.model.astream(SHORT, max_tokens=200)]
        assert message.text == "".join(deltas) == "".join(TOKENS)
        assert len([delta for delta in deltas if delta]) > 1
        assert message.usage_metadata is not None
        assert 2 * message.usage_metadata["output_tokens"] == serving.generated()

    on(kind, Situation(write_bytes=size), work)


@pytest.mark.parametrize("kind", SLOW_KINDS)
@pytest.mark.parametrize("streamed", [False, True], ids=["invoke", "stream"])
def test_a_cancelled_call_closes_its_connection_at_once(kind: str, streamed: bool) -> None:
    async def work(serving: Serving) -> None:
        request = asyncio.ensure_future((stream if streamed else invoke)(serving.model, SHORT))
        await until(lambda: serving.generated() > 3)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        assert await until(lambda: serving.running() == 0) < CLOSED_S
        generated = serving.generated()
        await asyncio.sleep(0.1)
        assert serving.generated() == generated, "tokens for nobody"

    on(kind, Situation(tokens=("a", *[" b"] * 400), token_s=0.01), work)


@pytest.mark.parametrize("kind", SLOW_KINDS)
def test_a_stream_that_is_left_closes_its_connection_at_once(kind: str) -> None:
    async def work(serving: Serving) -> None:
        answer: Any = serving.model.astream(SHORT, max_tokens=200)
        async with aclosing(answer):
            async for chunk in answer:
                if chunk.text:
                    break
            assert serving.running() == 1
        assert await until(lambda: serving.running() == 0) < CLOSED_S
        generated = serving.generated()
        await asyncio.sleep(0.1)
        assert serving.generated() == generated, "tokens for nobody"

    on(kind, Situation(tokens=("a", *[" b"] * 400), token_s=0.01), work)


@pytest.mark.parametrize("kind", SLOW_KINDS)
def test_no_fault_leaves_a_connection_or_a_task(kind: str) -> None:
    def meet_all() -> None:
        for name in ("status_500", "connection_cut", "end_without_mark", "malformed_body", "idle_timeout"):
            row = FAULT_ROWS[name]

            async def work(serving: Serving, row: FaultRow = row) -> None:
                with pytest.raises(row.error):
                    await invoke(serving.model, SHORT)

            on(kind, row.situation, work)

    meet_all()
    before = open_files()
    meet_all()
    assert open_files() == before


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
