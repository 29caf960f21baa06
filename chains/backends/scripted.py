"""The scripted backend: answers from a script, for tests, demos and rehearsals of failure. It calls no model.

A script is a list of answers, in the configuration or in a YAML file:

    - when: Lovelace            # the first answer whose `when` stands in the last user message is given
      answer: {entities: []}    # a text, or an object that is given as JSON
      delay_ms: 50
    - answer: All is well.      # without `when` it fits every message
    - when: outage
      fail: unavailable         # unavailable | timeout | rejected | protocol

Its tokens are words between white space; `fail` and `cut_off` rehearse what real servers do.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from enum import Enum
from pathlib import Path
from typing import Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError, model_validator

from chains.backends.configuration import BackendConfig, ModelIdentity
from chains.errors import (
    BackendError,
    BackendProtocolError,
    BackendRejected,
    BackendTimeout,
    BackendUnavailable,
    ConfigurationError,
)
from chains.strict_yaml import YamlError, load_yaml

__all__ = ["Failure", "ScriptedAnswer", "ScriptedChatModel", "ScriptedConfig"]

_MODEL = "script"


class Failure(str, Enum):
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    REJECTED = "rejected"
    PROTOCOL = "protocol"


_FAILURES: dict[Failure, type[BackendError]] = {
    Failure.UNAVAILABLE: BackendUnavailable,
    Failure.TIMEOUT: BackendTimeout,
    Failure.REJECTED: BackendRejected,
    Failure.PROTOCOL: BackendProtocolError,
}


class ScriptedAnswer(BaseModel):
    """One line of the script. `cut_off` ends the answer as a cap on output tokens would."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: str = ""
    answer: JsonValue = ""
    delay_ms: int = Field(default=0, ge=0)
    cut_off: bool = False
    fail: Failure | None = None

    @property
    def text(self) -> str:
        return self.answer if isinstance(self.answer, str) else json.dumps(self.answer, ensure_ascii=False)


class ScriptedConfig(BackendConfig):
    kind: Literal["scripted"] = "scripted"
    path: Path | None = Field(default=None, description="A YAML file with the script.")
    answers: tuple[ScriptedAnswer, ...] = Field(default=(), description="The script itself, where there is no file.")

    @model_validator(mode="after")
    def _one_script(self) -> "ScriptedConfig":
        if (self.path is None) == (not self.answers):
            raise ValueError("give either path or answers")
        return self

    def create(self, name: str) -> BaseChatModel:
        """Raises ConfigurationError where the script cannot be read."""
        return ScriptedChatModel(backend=name, script=self._script())

    def identity(self) -> ModelIdentity:
        """By the script, wherever it stands. Raises ConfigurationError where it cannot be read."""
        script = [answer.model_dump(mode="json") for answer in self._script()]
        canonical = json.dumps(script, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return ModelIdentity(self.kind, _MODEL, "sha256:" + hashlib.sha256(canonical.encode()).hexdigest())

    def _script(self) -> tuple[ScriptedAnswer, ...]:
        return self.answers if self.path is None else _read_script(self.path)


def _read_script(path: Path) -> tuple[ScriptedAnswer, ...]:
    try:
        loaded = load_yaml(path.read_text(encoding="utf-8"))
        return TypeAdapter(tuple[ScriptedAnswer, ...]).validate_python(loaded)
    except (OSError, UnicodeDecodeError, YamlError) as error:
        raise ConfigurationError(f"{path}: the script cannot be read: {error}") from error
    except ValidationError as error:
        places = (f"{path}: answer {'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ConfigurationError(*places) from error


class ScriptedChatModel(BaseChatModel):
    """A LangChain chat model that follows a script. Accepts and ignores the call keywords of real models."""

    backend: str
    script: tuple[ScriptedAnswer, ...]

    @property
    def _llm_type(self) -> str:
        return "copydesk-scripted"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"script": [answer.model_dump(mode="json") for answer in self.script]}

    async def probe(self) -> None:
        """A script is always ready."""

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return asyncio.run(self._agenerate(messages, stop))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        answer = await self._next_answer(messages)
        message = AIMessage(
            answer.text,
            usage_metadata=_usage(messages, answer),
            response_metadata=_metadata(answer),
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        answer = await self._next_answer(messages)
        words = answer.text.split(" ")
        for position, word in enumerate(words):
            text = word if position == 0 else " " + word
            yield ChatGenerationChunk(message=AIMessageChunk(content=text))
        last = AIMessageChunk(content="", usage_metadata=_usage(messages, answer), response_metadata=_metadata(answer))
        yield ChatGenerationChunk(message=last)

    async def _next_answer(self, messages: list[BaseMessage]) -> ScriptedAnswer:
        said = next((str(message.text) for message in reversed(messages) if message.type == "human"), "")
        fitting = next((answer for answer in self.script if answer.when in said), None)
        if fitting is None:
            raise BackendRejected("no answer of the script fits the last user message", backend=self.backend)
        await asyncio.sleep(fitting.delay_ms / 1000)
        if fitting.fail is not None:
            raise _FAILURES[fitting.fail]("failed as its script says", backend=self.backend)
        return fitting


def _usage(messages: list[BaseMessage], answer: ScriptedAnswer) -> UsageMetadata:
    read = sum(len(str(message.text).split()) for message in messages)
    written = len(answer.text.split())
    return UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)


def _metadata(answer: ScriptedAnswer) -> dict[str, Any]:
    return {"model_name": _MODEL, "finish_reason": "length" if answer.cut_off else "stop"}
