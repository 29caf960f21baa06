"""LCEL's Runnables that call what they stand for directly: they are LCEL's in everything else."""

import asyncio
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.runnables import Runnable, RunnableLambda

from chains.direct import Lambda

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Listener(AsyncCallbackHandler):
    def __init__(self) -> None:
        self.heard: list[str] = []

    async def on_chain_start(self, serialized: dict[str, Any], inputs: Any, **kwargs: Any) -> None:
        self.heard.append(f"{kwargs['name']} begins with {inputs}")

    async def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        self.heard.append(f"ends with {outputs}")


async def doubled(number: int) -> str:
    if number < 0:
        raise ValueError("below zero")
    return str(2 * number)


async def test_a_function_is_awaited_where_it_is_called() -> None:
    tasks = []

    async def task_of(number: int) -> int:
        tasks.append(asyncio.current_task())
        return number

    assert await Lambda(task_of).ainvoke(3) == 3
    assert tasks == [asyncio.current_task()]
    with pytest.raises(ValueError, match="below zero"):
        await Lambda(doubled).ainvoke(-1)


async def test_who_passes_callbacks_is_called() -> None:
    listener = Listener()
    assert await Lambda(doubled).ainvoke(3, {"callbacks": [listener]}) == "6"
    assert listener.heard == ["doubled begins with 3", "ends with 6"]


async def test_it_composes_and_draws_as_lcels_own() -> None:
    after: Runnable[str, str] = RunnableLambda(lambda text: f"{text}!")
    chain, own = Lambda(doubled) | after, RunnableLambda(doubled) | after
    assert await chain.ainvoke(3) == await own.ainvoke(3) == "6!"
    assert chain.get_graph().draw_mermaid() == own.get_graph().draw_mermaid()
    assert chain.get_input_jsonschema() == own.get_input_jsonschema()
    assert await Lambda(doubled).abatch([1, 2]) == ["2", "4"]
