"""The configuration of a model behind a provider's LangChain package."""

import hashlib
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field, JsonValue, field_validator

from chains.backends.addresses import checked_base_url, key_from
from chains.backends.configuration import BackendConfig, ModelIdentity

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

__all__ = ["LangChainConfig"]

_ELSEWHERE = {
    **dict.fromkeys(("base_url", "openai_api_base", "api_base", "endpoint"), "set base_url beside options"),
    **dict.fromkeys(("model", "model_name", "model_provider"), "set model beside options"),
    **dict.fromkeys(("timeout", "request_timeout", "default_request_timeout", "stream_chunk_timeout"), "set timeout_s"),
    **dict.fromkeys(("max_retries", "retries"), "set retries beside options"),
    **dict.fromkeys(("max_tokens", "max_completion_tokens", "max_output_tokens"), "set max_tokens beside options"),
    **dict.fromkeys(
        (
            *("streaming", "disable_streaming", "stream_usage", "use_responses_api", "callbacks", "cache", "n"),
            *("output_version", "include_response_headers", "configurable_fields", "config_prefix", "response_format"),
            *("http_client", "http_async_client", "rate_limiter", "verbose"),
        ),
        "the service sets it itself",
    ),
}
_SECRET = re.compile(
    r"api[-_]?key|authorization|cookie|secret|password|credential|access[-_]?token|auth[-_]?token", re.I
)


class LangChainConfig(BackendConfig):
    """A model of any provider that LangChain's `init_chat_model` knows. The provider's package must be installed.

    What a variable of the environment sets for the provider's package by itself (OPENAI_ORG_ID, proxies) counts.
    """

    kind: Literal["langchain"] = "langchain"
    model: str = Field(
        pattern=r"^[a-z0-9_]+:\S+$", description="Provider and model, such as anthropic:claude-sonnet-4-5."
    )
    base_url: str | None = Field(default=None, description="Address of the service; else the provider's own.")
    api_key_env: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="The environment variable that holds the key; else the package looks for its own.",
    )
    context_tokens: int | None = Field(
        default=None, ge=256, description="Tokens of prompt and answer together; unknown if absent."
    )
    max_tokens: int = Field(default=512, ge=1, description="Cap on an answer where the request sets none.")
    structured: Literal["auto", "response_format", "tool"] = Field(
        default="auto", description="How an answer is made to fit a schema: decoded by it, or as a tool's arguments."
    )
    needs_finish_reason: bool = Field(
        default=True,
        description="Take an answer without a reason for its end as cut off; false for a provider that never sends "
        "one, whose cuts are then not seen.",
    )
    options: dict[str, JsonValue] = Field(default={}, description="Further arguments of the package's chat model.")

    @field_validator("model")
    @classmethod
    def _has_no_kind_of_its_own(cls, value: str) -> str:
        if value.startswith("ollama:"):
            raise ValueError("Ollama has a kind of its own, which can cap answers and refuse long prompts: kind ollama")
        return value

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        return None if value is None else checked_base_url(value)

    @field_validator("options")
    @classmethod
    def _sets_nothing_of_ours(cls, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        problems = [f"{name} has no place here: {_ELSEWHERE[name]}" for name in value if name in _ELSEWHERE]
        problems += [f"{name} has no place here: name the key's variable in api_key_env" for name in _secrets(value)]
        if problems:
            raise ValueError("; ".join(problems))
        return value

    @property
    def provider(self) -> str:
        return self.model.partition(":")[0]

    def create(self, name: str) -> "BaseChatModel":
        """Raises ConfigurationError where the provider's package is absent or refuses what it is given."""
        from chains.backends.langchain_provider.chat_model import LangChainChatModel
        from chains.backends.langchain_provider.construction import Construction

        return LangChainChatModel(
            backend=name,
            model_name=self.model.partition(":")[2],
            timeouts=self.timeouts,
            construction=Construction(
                backend=name,
                provider_name=self.provider,
                model=self.model.partition(":")[2],
                base_url=self.base_url,
                key=key_from(self.api_key_env, place=f"backends.{name}.api_key_env") if self.api_key_env else None,
                options=self.options,
                timeouts=self.timeouts,
            ),
            api_key_env=self.api_key_env,
            context_size=self.context_tokens,
            default_max_tokens=self.max_tokens,
            structured=self.structured,
            needs_finish_reason=self.needs_finish_reason,
        )

    def answers_depend_on(self) -> dict[str, JsonValue]:
        """By what tells what fits, where an answer ends, and whether one without a reason for its end is one."""
        return {
            "context_tokens": self.context_tokens,
            "max_tokens": self.max_tokens,
            "needs_finish_reason": self.needs_finish_reason,
        }

    def identity(self) -> ModelIdentity:
        """By provider, model name, address and options: which weights are behind them, only the provider knows."""
        told = {"base_url": self.base_url, "model": self.model, "options": self.options, "structured": self.structured}
        canonical = json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return ModelIdentity(self.kind, self.model, "sha256:" + hashlib.sha256(canonical.encode()).hexdigest())


def _secrets(value: JsonValue, place: str = "") -> Iterator[str]:
    """The places in options whose names are those of secrets."""
    if isinstance(value, dict):
        for name, inner in value.items():
            here = f"{place}.{name}".lstrip(".")
            if _SECRET.search(name):
                yield here
            else:
                yield from _secrets(inner, here)
    elif isinstance(value, list):
        for inner in value:
            yield from _secrets(inner, place)
