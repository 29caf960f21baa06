"""The rewrite chain over a scripted model, by the prompts that ship."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable, RunnableConfig

from chains.prompts import load_prompt_set
from chains.runner import parts_of
from chains.task import Parts
from chains.tasks.rewrite import task
from chains.tasks.rewrite.contract import RewriteOutput, RewriteRequest
from chains.traffic.lane import Lane
from tests.conftest import ROOT
from tests.traffic.lanes import lane_over

__all__ = ["REPAIR", "Rewriter"]

REPAIR = "The draft must"
"""What the last message of the second question holds."""


class _Recorded(Runnable[LanguageModelInput, AIMessage]):
    """A lane that keeps what it is asked: the texts of the messages, the cap on the answer's tokens, and how many
    questions were open at that time."""

    def __init__(self, lane: Lane, asked: list[list[str]], caps: list[int], open_at: list[int]) -> None:
        self._lane = lane
        self._asked = asked
        self._caps = caps
        self._open_at = open_at
        self._open = 0

    def invoke(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> AIMessage:
        raise NotImplementedError

    async def ainvoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AIMessage:
        self._keep(input, kwargs)
        try:
            return await self._lane.ainvoke(input, config, **kwargs)
        finally:
            self._open -= 1

    async def astream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[AIMessageChunk]:
        self._keep(input, kwargs)
        async with aclosing(self._lane.astream(input, config, **kwargs)) as chunks:
            async for chunk in chunks:
                yield chunk
        self._open -= 1

    def _keep(self, input: LanguageModelInput, keywords: Mapping[str, Any]) -> None:
        assert isinstance(input, PromptValue)
        self._asked.append([str(message.text) for message in input.to_messages()])
        self._caps.append(keywords["max_tokens"])
        self._open += 1
        self._open_at.append(self._open)


class Rewriter:
    """The prompt that ships over a script. `asked` are the prompts that reached the model, `caps` their caps, and
    `open_at` how many were open when each was asked."""

    def __init__(self, *answers: Mapping[str, Any], version: str = "1.1.0", slots: int = 4, **settings: Any) -> None:
        self.asked: list[list[str]] = []
        self.caps: list[int] = []
        self.open_at: list[int] = []
        self._lane, _ = lane_over(answers, slots=slots, **settings)
        prompt = load_prompt_set(ROOT / "prompts").get("rewrite", version)
        self._parts = self._recorded(parts_of(prompt, self._lane))

    def _recorded(self, parts: Parts) -> Parts:
        return Parts(
            parts.prompt,
            _Recorded(self._lane, self.asked, self.caps, self.open_at),
            parts.parameters,
            parts.capabilities,
            {name: self._recorded(helper) for name, helper in parts.helpers.items()},
        )

    def asked_for(self, mark: str) -> list[str]:
        """The last messages that hold the mark."""
        return [texts[-1] for texts in self.asked if mark in texts[-1]]

    def run(self, text: str, **wishes: Any) -> RewriteOutput:
        request = RewriteRequest(text=text, **wishes)
        output: RewriteOutput = asyncio.run(self._closing(task.compose(self._parts).ainvoke(request)))
        return output

    def stream(self, text: str, **wishes: Any) -> tuple[Sequence[str], RewriteOutput]:
        """The pieces, and the output at their end."""
        request = RewriteRequest(text=text, **wishes)

        async def read() -> list[str | RewriteOutput]:
            assert task.stream is not None
            async with aclosing(task.stream(self._parts)(request)) as items:
                return [item async for item in items]

        *pieces, output = asyncio.run(self._closing(read()))
        assert isinstance(output, RewriteOutput)
        return [str(piece) for piece in pieces], output

    async def _closing(self, work: Any) -> Any:
        try:
            return await work
        finally:
            await self._lane.aclose()
