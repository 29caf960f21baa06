"""Every kind on a real model: one table of what must go right (tests/backends/conformance).

`make conformance` runs it, and with OLLAMA_HOST or OPENAI_BASE_URL against a live server.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseChatModel

from chains.backends import KINDS
from chains.backends.configuration import (
    ChecksContext,
    Closes,
    CountsTokens,
    Inspects,
    Probes,
    Pulls,
    ScoresContinuations,
    TellsSlots,
    Warms,
)
from tests.backends.conformance.cannot import CANNOT
from tests.backends.conformance.fault_rows import FAULT_ROWS
from tests.backends.conformance.healthy_rows import HEALTHY_ROWS
from tests.backends.conformance.rigs import RIGS
from tests.backends.conformance.situations import Situation
from tests.backends.conformance.stands import LIVE_KINDS, Stand, live_stand, stand
from tests.conftest import require_embedded

ABILITIES: dict[str, Any] = {
    ability.__name__: ability
    for ability in (
        *(ChecksContext, Closes, CountsTokens, Inspects, Probes, Pulls, ScoresContinuations, TellsSlots, Warms),
    )
}
COLUMNS = sorted(LIVE_KINDS or KINDS)


WITHOUT_A_MODEL = ("replay", "scripted")


def marks(kind: str) -> Any:
    return () if kind in WITHOUT_A_MODEL else pytest.mark.e2e


def rows() -> list[Any]:
    """Every row on every kind, but those that a kind can't even meet."""
    return [
        pytest.param(kind, row, marks=marks(kind), id=f"{kind}-{row}")
        for kind in COLUMNS
        for row in HEALTHY_ROWS
        if (hole := CANNOT[kind].get(row)) is None or hole.raises is not None
    ]


TASKS_END_S = 0.2


@pytest.fixture(scope="module", params=[pytest.param(kind, marks=marks(kind)) for kind in COLUMNS])
def on_stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    kind = request.param
    if LIVE_KINDS:
        yield live_stand(kind)
        return
    if kind not in WITHOUT_A_MODEL:
        require_embedded()
    with stand(kind, lambda: request.getfixturevalue("model_server")) as found:
        yield found


@pytest.mark.parametrize(("on_stand", "row"), rows(), indirect=["on_stand"])
def test_a_row(on_stand: Stand, row: str) -> None:
    hole = CANNOT[on_stand.kind].get(row)

    async def whole() -> None:
        model = on_stand.create()
        try:
            await HEALTHY_ROWS[row](on_stand, model)
        finally:
            if isinstance(model, Closes):
                await model.aclose()
        if left := asyncio.all_tasks() - {asyncio.current_task()}:
            # LangChain leaves it to the event loop to close what is inside its own stream.
            _, left = await asyncio.wait(left, timeout=TASKS_END_S)
        assert not left, left

    if hole is None:
        asyncio.run(whole())
    else:
        assert hole.raises is not None
        with pytest.raises(hole.raises):
            asyncio.run(whole())


@pytest.mark.parametrize("ability", ABILITIES)
def test_an_ability_is_there_or_is_named_as_absent(on_stand: Stand, ability: str) -> None:
    assert isinstance(on_stand.create(), ABILITIES[ability]) is (ability not in CANNOT[on_stand.kind])


def test_caches_tell_models_and_calls_apart(on_stand: Stand) -> None:
    """LangChain's caches ask `_get_llm_string` for all but the messages."""

    def key(model: BaseChatModel, **options: Any) -> str:
        return model._get_llm_string(options.pop("stop", None), **options)

    known = on_stand.create()
    calls: list[dict[str, Any]] = [{}, {"temperature": 1}, {"max_tokens": 7}, {"stop": ["a"]}, {"logprobs": True}]
    others: list[dict[str, Any]] = [dict(changes) for changes in on_stand.others]
    assert others
    keys = [key(known, **call) for call in calls] + [key(on_stand.create(**changes)) for changes in others]
    assert len(set(keys)) == len(keys)
    assert key(on_stand.create()) == key(known)


@pytest.mark.skipif(bool(LIVE_KINDS), reason="needs two servers that answer differently")
@pytest.mark.parametrize("kind", sorted(RIGS))
def test_a_cache_never_gives_one_servers_answer_for_anothers(kind: str) -> None:
    async def ask(text: str) -> tuple[str, int]:
        async with RIGS[kind](Situation(tokens=(text, " indeed."))) as serving:
            answers = [str((await serving.model.ainvoke("Hello", max_tokens=9)).text) for _ in range(2)]
            assert answers[0] == answers[1]
            return answers[0], serving.generated()

    async def whole() -> list[tuple[str, int]]:
        return [await ask("One"), await ask("Two")]

    set_llm_cache(InMemoryCache())
    try:
        assert asyncio.run(whole()) == [("One indeed.", 2), ("Two indeed.", 2)]
    finally:
        set_llm_cache(None)


def test_every_hole_in_the_table_is_a_row_with_a_reason() -> None:
    rows = {**FAULT_ROWS, **HEALTHY_ROWS, **ABILITIES}
    assert sorted(CANNOT) == sorted(RIGS) == sorted(KINDS)
    for holes in CANNOT.values():
        assert set(holes) <= set(rows)
        assert all(hole.reason for hole in holes.values())
