"""A task's chain as it would be on a backend that can do less than the one that serves."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableConfig

from bench.quality.cases import PublicCase
from bench.quality.running import Asked, Bench
from chains.capabilities import NO_CAPABILITIES
from chains.errors import CopydeskError
from chains.ledger import open_ledger
from chains.runner import parts_of
from chains.task import Parts

__all__ = ["LessCapable", "chat_only", "without_scores"]


class LessCapable:
    """The production chain of a task, over its backend as `limits` makes it."""

    def __init__(self, bench: Bench, task: str, limits: Callable[[Parts], Parts]) -> None:
        runner = bench.runner
        prompt = runner.prompts.get(task, runner.prompt(task).version)
        self._task = runner.task(task)
        self._chain = self._task.compose(limits(parts_of(prompt, runner.backends[runner.routes[task][0]])))

    async def asked(self, case: PublicCase, fields: Mapping[str, Any]) -> Asked[Any]:
        request = self._task.input.model_validate({self._task.main_field: case.text, **fields})
        start = time.perf_counter()
        with open_ledger() as ledger:
            try:
                output = await self._chain.ainvoke(request)
            except CopydeskError as error:
                return Asked(case, None, error.code, time.perf_counter() - start, ledger.usage)
        return Asked(case, output, "", time.perf_counter() - start, ledger.usage)


def without_scores(parts: Parts) -> Parts:
    """As a chat server that reports log-probabilities."""
    return replace(parts, capabilities=replace(parts.capabilities, score=None))


def chat_only(parts: Parts) -> Parts:
    """As a chat server that reports nothing beside its answers."""
    return replace(parts, model=_Mute(parts.model), capabilities=NO_CAPABILITIES)


class _Mute(Runnable[LanguageModelInput, AIMessage]):
    """A model that is asked for no log-probabilities, whoever wants them."""

    def __init__(self, model: Runnable[LanguageModelInput, AIMessage]) -> None:
        self._model = model

    def invoke(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> AIMessage:
        raise NotImplementedError("Chains are asynchronous: use ainvoke")

    async def ainvoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AIMessage:
        kept = {name: value for name, value in kwargs.items() if not name.endswith("logprobs")}
        return await self._model.ainvoke(input, config, **kept)
