"""What the providers' packages take, and how. A provider that isn't listed is taken at LangChain's word."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["PROVIDERS", "Provider", "provider_of"]


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider, as its package's source has it.

    package        the distribution to install; empty where LangChain has to be asked
    takes_schema   whether it decodes by a JSON Schema that is given as `response_format`; else a tool's arguments do
    logprobs       whether its chunks bring them, in OpenAI's form
    lacks          call keywords that it has no counterpart of, and that are left out with a line in the log
    renamed        call keywords that it calls otherwise
    constants      arguments of its constructor that make it stream chat completions with usage
    whole_seconds  whether its time limit must be a whole number
    is_openai      whether it stands on OpenAI's SDK: that takes a time limit for connecting, a client of our own, and
                   further fields of the body
    """

    package: str = ""
    takes_schema: bool = False
    logprobs: bool = False
    lacks: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    whole_seconds: bool = False
    is_openai: bool = False


_OPENAI: Mapping[str, Any] = {"stream_usage": True, "use_responses_api": False, "stream_chunk_timeout": None}

# langchain-openai 1.7, -anthropic 1.7, -google-genai 4.4, -mistralai 1.1, -groq 1.1, -deepseek 1.1
PROVIDERS: Mapping[str, Provider] = {
    "openai": Provider("langchain-openai", takes_schema=True, logprobs=True, constants=_OPENAI, is_openai=True),
    "azure_openai": Provider("langchain-openai", takes_schema=True, logprobs=True, constants=_OPENAI, is_openai=True),
    "deepseek": Provider("langchain-deepseek", logprobs=True, constants=_OPENAI, lacks=("seed",), is_openai=True),
    "anthropic": Provider("langchain-anthropic", lacks=("frequency_penalty", "seed")),
    "google_genai": Provider("langchain-google-genai", takes_schema=True, renamed={"max_tokens": "max_output_tokens"}),
    "mistralai": Provider(
        "langchain-mistralai", takes_schema=True, renamed={"seed": "random_seed"}, whole_seconds=True
    ),
    "groq": Provider("langchain-groq", takes_schema=True),
}


def provider_of(name: str) -> Provider:
    """The listed provider, else one of which nothing special is known."""
    return PROVIDERS.get(name, Provider())
