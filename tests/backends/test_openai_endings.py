"""How an answer of OpenAI's protocol ends: nothing complete is thrown away, and no connection without need."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from chains.backends.openai.chat_model import OpenAIChatModel
from chains.backends.openai.events import server_sent_events
from chains.errors import BackendProtocolError, BackendTimeout
from tests.backends.openai_server import USAGE, OpenAIServer, Script, ask, event, using

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("changes", "limit_s"),
    [
        pytest.param({}, 0.3, id="after [DONE]"),
        pytest.param({"done": False}, 0.3, id="after usage"),
        pytest.param({"done": False, "usage": None}, 0.8, id="after the reason"),
        pytest.param({"done": False, "raw": {0: event(choices=[], usage=USAGE)}}, 0.8, id="usage with every event"),
    ],
)
@pytest.mark.parametrize("idle_s", [0.2, 10])
def test_a_complete_answer_is_given_though_the_connection_stays_open(
    changes: dict[str, Any], limit_s: float, idle_s: float
) -> None:
    async def work(_: OpenAIServer, model: OpenAIChatModel) -> tuple[Any, float]:
        start = time.monotonic()
        return await model.ainvoke("Hello"), time.monotonic() - start

    seconds = []
    for _ in range(10):  # a busy machine takes its time, but not every time
        script = Script(linger_s=60, **changes)
        (message, took), server = using(script, work, idle_timeout_s=idle_s, context_tokens=4096)
        seconds.append(took)
        if took < limit_s:
            break
    assert min(seconds) < limit_s
    assert message.text == "one two"
    assert message.response_metadata["finish_reason"] == "stop"
    assert (message.usage_metadata is None) is (changes.get("usage", USAGE) is None)
    assert server.running == 0


def test_an_answer_without_a_reason_for_its_end_is_still_waited_for() -> None:
    with pytest.raises(BackendTimeout, match="idle_timeout_s"):
        ask(Script(finish=None, done=False, linger_s=60), idle_timeout_s=0.2)


def test_an_error_after_the_reason_counts() -> None:
    late = event(choices=[{"delta": {}, "finish_reason": "stop"}]) + b"data: {half\n\n"
    with pytest.raises(BackendProtocolError, match="malformed"):
        ask(Script(raw={2: late}))


@pytest.mark.parametrize(
    ("headers", "done", "connections"),
    [
        pytest.param({}, True, 1, id="used again"),
        pytest.param({}, False, 1, id="used again, without [DONE]"),
        pytest.param({"server": "llama.cpp"}, True, 5, id="llama-server hangs up unannounced"),
    ],
)
def test_the_connection_after_an_answer(headers: dict[str, str], done: bool, connections: int) -> None:
    async def work(server: OpenAIServer, model: OpenAIChatModel) -> int:
        for _ in range(5):
            await model.ainvoke("Hello")
        return len(set(server.connections))

    script = Script(headers=headers, done=done, linger_s=0.02)
    assert using(script, work, context_tokens=4096)[0] == connections


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_the_work_for_a_line_does_not_grow_with_its_pieces(line_end: bytes) -> None:
    async def content(line: bytes, size: int) -> AsyncIterator[bytes]:
        for start in range(0, len(line), size):
            yield line[start : start + size]

    async def work() -> float:
        line = b"data: " + b"x" * 1_000_000 + line_end * 2
        start = time.process_time()
        found = [data async for _, data in server_sent_events(content(line, 40))]
        assert [len(data) for data in found] == [1_000_000]
        return time.process_time() - start

    assert asyncio.run(work()) < 0.5
