"""Lanes over scripted models, and one request's terms and account around a call."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from langchain_core.messages import AIMessage

from chains.backends import configuration_class
from chains.backends.scripted.chat_model import ScriptedChatModel
from chains.ledger import Ledger, open_ledger
from chains.terms import Terms, on_terms
from chains.traffic.admission import Admission
from chains.traffic.breaker import Breaker
from chains.traffic.cache import AnswerCache
from chains.traffic.lane import Lane
from chains.traffic.meter import SILENT, Meter

__all__ = ["ask", "lane_over", "using"]

T = TypeVar("T")


def lane_over(
    answers: Sequence[Mapping[str, Any]],
    *,
    slots: int = 16,
    max_queue: int = 64,
    retries: int = 0,
    cache: AnswerCache | None = None,
    threshold: int = 5,
    meter: Meter = SILENT,
    **settings: Any,
) -> tuple[Lane, ScriptedChatModel]:
    """A lane and the scripted model at its end; `settings` are the scripted backend's own."""
    given = {"kind": "scripted", "answers": list(answers), **settings}
    model = configuration_class("scripted").model_validate(given).create("script")
    assert isinstance(model, ScriptedChatModel)
    admission = Admission("script", slots, max_queue, 60, meter)
    breaker = Breaker("script", threshold=threshold)
    return Lane("script", model, admission, breaker, retries=retries, cache=cache), model


async def ask(
    lane: Lane, text: str = "hello", *, terms: Terms | None = None, **keywords: Any
) -> tuple[AIMessage, Ledger]:
    """One call on its terms, greedy unless told otherwise, with its account."""
    with on_terms(terms or Terms(caller="a", task="summarize")), open_ledger() as ledger:
        message = await lane.ainvoke(text, **{"temperature": 0, **keywords})
        ledger.accept()
    return message, ledger


def using(lane: Lane, work: Callable[[], Awaitable[T]], run: Callable[[Coroutine[Any, Any, T]], T] = asyncio.run) -> T:
    """Run the work in an event loop; afterwards nothing of the lane runs or waits any more. `virtual_time.run` is for
    whatever compares times; the breaker, the cache and the times in accounts go by real clocks there too."""

    async def whole() -> T:
        try:
            return await work()
        finally:
            await lane.aclose()
            await asyncio.sleep(0)
            assert (lane.admission.busy, lane.admission.queued) == (0, 0)
            assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []

    return run(whole())
