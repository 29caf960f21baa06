"""LCEL's own Runnables, whose `ainvoke` calls what they stand for directly.

They draw, compose and inspect like any other; but LCEL's callback machinery, which looks at a function's signature and
starts a task at every call, costs more than everything else that Copydesk does for a request.
"""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig, RunnableLambda, RunnableSequence

__all__ = ["Lambda", "Sequence"]

In = TypeVar("In")
Out = TypeVar("Out")


class Lambda(RunnableLambda[In, Out]):
    """An asynchronous function. Whoever passes a `config` gets its callbacks called, at LCEL's price."""

    def __init__(self, function: Callable[[In], Coroutine[Any, Any, Out]]) -> None:
        super().__init__(function)
        self._function = function

    async def ainvoke(self, input: In, config: RunnableConfig | None = None, **kwargs: Any) -> Out:
        if config is None and not kwargs:
            return await self._function(input)
        return await super().ainvoke(input, config, **kwargs)


class Sequence(RunnableSequence[Any, Any]):
    """Steps one after the other."""

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        value = input
        for step in self.steps:
            value = await step.ainvoke(value, config)
        return value
