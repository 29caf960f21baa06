"""The configuration of a server that speaks OpenAI's protocol."""

import hashlib
import json
from typing import TYPE_CHECKING, Literal

from pydantic import Field, JsonValue, field_validator

from chains.backends.addresses import checked_base_url, key_from
from chains.backends.configuration import BackendConfig, ModelIdentity

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

__all__ = ["OpenAIConfig"]

# What this kind sets itself. `n` would ask for answers that nobody reads.
_RESERVED = frozenset(
    (
        *("model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature"),
        *("top_p", "frequency_penalty", "seed", "stop", "response_format", "logprobs", "top_logprobs", "n"),
    )
)


class OpenAIConfig(BackendConfig):
    """A model behind `POST {base_url}/chat/completions`.

    A model that thinks before it answers gives its first token late: set `first_token_timeout_s` to cover it.
    """

    kind: Literal["openai"] = "openai"
    base_url: str = Field(description="Address up to and with /v1, such as http://gpu-host:8000/v1.")
    model: str = Field(min_length=1, description="The model's name, as the server lists it.")
    api_key_env: str | None = Field(
        default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="The environment variable that holds the key."
    )
    context_tokens: int | None = Field(
        default=None, ge=256, description="Tokens of prompt and answer together; asked from the server if absent."
    )
    max_tokens: int = Field(default=512, ge=1, description="Cap on an answer where the request sets none.")
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = Field(
        default="max_tokens",
        description="What the server calls the cap. llama-server and vLLM take both, Ollama only max_tokens, "
        "OpenAI's reasoning models only max_completion_tokens.",
    )
    strict_schema: bool = Field(
        default=True, description="Ask OpenAI's service to decode by the schema; false where it refuses one."
    )
    extra_body: dict[str, JsonValue] = Field(default={}, description="Further fields that go with every request.")

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return checked_base_url(value)

    @field_validator("extra_body")
    @classmethod
    def _overrides_nothing(cls, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if taken := sorted(_RESERVED & value.keys()):
            raise ValueError(f"may not set {', '.join(taken)}: the service sets these itself")
        return value

    def create(self, name: str) -> "BaseChatModel":
        """Raises ConfigurationError where the variable that `api_key_env` names is not set."""
        from chains.backends.openai.chat_model import OpenAIChatModel

        return OpenAIChatModel(
            backend=name,
            model_name=self.model,
            timeouts=self.timeouts,
            base_url=self.base_url,
            api_key=key_from(self.api_key_env, place=f"backends.{name}.api_key_env") if self.api_key_env else None,
            api_key_env=self.api_key_env,
            context_size=self.context_tokens,
            default_max_tokens=self.max_tokens,
            max_tokens_field=self.max_tokens_field,
            strict_schema=self.strict_schema,
            extra_body=self.extra_body,
        )

    def answers_depend_on(self) -> dict[str, JsonValue]:
        """By what tells what fits, where an answer ends, and how it is made to fit a schema."""
        return {
            "context_tokens": self.context_tokens,
            "max_tokens": self.max_tokens,
            "max_tokens_field": self.max_tokens_field,
            "strict_schema": self.strict_schema,
        }

    def identity(self) -> ModelIdentity:
        """By address, model name and extra fields: which weights are behind them, only their server knows."""
        parts = {"base_url": self.base_url, "model": self.model, "extra_body": self.extra_body}
        canonical = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return ModelIdentity(self.kind, self.model, f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}")
