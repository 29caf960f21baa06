"""Long texts in chunks: nothing gets lost, the sizes hold, the boundaries are natural, and it takes little time."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.prompt_values import ChatPromptValue
from langchain_core.runnables import RunnableLambda

from chains.capabilities import Capabilities
from chains.chunking import MOST_CHUNKS, Chunk, chunks_that_fit, divide, fits
from chains.errors import ContextExceeded, InvalidInput
from chains.task import Parts
from chains.tasks.rewrite.portions import portions
from tests.traffic.lanes import lane_over

ALPHABET = st.sampled_from(
    [*"ab1 .,!\n\r\t\"'", "。", "，", "今", "天", "ש", "م", "é", "e\u0301", "😀", "👨‍👩‍👧", "\u0301", "؟"]
)
ANY_TEXT = st.one_of(st.text(max_size=300), st.lists(ALPHABET, max_size=300).map("".join))


def texts(chunks: Sequence[Chunk]) -> list[str]:
    return [chunk.text for chunk in chunks]


@given(ANY_TEXT, st.integers(1, 60))
def test_the_chunks_joined_are_the_text_and_none_is_too_large(text: str, most: int) -> None:
    chunks = divide(text, most)
    assert "".join(texts(chunks)) == text
    assert [chunk.start for chunk in chunks] == [0, *(chunk.end for chunk in chunks)][: len(chunks)]
    assert [text[chunk.start : chunk.end] for chunk in chunks] == texts(chunks)
    assert [chunk for chunk in chunks if len(chunk.text.encode()) > most and len(chunk.text) > 1] == []
    assert all(texts(chunks))


@given(ANY_TEXT, st.integers(8, 60), st.integers(1, 20))
def test_an_overlap_repeats_the_end_of_the_chunk_before(text: str, most: int, overlap: int) -> None:
    plain, chunks = divide(text, most), divide(text, most, overlap)
    assert [chunk.end for chunk in chunks] == [chunk.end for chunk in plain]
    for bare, chunk in zip(plain, chunks, strict=True):
        assert chunk.text == text[chunk.start : chunk.end]
        assert max(0, bare.start - overlap) <= chunk.start <= bare.start


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        pytest.param(
            "One two.\nThree.\n\nFour five.\nSix.\n",
            22,
            ["One two.\nThree.\n\n", "Four five.\nSix.\n"],
            id="paragraphs",
        ),
        pytest.param(
            "Ann: Hello.\nBen: Good day.\n", 18, ["Ann: Hello.\n", "Ben: Good day.\n"], id="turns of speakers"
        ),
        pytest.param("One two. Three four! Five?", 13, ["One two. ", "Three four! ", "Five?"], id="sentences"),
        pytest.param("It is 3.5 m. Was 3.4 m.", 13, ["It is 3.5 m. ", "Was 3.4 m."], id="not within a number"),
        pytest.param("今天很好。我们去公园。", 24, ["今天很好。", "我们去公园。"], id="chinese sentences"),
        pytest.param("今天很好，我们去公园", 20, ["今天很好，", "我们去公园"], id="chinese commas"),
        pytest.param("هل جئت؟ نعم جئت.", 18, ["هل جئت؟ ", "نعم جئت."], id="arabic"),
        pytest.param("one two three four", 10, ["one two ", "three four"], id="words"),
        pytest.param("abcdefgh", 3, ["abc", "def", "gh"], id="no white space at all"),
        pytest.param("a👨‍👩‍👧b👨‍👩‍👧", 19, ["a👨‍👩‍👧", "b👨‍👩‍👧"], id="joined emoji stay whole"),
        pytest.param("ae\u0301e\u0301", 4, ["ae\u0301", "e\u0301"], id="combining marks stay where they belong"),
        pytest.param("", 5, [], id="nothing"),
        pytest.param("a\r\n\r\nb\r\n", 5, ["a\r\n\r\n", "b\r\n"], id="crlf"),
    ],
)
def test_boundaries_are_natural(text: str, most: int, expected: list[str]) -> None:
    assert texts(divide(text, most)) == expected


MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    "unit",
    ["word. ", "a", ".", '."', "\n", " ", "\n ", "a ", "今", "今天，", "سلام ", "👨‍👩‍👧", "\u0301", "Ann: Yes.\n"],
)
def test_a_megabyte_of_anything_takes_a_second_or_two(unit: str) -> None:
    text = "x" + unit * (MEGABYTE // len(unit.encode()))
    start = time.thread_time()
    chunks = divide(text, 25_000)
    assert time.thread_time() - start < 3
    assert "".join(texts(chunks)) == text
    assert 40 <= len(chunks) <= 50


class Counting:
    """Parts over a scripted model whose tokens are words, and what was counted."""

    def __init__(self, context: int | None, *, counts: bool = True) -> None:
        self.counted: list[int] = []
        lane, _ = lane_over([{"answer": "x"}], context_tokens=context)

        async def count(messages: list[BaseMessage]) -> int | None:
            words = sum(len(str(message.text).split()) for message in messages)
            self.counted.append(words)
            return words

        async def context_tokens() -> int | None:
            return context

        async def render(inputs: dict[str, Any]) -> ChatPromptValue:
            return ChatPromptValue(messages=[HumanMessage(f"Read {inputs['tone']} this: {inputs['text']}")])

        capabilities = Capabilities(count_tokens=count if counts else None, context_tokens=context_tokens)
        self.parts = Parts(RunnableLambda(render), lane, {"max_tokens": 20}, capabilities)

    def chunks(self, text: str, **wishes: Any) -> list[Chunk]:
        return asyncio.run(chunks_that_fit(self.parts, {"tone": "well"}, text, **wishes))

    def fits(self, text: str) -> bool:
        return asyncio.run(fits(self.parts, {"tone": "well"}, text))


def test_a_text_that_fits_is_one_chunk() -> None:
    text = "word " * 77
    assert texts(Counting(100).chunks(text)) == [text]
    assert Counting(100).fits(text)


def test_a_text_that_does_not_fit_is_divided_into_chunks_that_do() -> None:
    text = "Some words stand here. " * 100
    chunks = Counting(100).chunks(text)
    assert "".join(texts(chunks)) == text
    assert max(len(chunk.text.split()) for chunk in chunks) <= 77
    assert len(chunks) <= 7
    assert not Counting(100).fits(text)


def test_a_share_makes_smaller_chunks_of_what_does_not_fit() -> None:
    text = "Some words stand here. " * 100
    chunks = Counting(100).chunks(text, share=0.25)
    assert 20 <= len(chunks) <= 26
    assert texts(Counting(100).chunks("Some words stand here. " * 19, share=0.25)) == ["Some words stand here. " * 19]


def test_a_share_that_would_make_too_many_chunks_gives_way() -> None:
    text = "Some words stand here. " * 2500
    chunks = Counting(100).chunks(text, share=0.1)
    assert "".join(texts(chunks)) == text
    assert 77 / 100 * MOST_CHUNKS <= len(chunks) * 1.1 <= MOST_CHUNKS * 1.1


def test_parts_that_take_more_tokens_than_the_rest_are_divided_again() -> None:
    text = "a-very-long-word-that-counts-as-one-token " * 200 + "a b c d e f g h i j. " * 40
    chunks = Counting(100).chunks(text)
    assert "".join(texts(chunks)) == text
    assert max(len(chunk.text.split()) for chunk in chunks) <= 77


def test_where_nobody_counts_tokens_their_number_is_taken_as_high() -> None:
    counting = Counting(200, counts=False)
    text = "Some words stand here. " * 100
    chunks = counting.chunks(text)
    assert "".join(texts(chunks)) == text
    assert max(len(chunk.text.split()) for chunk in chunks) <= 100


def test_where_nobody_knows_the_context_the_text_stays_whole() -> None:
    text = "word " * 10_000
    assert texts(Counting(None).chunks(text)) == [text]
    assert Counting(None).fits(text)


def test_what_certainly_fits_is_not_counted() -> None:
    counting = Counting(200)
    assert counting.fits("A short text.")
    assert texts(counting.chunks("A short text.", share=0.25)) == ["A short text."]
    assert counting.counted == []


@pytest.mark.parametrize(
    ("text", "counts"), [pytest.param("A short text.", 0, id="short"), pytest.param("word " * 70, 1, id="not so short")]
)
def test_a_portion_is_counted_where_its_answer_may_be_too_long(text: str, counts: int) -> None:
    counting = Counting(1000)
    counting.parts = replace(counting.parts, parameters={"max_tokens": 200})
    assert texts(asyncio.run(portions(counting.parts, {"tone": "well"}, text))) == [text]
    assert len(counting.counted) == counts


def test_a_prompt_without_room_is_refused() -> None:
    with pytest.raises(ContextExceeded) as caught:
        Counting(22).chunks("word " * 100)
    assert (caught.value.limit, caught.value.reserved) == (22, 20)


def test_too_many_chunks_are_refused_before_anything_is_divided() -> None:
    start = time.thread_time()
    with pytest.raises(InvalidInput, match=f"{MOST_CHUNKS} is the most"):
        Counting(100).chunks("a " * 2_500_000)
    assert time.thread_time() - start < 2


def test_others_are_served_while_a_long_text_is_divided() -> None:
    async def scene() -> tuple[float, float]:
        begin = time.perf_counter()
        work = asyncio.ensure_future(chunks_that_fit(Counting(6000).parts, {"tone": "well"}, "." * 5_000_000))
        longest, last = 0.0, time.perf_counter()
        while not work.done():
            await asyncio.sleep(0.001)
            longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
        assert "".join(texts(await work)) == "." * 5_000_000
        return longest, time.perf_counter() - begin

    longest, whole = asyncio.run(scene())
    assert longest < max(0.5, whole / 10)
