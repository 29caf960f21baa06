"""The scripted backend's configuration."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, JsonValue, model_validator

from chains.backends.configuration import BackendConfig, ModelIdentity
from chains.backends.scripted.script import ScriptedAnswer, read_script

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

__all__ = ["ScriptedConfig"]

_MODEL = "script"


class ScriptedConfig(BackendConfig):
    """Answers from a script. The package's docstring shows one."""

    kind: Literal["scripted"] = "scripted"
    path: Path | None = Field(default=None, description="A YAML file with the script.")
    answers: tuple[ScriptedAnswer, ...] = Field(default=(), description="The script itself, where there is no file.")
    seed: int = Field(default=0, description="What the draws of every `chance` follow from.")
    slots: int | None = Field(default=None, ge=1, description="Requests its server works on; without it, all at once.")
    service_ms: float = Field(default=0, ge=0, description="Time that every request holds its slot, at the least.")
    context_tokens: int | None = Field(default=None, ge=1, description="Words of prompt and answer together.")
    concurrency: int = Field(default=16, ge=1, le=1024, description="Requests that the server works on at once.")

    @model_validator(mode="after")
    def _one_script(self) -> "ScriptedConfig":
        if (self.path is None) == (not self.answers):
            raise ValueError("give either path or answers")
        return self

    def create(self, name: str) -> "BaseChatModel":
        """Raises ConfigurationError where the script cannot be read."""
        from chains.backends.scripted.chat_model import ScriptedChatModel

        return ScriptedChatModel(
            backend=name,
            model_name=_MODEL,
            timeouts=self.timeouts,
            script=self._script(),
            seed=self.seed,
            slots=self.slots,
            service_ms=self.service_ms,
            context_size=self.context_tokens,
        )

    def answers_depend_on(self) -> dict[str, JsonValue]:
        """By the context, which tells what fits."""
        return {"context_tokens": self.context_tokens}

    def identity(self) -> ModelIdentity:
        """By the script, wherever it stands, and by the seed where it throws dice. Raises ConfigurationError where it
        cannot be read."""
        script = self._script()
        said: Any = [line.canonical() for line in script]
        if any(line.chance != 1 for line in script):
            said = {"seed": self.seed, "script": said}
        canonical = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return ModelIdentity(self.kind, _MODEL, "sha256:" + hashlib.sha256(canonical.encode()).hexdigest())

    def _script(self) -> tuple[ScriptedAnswer, ...]:
        return self.answers if self.path is None else read_script(self.path)
