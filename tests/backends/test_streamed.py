"""What the base of our chat models makes of servers that stall, flood or send nonsense."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk, BaseMessage, HumanMessage
from pydantic import PrivateAttr

from chains.backends.configuration import Timeouts
from chains.backends.streamed import CallOptions, StreamedChatModel
from chains.errors import BackendBusy, BackendError, BackendProtocolError, BackendTimeout

Stream = Callable[[], AsyncGenerator[AIMessageChunk, None]]

END = {"finish_reason": "stop", "model_name": "m"}


class PlayedChatModel(StreamedChatModel):
    """Gives the chunks of `play`, whatever the call asks for."""

    play: Any
    _is_closed: bool = PrivateAttr(default=False)

    @property
    def _llm_type(self) -> str:
        return "played"

    async def _chunks(self, messages: list[BaseMessage], options: CallOptions) -> AsyncGenerator[AIMessageChunk, None]:
        try:
            async with aclosing(self.play()) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            self._is_closed = True


def asked(play: Stream, prompt: Any = "Hello", *, idle_s: float = 0.2, total_s: float = 5, **call: Any) -> str:
    """The answer. Whatever comes, the stream was closed."""
    timeouts = Timeouts(connect_s=1, first_token_s=0.3, idle_s=idle_s, total_s=total_s)
    model = PlayedChatModel(backend="gpu", model_name="m", timeouts=timeouts, play=play)
    try:
        return str(asyncio.run(model.ainvoke(prompt, **call)).text)
    finally:
        assert model._is_closed


def said(text: str = "", **keys: Any) -> AIMessageChunk:
    return AIMessageChunk(content=text, **keys)


def with_usage(**counts: Any) -> AIMessageChunk:
    chunk = said(response_metadata=END)
    chunk.usage_metadata = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2, **counts}  # type: ignore[assignment]
    return chunk


def playing(*chunks: AIMessageChunk | Exception) -> Stream:
    async def play() -> AsyncGenerator[AIMessageChunk, None]:
        for chunk in chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    return play


def for_ever(*first: AIMessageChunk, again: AIMessageChunk, each_s: float) -> Stream:
    async def play() -> AsyncGenerator[AIMessageChunk, None]:
        for chunk in first:
            yield chunk
        while True:
            if each_s:
                await asyncio.sleep(each_s)
            yield again

    return play


@pytest.mark.parametrize("each_s", [pytest.param(0.02, id="slowly"), pytest.param(0, id="without a pause")])
@pytest.mark.parametrize(
    ("first", "says"),
    [
        pytest.param((), r"no first token within 0\.3 s", id="before the first token"),
        pytest.param((said("x"),), r"no further token within 0\.2 s", id="after it"),
    ],
)
def test_empty_chunks_extend_no_limit(first: tuple[AIMessageChunk, ...], says: str, each_s: float) -> None:
    start = time.monotonic()
    with pytest.raises(BackendTimeout, match=says):
        asked(for_ever(*first, again=said(), each_s=each_s))
    assert time.monotonic() - start < 2


def test_tokens_extend_the_limit() -> None:
    async def play() -> AsyncGenerator[AIMessageChunk, None]:
        for _ in range(6):
            await asyncio.sleep(0.08)
            yield said("x")
            yield said()
        yield said(response_metadata=END)

    assert asked(play) == "xxxxxx"


LOGPROB = {"token": "x" * 100, "logprob": -1.0, "top_logprobs": [{"token": "y" * 100, "logprob": -1.0}]}


@pytest.mark.parametrize(
    ("again", "call"),
    [
        pytest.param(said("x"), {"max_tokens": 5}, id="tokens"),
        pytest.param(said("x" * 5000), {"max_tokens": 5}, id="characters"),
        pytest.param(said("x" * 1_000_000), {}, id="characters without a known cap"),
        pytest.param(said(response_metadata={"logprobs": [LOGPROB]}), {"max_tokens": 5}, id="logprobs unasked"),
        pytest.param(
            said(response_metadata={"logprobs": [LOGPROB] * 999}),
            {"max_tokens": 5, "logprobs": True, "top_logprobs": 2},
            id="logprobs",
        ),
    ],
)
def test_a_flood_is_cut_off(again: AIMessageChunk, call: dict[str, Any]) -> None:
    with pytest.raises(BackendProtocolError, match=r"far more than the .* ignores max_tokens"):
        asked(for_ever(again=again, each_s=0), total_s=60, **call)


def test_the_longest_tokens_are_no_flood() -> None:
    for tokens in (1, 300, 2000):
        chunks = [said(" " * 128, response_metadata={"logprobs": [LOGPROB]}) for _ in range(tokens)]
        answer = asked(playing(*chunks, said(response_metadata=END)), max_tokens=tokens, logprobs=True)
        assert len(answer) == tokens * 128


@pytest.mark.parametrize(
    "chunk",
    [
        pytest.param(AttributeError("caller-text"), id="AttributeError"),
        pytest.param(ValueError("caller-text"), id="ValueError"),
        pytest.param(TypeError("caller-text"), id="TypeError"),
        pytest.param(OverflowError("caller-text"), id="OverflowError"),
        pytest.param(RecursionError("caller-text"), id="RecursionError"),
        pytest.param(with_usage(input_tokens=-5), id="a negative count"),
        pytest.param(with_usage(output_tokens=float("nan")), id="a count of no number"),
        pytest.param(with_usage(total_tokens=10.5), id="half a token"),
        pytest.param(with_usage(input_tokens="x"), id="a count of text"),
        pytest.param(with_usage(output_tokens=True), id="a truth"),
        pytest.param(with_usage(input_token_details={"cache_read": "x"}), id="cached text"),
        pytest.param(said(response_metadata={"logprobs": ["x"]}), id="logprobs of texts"),
    ],
)
def test_nonsense_is_the_servers_fault(chunk: AIMessageChunk | Exception) -> None:
    for before in ((), (said("x"),)):
        with pytest.raises(BackendProtocolError, match="malformed or incomplete") as caught:
            asked(playing(*before, chunk, said(response_metadata=END)))
        assert caught.value.original is not None
        assert "caller-text" not in str(caught.value)


def test_a_foreign_time_limit_is_a_timeout() -> None:
    with pytest.raises(BackendTimeout, match="did not answer in time"):
        asked(playing(TimeoutError()))


def test_our_own_errors_stay_as_they_are() -> None:
    busy: BackendError = BackendBusy("m", backend="gpu", retry_after_s=7)
    with pytest.raises(BackendBusy) as caught:
        asked(playing(busy))
    assert caught.value is busy


@pytest.mark.parametrize(
    ("prompt", "call", "error"),
    [
        pytest.param("x", {"temprature": 1}, TypeError, id="an unknown keyword"),
        pytest.param("x", {"max_tokens": 0}, ValueError, id="no tokens"),
        pytest.param([HumanMessage([{"type": "image_url", "image_url": "x"}])], {}, ValueError, id="an image"),
    ],
)
def test_a_wrong_call_is_the_callers_fault(prompt: Any, call: dict[str, Any], error: type[Exception]) -> None:
    timeouts = Timeouts(connect_s=1, first_token_s=1, idle_s=1, total_s=1)
    model = PlayedChatModel(backend="gpu", model_name="m", timeouts=timeouts, play=None)
    with pytest.raises(error):
        asyncio.run(model.ainvoke(prompt, **call))


def test_whoever_leaves_is_cancelled() -> None:
    async def work() -> None:
        timeouts = Timeouts(connect_s=1, first_token_s=9, idle_s=9, total_s=9)
        play = for_ever(again=said(), each_s=0.01)
        model = PlayedChatModel(backend="gpu", model_name="m", timeouts=timeouts, play=play)
        task = asyncio.create_task(model.ainvoke("Hello"))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert model._is_closed

    asyncio.run(work())
