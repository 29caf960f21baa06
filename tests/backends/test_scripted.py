"""The scripted backend: it answers as its script says, and fails as real servers do."""

import asyncio
import math
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from pydantic import ValidationError

from chains.backends import configuration_class
from chains.backends.configuration import (
    ChecksContext,
    CountsTokens,
    Inspects,
    Probes,
    ScoresContinuations,
    ServerState,
    TellsSlots,
    Warms,
)
from chains.backends.scripted import Failure, ScriptedAnswer, ScriptedConfig
from chains.backends.scripted.chat_model import ScriptedChatModel
from chains.capabilities import ContinuationScore
from chains.errors import (
    BackendBusy,
    BackendError,
    BackendProtocolError,
    BackendRejected,
    BackendTimeout,
    BackendUnavailable,
    ConfigurationError,
    ContextExceeded,
    RecordingMissing,
)
from tests.conftest import ROOT
from tests.traffic.virtual_time import run

T = TypeVar("T")
SCHEMA = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}
FIVE = "one two three four five"


def scripted(*lines: dict[str, Any], **keys: Any) -> ScriptedChatModel:
    configuration = ScriptedConfig.model_validate({"kind": "scripted", "answers": lines, **keys})
    model = configuration.create("script")
    assert isinstance(model, ScriptedChatModel)
    return model


def ask(model: ScriptedChatModel, text: str = "Hello there", **options: Any) -> AIMessage:
    return run(model.ainvoke(text, **options))


async def streamed(model: ScriptedChatModel, text: str = "Hello there", **options: Any) -> list[AIMessageChunk]:
    chunks = []
    async with aclosing(model.astream(text, **options)) as stream:  # type: ignore[type-var]
        async for chunk in stream:
            assert isinstance(chunk, AIMessageChunk)
            chunks.append(chunk)
    *said, last = chunks  # LangChain puts an empty one at the end
    assert last.chunk_position == "last"
    assert not last.content
    return said


async def outcomes(calls: list[Awaitable[Any]]) -> list[str]:
    """What the calls end with: the answer's text, or the error's code."""
    found: list[Any] = await asyncio.gather(*calls, return_exceptions=True)
    return [one.code if isinstance(one, BackendError) else str(one.text) for one in found]


@pytest.mark.parametrize(
    ("line", "options", "text", "reason", "written"),
    [
        pytest.param({"answer": FIVE}, {}, FIVE, "stop", 5, id="plain"),
        pytest.param({"answer": ""}, {}, "", "stop", 0, id="nothing"),
        pytest.param({"answer": " a\n\n b\t"}, {}, " a\n\n b\t", "stop", 2, id="white space is kept"),
        pytest.param({"answer": {"b": [1, "ü"]}}, {}, '{"b": [1, "ü"]}', "stop", 3, id="an object is JSON"),
        pytest.param({"answer": "no {"}, {"response_format": SCHEMA}, "no {", "stop", 2, id="a text breaks a schema"),
        pytest.param({"answer": FIVE}, {"max_tokens": 2}, "one two", "length", 2, id="cap"),
        pytest.param({"answer": FIVE}, {"max_tokens": 5}, FIVE, "stop", 5, id="cap just met"),
        pytest.param({"answer": FIVE, "cut_off": True}, {}, FIVE, "length", 5, id="cut off"),
        pytest.param({"answer": FIVE}, {"stop": [" three", "two"]}, "one ", "stop", 1, id="stop: the earliest"),
        pytest.param(
            {"answer": FIVE}, {"stop": ["four"], "max_tokens": 2}, "one two", "length", 2, id="cap, then stop"
        ),
        pytest.param({"answer": FIVE, "cut_off": True}, {"stop": ["two"]}, "one ", "stop", 1, id="stop, then cut off"),
        pytest.param({"answer": FIVE}, {"stop": [""]}, FIVE, "stop", 5, id="an empty stop"),
        pytest.param(
            {"answer": "x"},
            {"temperature": 1, "top_p": 0.5, "seed": 3, "frequency_penalty": 1},
            "x",
            "stop",
            1,
            id="rest",
        ),
    ],
)
def test_an_answer(line: dict[str, Any], options: dict[str, Any], text: str, reason: str, written: int) -> None:
    model = scripted(line)
    answer = ask(model, **options)
    chunks = run(streamed(model, **options))
    assert answer.text == "".join(chunk.text for chunk in chunks) == text
    assert answer.response_metadata == {"model_name": "script", "finish_reason": reason}
    assert answer.usage_metadata == {"input_tokens": 2, "output_tokens": written, "total_tokens": 2 + written}
    assert [chunk.response_metadata.get("finish_reason") for chunk in chunks] == [None] * written + [reason]
    assert chunks[-1].usage_metadata == answer.usage_metadata
    assert model.served_tokens == 2 * written


def test_the_last_user_message_decides() -> None:
    model = scripted({"when": "rain", "answer": "Wet."}, {"when": "sun", "answer": "Dry."})
    talk = [SystemMessage("rain"), HumanMessage("rain"), AIMessage("Wet."), HumanMessage("sun")]
    assert run(model.ainvoke(talk)).text == "Dry."
    with pytest.raises(BackendRejected, match="no answer of the script fits"):
        ask(model, "snow")


@pytest.mark.parametrize(
    ("line", "kind", "words", "retry_after_s"),
    [
        pytest.param({"fail": "unavailable"}, BackendUnavailable, "as its script says", None, id="unavailable"),
        pytest.param({"fail": "busy", "retry_after_s": 2.5}, BackendBusy, "as its script says", 2.5, id="busy"),
        pytest.param({"fail": "timeout"}, BackendTimeout, "as its script says", None, id="timeout"),
        pytest.param({"fail": "rejected"}, BackendRejected, "as its script says", None, id="rejected"),
        pytest.param({"fail": "protocol"}, BackendProtocolError, "as its script says", None, id="protocol"),
        pytest.param({"stall_after": 0}, BackendTimeout, "no first token within 0.05 s", None, id="stalls at once"),
        pytest.param({"delay_ms": 500}, BackendTimeout, "no first token within 0.05 s", None, id="late"),
        pytest.param({"end_early": 0}, BackendProtocolError, "ended before it was complete", None, id="ends at once"),
    ],
)
def test_a_failure_before_the_first_token(
    line: dict[str, Any], kind: type[BackendError], words: str, retry_after_s: float | None
) -> None:
    model = scripted({"answer": FIVE, **line}, first_token_timeout_s=0.05)
    with pytest.raises(kind, match=words) as caught:
        ask(model)
    assert (caught.value.backend, caught.value.retry_after_s) == ("script", retry_after_s)
    assert (model.active, model.served_tokens) == (0, 0)


def test_every_class_of_failures_can_be_rehearsed() -> None:
    """Only a replay lacks recordings, and an empty one rehearses that."""
    kinds = {type(ScriptedAnswer(fail=failure).failure("a")) for failure in Failure}
    assert kinds == set(BackendError.__subclasses__()) - {RecordingMissing}


@pytest.mark.parametrize(
    ("line", "kind", "words", "seen"),
    [
        pytest.param({"fail": "busy", "fail_after": 2}, BackendBusy, "script says", 2, id="fails"),
        pytest.param({"fail": "busy", "fail_after": 9}, BackendBusy, "script says", 5, id="fails at the end"),
        pytest.param({"stall_after": 3}, BackendTimeout, "no further token within 0.05 s", 3, id="stalls"),
        pytest.param({"stall_after": 9}, BackendTimeout, "no further token", 5, id="stalls at the end"),
        pytest.param({"end_early": 1}, BackendProtocolError, "before it was complete", 1, id="ends early"),
        pytest.param({"end_early": 9}, BackendProtocolError, "before it was complete", 5, id="no reason"),
        pytest.param({"token_ms": 500}, BackendTimeout, "no further token", 1, id="slow"),
        pytest.param({"token_ms": 40}, BackendTimeout, "no complete answer within 0.1 s", 3, id="slow in all"),
    ],
)
def test_a_failure_after_tokens(line: dict[str, Any], kind: type[BackendError], words: str, seen: int) -> None:
    model = scripted({"answer": FIVE, **line}, idle_timeout_s=0.05, timeout_s=0.1)
    got: list[str] = []

    async def work() -> None:
        async for chunk in model.astream("Hello"):
            got.append(str(chunk.text))  # noqa: PERF401 - what came before the error is wanted

    with pytest.raises(kind, match=words):
        run(work())
    assert len(got) == seen
    assert (model.active, model.served_tokens) == (0, seen)


def test_a_line_serves_as_often_as_it_says() -> None:
    model = scripted(
        {"when": "a", "times": 2, "fail": "unavailable"}, {"times": 1, "answer": "once"}, {"answer": "ever"}
    )

    async def work() -> list[str]:
        return [(await outcomes([model.ainvoke(text)]))[0] for text in "abaaab"]

    failed = "backend_unavailable"
    assert run(work()) == [failed, "once", failed, "ever", "ever", "ever"]


def test_chances_follow_from_the_seed() -> None:
    lines = {"when": "x", "chance": 0.3, "answer": "rare"}, {"chance": 0.5, "answer": "even"}, {"answer": "rest"}

    async def work(seed: int, texts: str) -> list[str]:
        model = scripted(*lines, seed=seed)
        return await outcomes([model.ainvoke(text) for text in texts])

    first = run(work(1, "x" * 1000))
    assert run(work(1, "x" * 1000)) == first
    assert run(work(2, "x" * 1000)) != first
    assert first.count("rare") == pytest.approx(300, abs=60)
    assert first.count("even") == pytest.approx(350, abs=60)
    # The n-th request that reaches a line gets its n-th draw, whoever comes between.
    mixed = run(work(1, "yx" * 1000))
    assert [answer == "rare" for answer in mixed[1::2]] == [answer == "rare" for answer in first]


@pytest.mark.parametrize(("chance", "answer"), [(0, "b"), (1, "a")])
def test_never_and_always_are_chances(chance: float, answer: str) -> None:
    model = scripted({"chance": chance, "answer": "a"}, {"answer": "b"})
    assert {ask(model).text for _ in range(50)} == {answer}


def test_only_so_many_are_worked_on_at_once() -> None:
    model = scripted({"answer": "x"}, slots=2, service_ms=50)
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, model.active)
            await asyncio.sleep(0.002)

    async def work() -> float:
        watching = asyncio.create_task(watch())
        start = asyncio.get_running_loop().time()
        calls = asyncio.gather(*(model.ainvoke("Hello") for _ in range(6)))
        await asyncio.sleep(0.02)
        assert (model.active, model.waiting) == (2, 4)
        await calls
        watching.cancel()
        return asyncio.get_running_loop().time() - start

    for _ in range(2):  # in an event loop of its own each
        assert run(work()) == pytest.approx(0.15)
    assert (most, model.active, model.waiting, model.cancelled) == (2, 0, 0, 0)


def test_a_failure_at_the_door_takes_no_slot() -> None:
    model = scripted({"when": "stuck", "stall_after": 0}, {"when": "door", "fail": "busy"}, {"answer": "x"}, slots=1)

    async def work() -> None:
        stuck = asyncio.create_task(model.ainvoke("stuck"))
        await asyncio.sleep(0.01)
        assert await outcomes([model.ainvoke("door")]) == ["backend_busy"]
        behind = asyncio.create_task(model.ainvoke("behind"))
        await asyncio.sleep(0.01)
        assert (model.active, model.waiting) == (1, 1)
        stuck.cancel()
        assert (await behind).text == "x"

    run(work())


async def leaves_a_call(model: ScriptedChatModel) -> int:
    call = asyncio.create_task(model.ainvoke("Hello"))
    await asyncio.sleep(0.1)
    call.cancel()
    with suppress(asyncio.CancelledError):
        await call
    return 0


async def leaves_a_stream(model: ScriptedChatModel) -> int:
    seen = 0
    async with aclosing(model.astream("Hello")) as stream:  # type: ignore[type-var]
        async for _ in stream:
            seen += 1
            if seen == 5:
                break
    return seen


@pytest.mark.parametrize("leave", [leaves_a_call, leaves_a_stream])
def test_who_leaves_stops_the_work_at_once(leave: Callable[[ScriptedChatModel], Awaitable[int]]) -> None:
    model = scripted({"answer": "word " * 200, "token_ms": 5}, slots=1)

    async def work() -> tuple[int, int]:
        seen = await leave(model)
        await asyncio.sleep(0.01)
        assert (model.active, model.cancelled) == (0, 1)
        served = model.served_tokens
        await asyncio.sleep(0.05)
        assert model.served_tokens == served, "it went on for nobody"
        return seen, served

    seen, served = run(work())
    assert seen <= served <= 25
    assert served - seen == model.unread_tokens or leave is leaves_a_call


def test_the_work_goes_on_for_a_caller_who_only_stops_reading() -> None:
    model = scripted({"answer": "word " * 20, "token_ms": 2})

    async def work() -> None:
        async with aclosing(model.astream("Hello")) as stream:  # type: ignore[type-var]
            await anext(stream)
            await asyncio.sleep(0.3)
            assert model.served_tokens == 20
        await asyncio.sleep(0.01)
        assert model.unread_tokens == 19

    run(work())


@pytest.mark.parametrize(
    ("limit", "max_tokens", "needed"),
    [
        pytest.param(6, None, None, id="room"),
        pytest.param(10, 4, None, id="just room"),
        pytest.param(9, 4, 10, id="no room for the answer"),
        pytest.param(5, None, 6, id="no room for the prompt"),
        pytest.param(None, 10**9, None, id="no limit"),
    ],
)
def test_the_context_is_never_cut(limit: int | None, max_tokens: int | None, needed: int | None) -> None:
    model = scripted({"answer": "Well."}, context_tokens=limit)
    messages = [SystemMessage("one two"), HumanMessage("three four\nfive  six ")]

    async def work() -> None:
        assert await model.count_tokens(list(messages)) == 6
        assert await model.context_tokens() == limit
        await model.check_context(list(messages), max_tokens)
        await model.ainvoke(messages, max_tokens=max_tokens)

    if needed is None:
        return run(work())
    for call in (work, lambda: model.ainvoke(messages, max_tokens=max_tokens)):
        with pytest.raises(ContextExceeded) as caught:
            run(call())
        assert (caught.value.needed, caught.value.limit, caught.value.reserved) == (needed, limit, max_tokens or 0)
    return None


def test_logprobs_follow_from_the_letters() -> None:
    model = scripted({"answer": FIVE})
    found = ask(model, logprobs=True, top_logprobs=3).response_metadata["logprobs"]
    assert "".join(token["token"] for token in found) == FIVE
    for token in found:
        top = token["top_logprobs"]
        assert top[0] == {"token": token["token"], "logprob": token["logprob"]}
        assert [one["logprob"] for one in top] == sorted((one["logprob"] for one in top), reverse=True)
        assert len(top) == 3
        assert 0.3 < sum(math.exp(one["logprob"]) for one in top) <= 1
    assert found == ask(scripted({"answer": FIVE}), logprobs=True, top_logprobs=3).response_metadata["logprobs"]
    assert {len(one["top_logprobs"]) for one in ask(model, logprobs=True).response_metadata["logprobs"]} == {0}
    chunks = run(streamed(model, logprobs=True))
    assert [chunk.response_metadata["logprobs"][0]["token"] for chunk in chunks[:-1]] == [c.text for c in chunks[:-1]]


def test_continuations_are_scored() -> None:
    model = scripted({"when": "colour", "scores": {"red": -0.5, "dark red": -2}}, {"answer": "x"})
    question: list[Any] = [HumanMessage("Which colour?")]
    found = run(model.score_continuations(question, ["dark red", "red", "blue", "light blue"])).scores
    assert found[:2] == [ContinuationScore(-2, 2), ContinuationScore(-0.5, 1)]
    assert [score.tokens for score in found] == [2, 1, 1, 2]
    assert found[3].logprob < found[2].logprob < 0
    assert run(model.score_continuations([HumanMessage("x")], ["blue"])).scores == found[2:3]
    with pytest.raises(ValueError, match="empty"):
        run(model.score_continuations(question, ["red", ""]))


@pytest.mark.parametrize(
    ("line", "keys", "kind"),
    [
        pytest.param({"fail": "busy"}, {}, BackendBusy, id="at the door"),
        pytest.param({"fail": "busy", "fail_after": 3}, {}, BackendBusy, id="later"),
        pytest.param({"stall_after": 0}, {"first_token_timeout_s": 0.05}, BackendTimeout, id="stalls"),
        pytest.param({"end_early": 2}, {}, BackendProtocolError, id="ends early"),
        pytest.param({"answer": "x"}, {"context_tokens": 1}, ContextExceeded, id="too long"),
    ],
)
def test_scoring_fails_as_an_answer_does(line: dict[str, Any], keys: dict[str, Any], kind: type[Exception]) -> None:
    model = scripted(line, **keys)
    with pytest.raises(kind):
        run(model.score_continuations([HumanMessage("Which colour?")], ["red"]))
    assert model.active == 0


def test_what_it_can_do() -> None:
    model = scripted({"answer": "x"}, slots=3, context_tokens=9)
    for protocol in (Probes, Warms, Inspects, CountsTokens, ChecksContext, ScoresContinuations, TellsSlots):
        assert isinstance(model, protocol)

    async def work() -> tuple[ServerState, int | None]:
        await model.probe()
        await model.warm()
        return await model.inspect(), await model.server_slots()

    assert run(work()) == (ServerState("scripted", "script", 9, loaded=True), 3)
    with pytest.raises(NotImplementedError):
        model.invoke("x")
    with pytest.raises(ValueError, match="type 'tool'"):
        run(model.ainvoke([ToolMessage("x", tool_call_id="1")]))
    with pytest.raises(TypeError, match="takes no top_k"):
        ask(model, top_k=3)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param({"fail_after": 2}, "need fail", id="fail_after without fail"),
        pytest.param({"retry_after_s": 2}, "need fail", id="retry_after_s without fail"),
        pytest.param({"stall_after": 1, "end_early": 2}, "give one of", id="two faults"),
        pytest.param({"stall_after": 1, "fail": "busy"}, "give one of", id="a fault and a failure"),
        pytest.param({"fail": "nonsense"}, "'unavailable', 'busy'", id="an unknown failure"),
        pytest.param({"chance": 1.5}, "less than or equal to 1", id="chance"),
        pytest.param({"times": 0}, "greater than or equal to 1", id="times"),
        pytest.param({"scores": {"a": 0.5}}, "less than or equal to 0", id="a likelihood above one"),
        pytest.param({"fial": "busy"}, "fial", id="a misspelt key"),
    ],
)
def test_a_wrong_line_is_refused(tmp_path: Path, line: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        scripted(line)
    path = tmp_path / "script.yaml"
    path.write_text(f"- {line}\n")
    with pytest.raises(ConfigurationError, match="answer 0"):
        ScriptedConfig(path=path).create("script")


def test_its_defaults() -> None:
    configuration = configuration_class("scripted").model_validate({"answers": [{}]})
    assert (configuration.kind, configuration.concurrency) == ("scripted", 16)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param({}, {"token_ms": 0, "times": None}, True, id="defaults"),
        pytest.param({"token_ms": 1}, {"token_ms": 1.0}, True, id="a whole number"),
        pytest.param({}, {"times": 2}, False, id="times"),
        pytest.param({}, {"seed": 2}, True, id="a seed for nothing"),
        pytest.param({"chance": 0.5}, {"chance": 0.5, "seed": 2}, False, id="a seed"),
    ],
)
def test_what_its_identity_goes_by(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    found = []
    for line in (dict(one), dict(other)):
        seed = line.pop("seed", 0)
        found.append(ScriptedConfig.model_validate({"answers": [line], "seed": seed}).identity())
    assert (found[0] == found[1]) is same


def test_reading_a_configuration_costs_no_langchain() -> None:
    code = "import chains.backends.scripted, sys; sys.exit('langchain_core' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
