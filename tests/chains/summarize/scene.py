"""The summarize chain over a scripted model, by the prompts that ship."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable, RunnableConfig

from chains.backends.scripted.chat_model import ScriptedChatModel
from chains.prompts import load_prompt_set
from chains.runner import parts_of
from chains.task import Parts
from chains.tasks.summarize import SummarizeOutput, SummarizeRequest, task
from chains.traffic.lane import Lane
from tests.conftest import ROOT
from tests.traffic.lanes import lane_over

__all__ = ["LONG_PROMPT", "MAP", "REDUCE", "SHORTEN", "Scene"]

LONG_PROMPT = "1.3.0"
MAP, REDUCE, SHORTEN = "this part of a document", "notes on a long document", "Shorten this"
"""What the last message of each helper prompt holds."""


class _Recorded(Runnable[LanguageModelInput, AIMessage]):
    """A lane that keeps the prompts that it is asked."""

    def __init__(self, lane: Lane, asked: list[list[str]]) -> None:
        self._lane = lane
        self._asked = asked

    def invoke(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> AIMessage:
        raise NotImplementedError

    async def ainvoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AIMessage:
        self._keep(input)
        return await self._lane.ainvoke(input, config, **kwargs)

    async def astream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[AIMessageChunk]:
        self._keep(input)
        async with aclosing(self._lane.astream(input, config, **kwargs)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _keep(self, input: LanguageModelInput) -> None:
        assert isinstance(input, PromptValue)
        self._asked.append([str(message.text) for message in input.to_messages()])


class Scene:
    """One prompt version over a script. `asked` are the prompts that reached the model, each as its messages' texts."""

    def __init__(
        self, answers: Sequence[Mapping[str, Any]], *, version: str = LONG_PROMPT, slots: int = 4, **settings: Any
    ) -> None:
        self.asked: list[list[str]] = []
        self.model: ScriptedChatModel
        self._lane, self.model = lane_over(answers, slots=slots, **settings)
        prompt = load_prompt_set(ROOT / "prompts").get("summarize", version)
        self._parts = self._recorded(parts_of(prompt, self._lane))

    def _recorded(self, parts: Parts) -> Parts:
        return Parts(
            parts.prompt,
            _Recorded(self._lane, self.asked),
            parts.parameters,
            parts.capabilities,
            {name: self._recorded(helper) for name, helper in parts.helpers.items()},
        )

    def asked_for(self, mark: str) -> list[list[str]]:
        """The prompts whose last message holds the mark."""
        return [texts for texts in self.asked if mark in texts[-1]]

    def run(self, text: str, **wishes: Any) -> SummarizeOutput:
        request = SummarizeRequest(text=text, **wishes)
        output: SummarizeOutput = asyncio.run(self._closing(task.compose(self._parts).ainvoke(request)))
        return output

    def stream(self, text: str, **wishes: Any) -> tuple[list[str], SummarizeOutput]:
        """The pieces, and the output at their end."""
        request = SummarizeRequest(text=text, **wishes)

        async def read() -> list[str | SummarizeOutput]:
            assert task.stream is not None
            async with aclosing(task.stream(self._parts)(request)) as items:
                return [item async for item in items]

        *pieces, output = asyncio.run(self._closing(read()))
        assert isinstance(output, SummarizeOutput)
        return [str(piece) for piece in pieces], output

    async def _closing(self, work: Any) -> Any:
        try:
            return await work
        finally:
            await self._lane.aclose()
