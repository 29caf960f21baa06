"""Classify over a scripted model, and models that can do less than it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableConfig

from chains.capabilities import NO_CAPABILITIES
from chains.errors import BackendRejected
from chains.ledger import open_ledger
from chains.prompts import load_prompt_set
from chains.result import Usage
from chains.runner import parts_of
from chains.task import Parts
from chains.tasks.classify import task
from chains.tasks.classify.contract import ClassifyOutput
from tests.conftest import ROOT
from tests.traffic.lanes import lane_over, using

__all__ = ["PROMPTS", "LessCapable", "chat_only", "classified", "labelled"]

PROMPTS = load_prompt_set(ROOT / "prompts")


class LessCapable(Runnable[LanguageModelInput, AIMessage]):
    """A model that tells no log-probabilities, and either ignores the wish for them or refuses it; counts its calls."""

    def __init__(self, model: Runnable[LanguageModelInput, AIMessage], *, refuses: bool = False) -> None:
        self._model = model
        self._refuses = refuses
        self.calls = 0
        self.refused = 0

    def invoke(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> AIMessage:
        raise NotImplementedError

    async def ainvoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AIMessage:
        if self._refuses and "logprobs" in kwargs:
            self.refused += 1
            raise BackendRejected("it takes no logprobs", backend="chat")
        self.calls += 1
        kept = {name: value for name, value in kwargs.items() if not name.endswith("logprobs")}
        return await self._model.ainvoke(input, config, **kept)


def chat_only(parts: Parts) -> Parts:
    """The same backend, were it one that only chats."""
    return replace(parts, model=LessCapable(parts.model), capabilities=NO_CAPABILITIES)


def labelled(*names: str, **fields: Any) -> dict[str, Any]:
    return {"text": "Where is my card?", "labels": [{"name": name} for name in names], **fields}


def classified(
    script: Sequence[Mapping[str, Any]],
    *requests: Mapping[str, Any],
    version: str = "1.1.0",
    limits: Any = None,
    **settings: Any,
) -> list[tuple[ClassifyOutput, Usage]]:
    """What each request comes to, one after the other over one chain, with its account. `limits` makes other parts of
    the chain's; `settings` are the scripted backend's."""
    lane, _ = lane_over(script, **settings)
    parts = parts_of(PROMPTS.get("classify", version), lane)
    chain = task.compose(limits(parts) if limits else parts)

    async def work() -> list[tuple[ClassifyOutput, Usage]]:
        found = []
        for request in requests:
            with open_ledger() as ledger:
                output = await chain.ainvoke(task.input.model_validate(request))
            found.append((output, ledger.usage))
        return found

    return using(lane, work)
