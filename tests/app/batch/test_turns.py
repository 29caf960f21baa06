"""When an item waits for room, and when it gives up: in a time of its own that passes at once."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from app.batch.turns import Turns
from app.problems import ProblemError, problem_of_exception
from chains.documents.errors import DocumentsBusy
from chains.errors import BackendBusy, BackendTimeout, BackendUnavailable, DeadlineExceeded
from chains.result import CacheState, PromptIdentity, TaskResult, Timing, Usage
from chains.task import TaskInput, TaskOutput
from tests.traffic.virtual_time import run as in_virtual_time

RESULT = TaskResult(
    TaskOutput(), PromptIdentity("p", "1.0.0", "sha256:0"), "b", "m", Usage(), Timing(0, 0, 0), CacheState.MISS
)


def busy(retry_after_s: float | None = None) -> BackendBusy:
    return BackendBusy("no room", backend="b", retry_after_s=retry_after_s)


class Backend:
    """Fails with what it is given until the time has come. Notes when it was asked, and with which deadline."""

    def __init__(self, error: Callable[[], Exception], until_s: float = 1e9) -> None:
        self.error = error
        self.until_s = until_s
        self.asked: list[tuple[float, int | None]] = []
        self.begin = asyncio.get_running_loop().time()

    async def run(self, request: TaskInput, request_id: str) -> TaskResult[Any]:
        now = asyncio.get_running_loop().time() - self.begin
        self.asked.append((round(now, 3), request.deadline_ms))
        if now < self.until_s:
            raise self.error()
        return RESULT


@pytest.mark.parametrize(
    ("error", "pause"),
    [
        pytest.param(lambda: busy(), 1, id="without a word of when"),
        pytest.param(lambda: busy(3), 3, id="as it says"),
        pytest.param(lambda: busy(300), 5, id="sooner than it says"),
        pytest.param(lambda: DocumentsBusy("no parser"), 1, id="parsers of documents"),
    ],
)
def test_an_item_waits_for_room_and_then_gives_up(error: Callable[[], Exception], pause: int) -> None:
    async def run() -> None:
        backend = Backend(error)
        with pytest.raises((BackendBusy, DocumentsBusy)):
            await Turns(backend.run, None).run(TaskInput(), "r")
        assert [at for at, _ in backend.asked] == list(range(0, 30 + 1, pause))

    in_virtual_time(run())


def test_a_success_of_another_item_renews_its_patience() -> None:
    async def run() -> None:
        backend = Backend(busy, until_s=45)
        turns = Turns(backend.run, None)

        async def other() -> None:
            await asyncio.sleep(20)
            backend.error, kept, until = busy, backend.error, backend.until_s
            backend.until_s = 0
            await turns.run(TaskInput(), "other")
            backend.until_s, backend.error = until, kept

        assert (await asyncio.gather(turns.run(TaskInput(), "r"), other()))[0] is RESULT
        assert backend.asked[-1][0] == 45

    in_virtual_time(run())


def test_no_item_waits_beyond_the_deadline() -> None:
    async def run() -> None:
        backend = Backend(busy)
        with pytest.raises(BackendBusy):
            await Turns(backend.run, 4500).run(TaskInput(), "r")
        assert backend.asked == [(0, 4500), (1, 3500), (2, 2500), (3, 1500), (4, 500)]

    in_virtual_time(run())


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(DeadlineExceeded(7), "deadline_exceeded", id="the deadline"),
        pytest.param(BackendTimeout("late", backend="b", too_late=True), "deadline_exceeded", id="no time for it"),
        pytest.param(BackendBusy("late", backend="b", too_late=True), "deadline_exceeded", id="nor for the wait"),
        pytest.param(BackendTimeout("slow", backend="b"), "backend_timeout", id="a slow server"),
        pytest.param(BackendUnavailable("down", backend="b"), "backend_unavailable", id="a server that is down"),
    ],
)
def test_other_failures_are_told_at_once(error: Exception, code: str) -> None:
    async def run() -> None:
        backend = Backend(lambda: error)
        with pytest.raises((ProblemError, DeadlineExceeded, BackendTimeout, BackendUnavailable)) as caught:
            await Turns(backend.run, 9000).run(TaskInput(), "r")
        assert problem_of_exception(caught.value).code == code
        assert len(backend.asked) == 1
        if code == "deadline_exceeded":
            assert "9000 ms" in str(caught.value)

    in_virtual_time(run())


def test_an_item_that_comes_too_late_is_never_begun() -> None:
    async def run() -> None:
        backend = Backend(busy, until_s=0)
        turns = Turns(backend.run, 1000)
        await asyncio.sleep(1)
        with pytest.raises(ProblemError, match="had passed before"):
            await turns.run(TaskInput(), "r")
        assert backend.asked == []

    in_virtual_time(run())
