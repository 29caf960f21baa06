"""Recording and replaying: what a recorded run gave is what its replay gives, and what failed is never recorded."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from chains.backends.configuration import ContinuationScores
from chains.backends.replay.chat_model import ScoringReplayChatModel
from chains.backends.replay.configuration import ReplayConfig
from chains.backends.replay.modes import RecordingConfig, RecordingMode, in_mode
from chains.backends.replay.recording import ScoringRecordingChatModel
from chains.errors import (
    BackendError,
    BackendRejected,
    BackendUnavailable,
    ConfigurationError,
    ContextExceeded,
    RecordingMissing,
)
from chains.ledger import open_ledger
from chains.recordings import noting_recordings
from chains.result import CacheState, Usage
from chains.terms import Terms, on_terms
from chains.traffic.admission import Admission
from chains.traffic.breaker import Breaker
from chains.traffic.cache import AnswerCache
from chains.traffic.lane import Lane
from tests.backends.cassettes import GREEDY, lines_of, recording, replaying, script, scripted_inside, with_model

HELLO: list[BaseMessage] = [HumanMessage("Hello there")]
Work = Callable[["Both"], Coroutine[Any, Any, Any]]
Both = ScoringRecordingChatModel | ScoringReplayChatModel
# Each serves once, so that a second question has another answer.
DICE = script(*({"answer": f"Number {n}.", "times": 1} for n in range(40)))


def told(message: AIMessage) -> tuple[Any, ...]:
    metadata = {name: value for name, value in message.response_metadata.items() if not name.startswith("record")}
    return str(message.text), message.usage_metadata, metadata


async def plain(model: Both) -> Any:
    return told(await model.ainvoke("Hello there", **GREEDY))


async def capped(model: Both) -> Any:
    return told(await model.ainvoke("Hello there", temperature=0, max_tokens=2))


async def stopped(model: Both) -> Any:
    return told(await model.ainvoke("Hello there", stop=["two"], **GREEDY))


async def with_logprobs(model: Both) -> Any:
    return told(await model.ainvoke("Hello there", logprobs=True, top_logprobs=3, **GREEDY))


async def streamed(model: Both) -> Any:
    chunks = [chunk async for chunk in model.chunks(HELLO, **GREEDY)]
    return "".join(str(chunk.text) for chunk in chunks), chunks[-1].usage_metadata


async def counted(model: Both) -> Any:
    return await model.count_tokens(HELLO)


async def scored(model: Both) -> Any:
    return await model.score_continuations(HELLO, ["yes", "no", "yes"])


async def context(model: Both) -> Any:
    await counted(model)
    return await model.context_tokens()


async def too_long(model: Both) -> Any:
    with pytest.raises(ContextExceeded) as caught:
        await model.ainvoke("word " * 100, **GREEDY)
    return str(caught.value), caught.value.needed, caught.value.limit, caught.value.reserved


async def too_long_to_score(model: Both) -> Any:
    with pytest.raises(ContextExceeded) as caught:
        await model.score_continuations([HumanMessage("word " * 100)], ["yes"])
    return str(caught.value)


async def known_to_be_too_long(model: Both) -> Any:
    with pytest.raises(ContextExceeded) as caught:
        await model.check_context([HumanMessage("word " * 90)], 7)
    return str(caught.value)


WORK = (plain, capped, stopped, with_logprobs, streamed, counted, scored, context, too_long, too_long_to_score)


@pytest.mark.parametrize("work", [*WORK, known_to_be_too_long], ids=lambda work: work.__name__)
def test_a_replay_gives_what_the_recorded_run_gave(tmp_path: Path, work: Work) -> None:
    config = script({"answer": " One two\n three. 😀 ", "scores": {"yes": -0.123456789}}, context_tokens=64)
    path = tmp_path / "a.jsonl"
    live = with_model(recording(path, config), work)
    assert asyncio.run(work(replaying(path))) == live
    assert asyncio.run(work(replaying(path))) == live
    assert with_model(recording(path, config), work) == live
    assert with_model(recording(path, config, RecordingMode.RECORD), work) == live


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
def test_what_is_recorded_isnt_asked_again(tmp_path: Path, work: Work) -> None:
    config = script({"answer": "One two three.", "scores": {"yes": -0.5}}, context_tokens=64)
    path = tmp_path / "a.jsonl"
    with_model(recording(path, config), work)
    before = lines_of(path)
    # The same model by its identity, which can't answer any more.
    model = recording(path, config)
    model.inner = recording(tmp_path / "b.jsonl", script({"fail": "unavailable"}, context_tokens=64)).inner
    with_model(model, work)
    assert lines_of(path) == before


def test_modes(tmp_path: Path) -> None:
    """What each mode asks the model, and what it writes."""
    path = tmp_path / "a.jsonl"

    async def ask(model: ScoringRecordingChatModel) -> list[str]:
        return [str((await model.ainvoke(text, **GREEDY)).text) for text in ("a", "b", "a")]

    assert with_model(recording(path, DICE), ask) == ["Number 0.", "Number 1.", "Number 0."]
    assert with_model(recording(path, DICE), ask) == ["Number 0.", "Number 1.", "Number 0."]
    again = recording(path, DICE, RecordingMode.RECORD)
    scripted_inside(again)._script.line("")  # the model has moved on
    assert with_model(again, ask) == ["Number 1.", "Number 2.", "Number 1."]
    assert asyncio.run(replaying(path).ainvoke("b", **GREEDY)).text == "Number 2."
    assert len(lines_of(path)) == 3
    assert in_mode(DICE, RecordingMode.LIVE, path) is DICE


def test_equal_requests_at_once_are_asked_once(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"

    async def ask(model: ScoringRecordingChatModel) -> tuple[set[str], set[int | None], int]:
        answers = await asyncio.gather(*(model.ainvoke("Hello", **GREEDY) for _ in range(8)))
        counts = await asyncio.gather(*(model.count_tokens(HELLO) for _ in range(8)))
        return {str(answer.text) for answer in answers}, set(counts), scripted_inside(model).reported.model_calls

    assert with_model(recording(path, DICE), ask) == ({"Number 0."}, {2}, 1)
    assert len(lines_of(path)) == 3


def test_many_requests_at_once_are_all_recorded(tmp_path: Path) -> None:
    config = script({"answer": "word " * 20, "token_ms": 1})

    async def ask(model: ScoringRecordingChatModel) -> None:
        await asyncio.gather(*(model.ainvoke(f"Hello {n}", **GREEDY) for n in range(50)))

    with_model(recording(tmp_path / "a.jsonl", config), ask)
    replayed = replaying(tmp_path / "a.jsonl")
    for n in range(50):
        assert asyncio.run(replayed.ainvoke(f"Hello {n}", **GREEDY)).text == "word " * 20


FAULTS = [
    pytest.param({"fail": "unavailable"}, id="unavailable"),
    pytest.param({"fail": "rejected"}, id="rejected"),
    pytest.param({"answer": "a b c d", "fail": "protocol", "fail_after": 2}, id="broken off"),
    pytest.param({"answer": "a b c d", "end_early": 2}, id="cut off"),
    pytest.param({"answer": "a b c d", "stall_after": 2}, id="stalled"),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failed_call_is_not_recorded(tmp_path: Path, fault: dict[str, Any]) -> None:
    path = tmp_path / "a.jsonl"
    config = script({**fault, "times": 2}, {"answer": "Well."}, idle_timeout_s=0.1, first_token_timeout_s=0.1)

    async def ask(model: ScoringRecordingChatModel) -> str:
        for ask in (model.ainvoke("Hello", **GREEDY), model.score_continuations([HumanMessage("Hello")], ["a"])):
            with pytest.raises(BackendError):
                await ask
        assert not path.read_bytes()
        return str((await model.ainvoke("Hello", **GREEDY)).text)

    assert with_model(recording(path, config), ask) == "Well."
    assert len(lines_of(path)) == 2


def test_an_answer_that_is_left_is_not_recorded_and_the_next_one_asks(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    config = script({"answer": "word " * 300, "token_ms": 5, "times": 1}, {"answer": "Well."})

    async def ask(model: ScoringRecordingChatModel) -> str:
        left = asyncio.ensure_future(model.ainvoke("Hello", **{**GREEDY, "max_tokens": 400}))
        await asyncio.sleep(0.05)
        waiting = asyncio.ensure_future(model.ainvoke("Hello", **{**GREEDY, "max_tokens": 400}))
        await asyncio.sleep(0.01)
        left.cancel()
        with suppress(asyncio.CancelledError):
            await left
        return str((await waiting).text)

    assert with_model(recording(path, config), ask) == "Well."
    assert len(lines_of(path)) == 2


def test_scores_are_found_however_they_are_asked_together(tmp_path: Path) -> None:
    config = script({"scores": {"a": -0.1, "b": -0.2, "c": -0.3}})
    path = tmp_path / "a.jsonl"
    spent: list[Usage] = []

    async def ask(model: Both, *continuations: str) -> ContinuationScores:
        return await model.score_continuations(HELLO, continuations, spent.append)

    async def work(model: ScoringRecordingChatModel) -> None:
        assert [score.logprob for score in (await ask(model, "a", "b")).scores] == [-0.1, -0.2]
        assert [score.logprob for score in (await ask(model, "c", "b")).scores] == [-0.3, -0.2]
        assert (await ask(model)).scores == []
        assert scripted_inside(model).reported.model_calls == 2

    with_model(recording(path, config), work)
    assert len(lines_of(path)) == 2
    live = sum(spent, Usage())
    replayed = replaying(path)
    for order in (("a", "b", "c"), ("c", "a", "b")):
        found = asyncio.run(ask(replayed, *order))
        assert {text: one.logprob for text, one in zip(order, found.scores, strict=True)} == {
            "a": -0.1,
            "b": -0.2,
            "c": -0.3,
        }
        assert found.usage == live  # each question's cost is told once
    with pytest.raises(RecordingMissing):
        asyncio.run(ask(replayed, "a", "d"))
    for model in (replayed, recording(path, config)):
        with pytest.raises(ValueError, match="empty"):
            asyncio.run(ask(model, "a", ""))


def test_repeats_have_answers_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"

    async def ask(model: Both) -> list[str]:
        answers = []
        for repeat in (0, 1, 2, 1):
            with on_terms(Terms(repeat=repeat)):
                answers.append(str((await model.ainvoke("Hello", **GREEDY)).text))
        return answers

    live = with_model(recording(path, DICE), ask)
    assert live == ["Number 0.", "Number 1.", "Number 2.", "Number 1."]
    assert asyncio.run(ask(replaying(path))) == live


def test_where_chance_decides_equal_questions_of_one_request_have_answers_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    config = script({"fail": "unavailable", "times": 1}, *({"answer": f"Vote {n}.", "times": 1} for n in range(9)))

    async def votes(model: Both) -> list[str]:
        with noting_recordings():
            with suppress(BackendUnavailable):
                await model.ainvoke("Hello", temperature=1, max_tokens=9)
            answers = await asyncio.gather(*(model.ainvoke("Hello", temperature=1, max_tokens=9) for _ in range(3)))
        return sorted(str(answer.text) for answer in answers)

    async def four(model: Both) -> list[str]:
        with noting_recordings():
            asked = [model.ainvoke("Hello", temperature=1, max_tokens=9) for _ in range(3)]
            return sorted(str(answer.text) for answer in await asyncio.gather(*asked))

    live = with_model(recording(path, config), votes)
    assert live == ["Vote 0.", "Vote 1.", "Vote 2."]  # the failed one took no turn
    assert asyncio.run(four(replaying(path))) == live
    assert with_model(recording(path, config), four) == live


def test_what_a_request_used_and_lacked_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"

    async def ask(model: Both, *texts: str) -> Any:
        with noting_recordings("case 7 of summarize@1.1.0") as noted:
            for text in texts:
                with suppress(RecordingMissing):
                    await model.ainvoke(text, **GREEDY)
            await model.count_tokens(HELLO)
        return noted

    live = with_model(recording(path, script()), lambda model: ask(model, "a", "b", "a"))
    assert len(live.used) == 3
    assert live.recorded_ms > 0
    replayed = asyncio.run(ask(replaying(path), "b", "a", "c", "c"))
    assert replayed.used == live.used
    assert replayed.recorded_ms == live.recorded_ms
    assert len(replayed.missing) == 1


def test_a_miss_says_what_is_missing_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with_model(recording(path, script()), plain)
    model = replaying(path)

    async def ask(work: Callable[[], Coroutine[Any, Any, Any]]) -> RecordingMissing:
        with on_terms(Terms(task="summarize", repeat=2)), noting_recordings("case 7 of summarize@1.1.0") as noted:
            with pytest.raises(RecordingMissing) as caught:
                await work()
            assert noted.missing == (caught.value.key,)
        return caught.value

    found = asyncio.run(ask(lambda: model.ainvoke("a secret text", **GREEDY)))
    assert str(found) == (
        "Backend 'recorded': there is no recorded answer of script (scripted) for case 7 of summarize@1.1.0, repeat 2; "
        "record it with --mode record-missing"
    )
    assert (found.code, found.retryable) == ("recording_missing", False)
    assert "count of tokens" in str(asyncio.run(ask(lambda: model.count_tokens([HumanMessage("secret")]))))
    assert "likelihood" in str(asyncio.run(ask(lambda: model.score_continuations([HumanMessage("secret")], ["a"]))))
    asyncio.run(model.check_context([HumanMessage("secret " * 9999)], 50))  # nobody knows: the answer will tell


def test_a_count_tells_what_does_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with_model(recording(path, script({"answer": "Well."}, context_tokens=64)), counted)
    model = replaying(path)
    asyncio.run(model.check_context(HELLO, 62))
    with pytest.raises(ContextExceeded) as caught:
        asyncio.run(model.check_context(HELLO, 63))
    assert (caught.value.needed, caught.value.limit) == (65, 64)


def test_a_model_that_refuses_logprobs_is_replayed_as_one(tmp_path: Path) -> None:
    """Refusals in words aren't recorded; a chain asks without then, and a replay must take the same way."""
    path = tmp_path / "a.jsonl"

    async def ask(model: Both) -> list[str]:
        answers = []
        for text in ("a", "b"):
            try:
                answers.append(str((await model.ainvoke(text, logprobs=True, **GREEDY)).text))
            except BackendRejected:
                answers.append("refused: " + str((await model.ainvoke(text, **GREEDY)).text))
        return answers

    config = script({"when": "a", "fail": "rejected", "times": 1}, {"answer": "Well."})
    live = with_model(recording(path, config), ask)
    assert live == ["refused: Well.", "Well."]
    assert asyncio.run(ask(replaying(path))) == live


def lane(model: Any) -> Lane:
    cache = AnswerCache(1 << 20, 60)
    return Lane("m", model, Admission("m", 16, 64, 60), Breaker("m", threshold=2), cache=cache)


def test_whoever_shares_an_answer_has_used_its_recording_too(tmp_path: Path) -> None:
    async def ask(way: Lane, terms: Terms) -> tuple[Sequence[str], CacheState]:
        with on_terms(terms), open_ledger() as ledger, noting_recordings() as noted:
            await way.ainvoke("Hello", **GREEDY)
            ledger.accept()
        return noted.used, ledger.cache

    async def work(model: ScoringRecordingChatModel) -> None:
        way = lane(model)
        same = [Terms(caller="a"), Terms(caller="a"), Terms(caller="a", repeat=1)]
        (first, how), (second, shared), (other, alone) = await asyncio.gather(*(ask(way, terms) for terms in same))
        assert (how, shared, alone) == (CacheState.MISS, CacheState.SHARED, CacheState.MISS)
        assert len(first) == 1
        assert first == second != other
        kept = Terms(caller="a", cache=True)
        assert [await ask(way, kept) for _ in range(2)] == [(first, CacheState.MISS), (first, CacheState.HIT)]
        assert await ask(way, replace(kept, repeat=1)) == (other, CacheState.MISS)
        await way.aclose()

    config = script({"answer": "word " * 5, "token_ms": 5})
    with_model(recording(tmp_path / "a.jsonl", config), work)


def test_misses_dont_open_the_breaker(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with_model(recording(path, script()), plain)

    async def work() -> None:
        way = lane(replaying(path))
        for number in range(5):
            with pytest.raises(RecordingMissing):
                await way.ainvoke(f"Question {number}", **GREEDY)
        assert (await way.ainvoke("Hello there", **GREEDY)).text == "Well."

    asyncio.run(work())


def test_evidence_from_recordings_is_about_the_recorded_model(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with_model(recording(path, DICE), plain)
    assert ReplayConfig(path=path).identity() == DICE.identity()
    assert ReplayConfig(path=path).answers_depend_on() == DICE.answers_depend_on()
    wrapped = in_mode(DICE, RecordingMode.RECORD, path)
    assert isinstance(wrapped, RecordingConfig)
    assert wrapped.identity() == DICE.identity()
    with wrapped.started("m") as started:
        assert started == wrapped


def test_a_backend_is_replayed_only_from_its_own_recordings(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with pytest.raises(ConfigurationError, match="there are no recordings"):
        in_mode(DICE, RecordingMode.REPLAY, path)
    with_model(recording(path, DICE), plain)
    assert in_mode(DICE, RecordingMode.REPLAY, path) == ReplayConfig(path=path)
    replayed = in_mode(ReplayConfig(path=path), RecordingMode.REPLAY, tmp_path)
    assert replayed == ReplayConfig(path=path)
    for other in (script({"answer": "Else."}), DICE.model_copy(update={"context_tokens": 7})):
        with pytest.raises(ConfigurationError, match="and this one has"):
            in_mode(other, RecordingMode.REPLAY, path)
        with pytest.raises(ConfigurationError, match="record into another file"):
            recording(path, other)
    with pytest.raises(ConfigurationError, match="can't be recorded"):
        in_mode(ReplayConfig(path=path), RecordingMode.RECORD, path)
