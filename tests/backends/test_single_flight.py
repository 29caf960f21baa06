"""One question for all who ask at the same time."""

import asyncio

import pytest

from chains.backends.single_flight import SingleFlight


class Question:
    """Answers its own number once it is let; -1 is a failure."""

    def __init__(self) -> None:
        self.asked = 0
        self.cancelled = 0
        self.ready = asyncio.Event()
        self.fails = False

    async def __call__(self) -> int:
        self.asked += 1
        number = self.asked
        try:
            await self.ready.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.fails:
            raise ValueError(number)
        return number


def test_all_get_one_answer_and_the_next_one_another() -> None:
    async def work() -> None:
        flight, question = SingleFlight[int](), Question()
        tasks = [asyncio.create_task(flight.ask(question)) for _ in range(60)]
        await asyncio.sleep(0.01)
        question.ready.set()
        assert set(await asyncio.gather(*tasks)) == {1}
        assert await flight.ask(question) == 2

    asyncio.run(work())


def test_all_get_one_failure() -> None:
    async def work() -> None:
        flight, question = SingleFlight[int](), Question()
        question.fails = True
        question.ready.set()
        found = await asyncio.gather(*[flight.ask(question) for _ in range(3)], return_exceptions=True)
        assert [type(one) for one in found] == [ValueError] * 3
        assert question.asked == 1

    asyncio.run(work())


def test_one_who_leaves_takes_the_answer_from_nobody_and_the_last_one_ends_the_question() -> None:
    async def work() -> None:
        flight, question = SingleFlight[int](), Question()
        first, second = (asyncio.create_task(flight.ask(question)) for _ in range(2))
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.sleep(0.01)
        assert not question.cancelled
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        await asyncio.sleep(0)
        assert (question.asked, question.cancelled) == (1, 1)
        question.ready.set()
        assert await flight.ask(question) == 2

    asyncio.run(work())


def test_each_event_loop_asks_for_itself() -> None:
    flight = SingleFlight[int]()
    loops = [asyncio.new_event_loop() for _ in range(2)]
    try:
        for loop in loops:
            question = Question()
            question.ready.set()
            assert loop.run_until_complete(flight.ask(question)) == 1
    finally:
        for loop in loops:
            loop.close()
