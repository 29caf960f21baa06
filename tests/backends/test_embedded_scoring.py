"""The likelihood of given continuations: exact on the real model, and by the trie as it should be."""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from chains.backends.configuration import ScoresContinuations
from chains.backends.embedded.chat_model import EmbeddedChatModel
from chains.backends.embedded.scoring import MANY, WHOLE_VOCABULARY, scores
from chains.capabilities import ContinuationScore
from chains.errors import BackendProtocolError, ContextExceeded
from tests.backends.test_embedded_wire import LAST, ask_fake, completion, event

T = TypeVar("T")
QUESTION: list[BaseMessage] = [SystemMessage("Answer with one word."), HumanMessage("Which colour has the sky?")]
PROMPT = (
    "<|im_start|>system\nAnswer with one word.<|im_end|>\n<|im_start|>user\nWhich colour has the sky?<|im_end|>\n"
    "<|im_start|>assistant\n"
)
LABELS = ["Blue", "Blue sky", "Zxqv", "你", "<|im_end|>"]


def using(model: EmbeddedChatModel, work: Callable[[EmbeddedChatModel], Awaitable[T]]) -> T:
    async def whole() -> T:
        try:
            return await work(model)
        finally:
            await model.aclose()

    return asyncio.run(whole())


async def by_hand(http: aiohttp.ClientSession, continuation: str) -> float:
    """Another way to the same number: no trie, no cache, no stream, and the whole vocabulary each time."""

    async def post(path: str, **body: Any) -> Any:
        async with http.post(f"http://model/{path}", json=body) as response:
            return await response.json(loads=json.loads)

    prompt = (await post("tokenize", content=PROMPT, parse_special=True))["tokens"]
    # Where the likeliest token is half a character, llama.cpp reports nothing: another one is made to win.
    (other,) = (await post("tokenize", content=" the", parse_special=False))["tokens"]
    sampling = {"n_predict": 1, "logit_bias": [[other, 500]], "n_probs": 60_000, "cache_prompt": False}
    total = 0.0
    for token in (await post("tokenize", content=continuation, parse_special=False))["tokens"]:
        answer = await post("completion", prompt=prompt, **sampling)
        (step,) = answer["completion_probabilities"]
        reported = {other["id"]: other["logprob"] for other in step["top_logprobs"]}
        assert sum(map(math.exp, reported.values())) == pytest.approx(1, abs=1e-3), "the whole vocabulary, unsampled"
        total += reported[token]
        prompt = [*prompt, token]
    return total


@pytest.mark.e2e
def test_the_scores_are_those_computed_by_hand(embedded_model: EmbeddedChatModel) -> None:
    async def work(model: EmbeddedChatModel) -> tuple[list[ContinuationScore], list[float]]:
        found = (await model.score_continuations(QUESTION, LABELS)).scores
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=str(model.socket))) as http:
            return found, [await by_hand(http, label) for label in LABELS]

    found, expected = using(embedded_model, work)
    assert [score.logprob for score in found] == pytest.approx(expected, abs=0.02)
    assert found[0].logprob == max(score.logprob for score in found)
    assert found[1].logprob < found[0].logprob
    assert found[1].tokens == found[0].tokens + 1
    assert found[-1].tokens > 1, "a control string is text"


@pytest.mark.e2e
def test_the_score_of_an_answer_is_the_sum_of_its_own_logprobs(embedded_model: EmbeddedChatModel) -> None:
    async def work(model: EmbeddedChatModel) -> tuple[float, ContinuationScore, int]:
        answer = await model.ainvoke(QUESTION, temperature=0, max_tokens=8, logprobs=True)
        (score,) = (await model.score_continuations(QUESTION, [str(answer.text)])).scores
        logprobs = answer.response_metadata["logprobs"]
        return math.fsum(token["logprob"] for token in logprobs), score, len(logprobs)

    total, score, count = using(embedded_model, work)
    assert score.tokens == count
    assert score.logprob == pytest.approx(total, abs=0.02)


@pytest.mark.e2e
def test_the_prompt_is_read_once(embedded_model: EmbeddedChatModel) -> None:
    async def metric(model: EmbeddedChatModel, name: str) -> float:
        connector = aiohttp.UnixConnector(path=str(model.socket))
        async with aiohttp.ClientSession(connector=connector) as http, http.get("http://model/metrics") as response:
            lines = (await response.text()).splitlines()
        return float(next(line for line in lines if line.startswith(f"llamacpp:{name} ")).split()[1])

    async def work(model: EmbeddedChatModel) -> tuple[float, int]:
        messages: list[BaseMessage] = [HumanMessage("A committee met. " * 60)]
        before = await metric(model, "prompt_tokens_total")
        await model.score_continuations(messages, LABELS)
        return await metric(model, "prompt_tokens_total") - before, await model.count_tokens(messages)

    read, prompt = using(embedded_model, work)
    assert read < prompt + 80


@pytest.mark.e2e
def test_what_cannot_be_scored(embedded_model: EmbeddedChatModel) -> None:
    with pytest.raises(ValueError, match="empty"):
        using(embedded_model, lambda model: model.score_continuations(QUESTION, ["a", ""]))
    small = embedded_model.model_copy(update={"context_size": 40})
    with pytest.raises(ContextExceeded) as caught:
        using(small, lambda model: model.score_continuations(QUESTION, ["a", "word " * 30]))
    assert (caught.value.limit, caught.value.reserved) == (40, 31)
    assert using(embedded_model, lambda model: model.score_continuations(QUESTION, [])).scores == []
    assert isinstance(embedded_model, ScoresContinuations)


def test_each_beginning_is_asked_for_once_and_the_whole_vocabulary_only_where_it_must() -> None:
    asked = []

    async def next_logprobs(beginning: tuple[int, ...], count: int) -> Mapping[int, float]:
        asked.append((beginning, count))
        if beginning == (1,) and count == MANY:
            return {3: -0.5}
        return {1: -1.0, 2: -2.0, 3: -3.0, 4: -4.0}

    found = asyncio.run(scores([(2,), (1, 3), (1, 4, 2), (2,), (1,)], next_logprobs))
    assert asked == [((), MANY), ((1,), MANY), ((1,), WHOLE_VOCABULARY), ((1, 4), MANY)]
    assert [score.logprob for score in found] == [-2, -4, -7, -2, -1]
    assert [score.tokens for score in found] == [1, 2, 3, 1, 1]


def test_a_token_that_is_reported_nowhere_is_an_error(tmp_path: Path) -> None:
    reported = [{"id": 7, "token": "x", "logprob": -1.0}]
    answer = completion(
        200,
        event(content="a", completion_probabilities=[{"token": "a", "logprob": -1.0, "top_logprobs": reported}]),
        event(**{**LAST, "stop_type": "limit"}),
    )
    with pytest.raises(BackendProtocolError, match="incomplete"):
        ask_fake(
            tmp_path / "s",
            {"/completion": answer},
            lambda model: model.score_continuations([HumanMessage("a")], ["b"]),
        )


def asked_for(
    continuations: list[tuple[int, ...]], likely: Mapping[int, float], untold: set[int]
) -> tuple[list[float], list[tuple[tuple[int, ...], int]]]:
    """The scores, and the questions: each token by its own has its number as its count, made negative."""
    asked: list[tuple[tuple[int, ...], int]] = []

    async def next_logprobs(beginning: tuple[int, ...], count: int) -> Mapping[int, float]:
        asked.append((beginning, count))
        return likely if count == MANY else {token: -float(token) for token in range(100)}

    async def logprob_of(beginning: tuple[int, ...], token: int) -> float | None:
        asked.append((beginning, -token))
        return None if token in untold else -float(token)

    found = asyncio.run(scores(continuations, next_logprobs, logprob_of))
    return [score.logprob for score in found], asked


def test_few_tokens_are_asked_for_by_their_own() -> None:
    found, asked = asked_for([(5, 6), (5, 7), (8,)], {}, set())
    assert found == [-11, -12, -8]
    assert asked == [((), -5), ((), -8), ((5,), -6), ((5,), -7)]


def test_of_many_tokens_only_the_unlikely_ones_are_asked_for_by_their_own() -> None:
    found, asked = asked_for([(5,), (6,), (7,), (8,)], {5: -5.0, 7: -7.0}, set())
    assert found == [-5, -6, -7, -8]
    assert asked == [((), MANY), ((), -6), ((), -8)]
    _, asked = asked_for([(token,) for token in range(60)], {}, set())
    assert asked == [((), MANY), ((), WHOLE_VOCABULARY)], "so many would take longer than the whole vocabulary"


def test_a_token_within_a_character_is_found_among_the_others() -> None:
    assert asked_for([(5,)], {5: -5.0}, {5}) == ([-5], [((), -5), ((), MANY)])
    assert asked_for([(5,)], {}, {5}) == ([-5], [((), -5), ((), MANY), ((), WHOLE_VOCABULARY)])
