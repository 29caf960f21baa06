"""The Ollama backend's configuration."""

import hashlib
import json
import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, JsonValue, field_validator

from chains.backends.addresses import checked_base_url, key_from
from chains.backends.configuration import BackendConfig, ModelIdentity

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

__all__ = ["OllamaConfig"]

_DURATION = re.compile(r"-?(\d+(\.\d+)?(ms|s|m|h))+")

# Ollama's api.Options: it drops a name that it doesn't know with no more than a line in its log.
_OPTIONS: dict[str, type[int] | type[float] | type[bool]] = {
    "frequency_penalty": float,
    "main_gpu": int,
    "min_p": float,
    "num_batch": int,
    "num_gpu": int,
    "num_keep": int,
    "num_thread": int,
    "presence_penalty": float,
    "repeat_last_n": int,
    "repeat_penalty": float,
    "seed": int,
    "temperature": float,
    "top_k": int,
    "top_p": float,
    "typical_p": float,
    "use_mmap": bool,
}
_ELSEWHERE = {
    "num_ctx": "set num_ctx beside options",
    "num_predict": "a call says how long its answer may be",
    "stop": "a call says where its answer ends",
}


class OllamaConfig(BackendConfig):
    """A model on an Ollama server, 0.12.6 or newer."""

    kind: Literal["ollama"] = "ollama"
    base_url: str = Field(default="http://127.0.0.1:11434", description="Address of the server, without /api.")
    model: str = Field(min_length=1, description="The model's name as `ollama list` shows it, such as llama3.1:8b.")
    num_ctx: int | None = Field(
        default=None,
        ge=256,
        description="Tokens of prompt and answer together; without it what the server gives, which it may change.",
    )
    keep_alive: Annotated[str | int, Field(union_mode="left_to_right")] = Field(
        default="30m", description="How long the model stays loaded after a request: 30m, 24h; -1m for ever."
    )
    options: dict[str, JsonValue] = Field(default={}, description="Further options of Ollama for every request.")
    api_key_env: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="Environment variable with a key for a proxy before the server.",
    )

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        stripped = checked_base_url(value)
        if stripped.endswith(("/api", "/v1")):
            raise ValueError("must be the server's address itself, without /api or /v1 at its end")
        return stripped

    @field_validator("keep_alive")
    @classmethod
    def _is_a_duration(cls, value: str | int) -> str | int:
        if isinstance(value, str) and not _DURATION.fullmatch(value):
            raise ValueError("must be a number of seconds, or a duration such as 90s, 30m or 24h")
        return value

    @field_validator("options")
    @classmethod
    def _are_known(cls, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        problems = [problem for name, given in value.items() if (problem := _problem(name, given))]
        if problems:
            raise ValueError("; ".join(problems))
        return value

    def create(self, name: str) -> "BaseChatModel":
        """Raises ConfigurationError where the variable of the key holds none."""
        from chains.backends.ollama.chat_model import OllamaChatModel

        return OllamaChatModel(
            backend=name,
            model_name=self.model,
            timeouts=self.timeouts,
            base_url=self.base_url,
            num_ctx=self.num_ctx,
            keep_alive=self.keep_alive,
            constant_options=self.options,
            key=None if self.api_key_env is None else key_from(self.api_key_env, place=f"backends.{name}.api_key_env"),
        )

    def identity(self) -> ModelIdentity:
        """By the model's name and the constant options. What the name stands for is the server's affair, and it may
        stand for other weights after an `ollama pull`."""
        told = {"model": self.model, "num_ctx": self.num_ctx, "options": self.options}
        canonical = json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return ModelIdentity(self.kind, self.model, "sha256:" + hashlib.sha256(canonical.encode()).hexdigest())


def _problem(name: str, given: JsonValue) -> str | None:
    if name in _ELSEWHERE:
        return f"{name} has no place here: {_ELSEWHERE[name]}"
    kind = _OPTIONS.get(name)
    if kind is None:
        return f"{name} is no option of Ollama; it has {', '.join(_OPTIONS)}"
    is_bool = isinstance(given, bool)
    if is_bool if kind is bool else not is_bool and isinstance(given, (int, float) if kind is float else int):
        return None
    return f"{name} must be {'true or false' if kind is bool else 'a number' if kind is float else 'a whole number'}"
