"""The replay backend's configuration."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, JsonValue

from chains.backends.configuration import BackendConfig, ModelIdentity
from chains.backends.replay.cassette import Cassette, header_of

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

__all__ = ["ReplayConfig"]


class ReplayConfig(BackendConfig):
    """Recorded answers of another backend."""

    kind: Literal["replay"] = "replay"
    path: Path = Field(description="A file of recordings (*.jsonl), or a folder with such files of one model.")
    concurrency: int = Field(default=16, ge=1, le=1024, description="Requests that are answered at once.")

    retries: int = Field(default=0, ge=0, le=10, description="Further tries; what isn't recorded never will be.")

    def create(self, name: str) -> "BaseChatModel":
        """Raises ConfigurationError, with file and line, where the recordings are absent or damaged."""
        from chains.backends.replay.chat_model import ReplayChatModel, ScoringReplayChatModel

        header = header_of(self.path)
        kind = ScoringReplayChatModel if header.scores else ReplayChatModel
        return kind(
            backend=name,
            model_name=header.model,
            timeouts=self.timeouts,
            cassette=Cassette.read(self.path),
            header=header,
        )

    def identity(self) -> ModelIdentity:
        """That of the recorded model: what is found out by its answers is about that one. Raises ConfigurationError
        where there are no recordings."""
        header = header_of(self.path)
        return ModelIdentity(header.kind, header.model, header.digest)

    def answers_depend_on(self) -> dict[str, JsonValue]:
        """Raises ConfigurationError where there are no recordings."""
        return header_of(self.path).settings
