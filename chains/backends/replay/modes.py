"""How an evaluation uses a backend: live, recorded, or replayed."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, JsonValue, SerializeAsAny

from chains.backends.configuration import BackendConfig, ModelIdentity
from chains.backends.replay.cassette import header_of
from chains.backends.replay.configuration import ReplayConfig
from chains.backends.replay.shapes import Subject
from chains.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

__all__ = ["RecordingConfig", "RecordingMode", "in_mode"]


class RecordingMode(str, Enum):
    """`replay` asks no model; `record-missing` asks it for what isn't recorded; `record` for everything, once;
    `live` for everything, and writes nothing."""

    REPLAY = "replay"
    RECORD_MISSING = "record-missing"
    RECORD = "record"
    LIVE = "live"


class RecordingConfig(BackendConfig):
    """A backend whose answers are recorded. Made by `in_mode`: no configuration file names this kind."""

    kind: Literal["recording"] = "recording"
    inner: SerializeAsAny[BackendConfig]
    path: Path = Field(description="A file (*.jsonl), or a folder, in which each task has a file.")
    overwrites: bool = False

    def create(self, name: str) -> "BaseChatModel":
        """Raises ConfigurationError where the recordings are damaged, are being written by another process, or are of
        another model, and what the backend itself raises."""
        from chains.backends.configuration import ScoresContinuations
        from chains.backends.replay.recorder import Recorder
        from chains.backends.replay.recording import RecordingChatModel, ScoringRecordingChatModel
        from chains.backends.streamed import StreamedChatModel

        inner, subject = self.inner.create(name), subject_of(self.inner)
        assert isinstance(inner, StreamedChatModel), "every kind's chat model is one"
        recorder = Recorder(self.path)
        header = recorder.open().header
        if header is not None and (difference := _difference(header.subject, subject)):
            recorder.close()
            raise ConfigurationError(f"{self.path}: {difference}: record into another file or folder")
        kind = ScoringRecordingChatModel if isinstance(inner, ScoresContinuations) else RecordingChatModel
        return kind(
            backend=name,
            model_name=inner.model_name,
            timeouts=self.timeouts,
            inner=inner,
            recorder=recorder,
            subject=subject,
            overwrites=self.overwrites,
        )

    def identity(self) -> ModelIdentity:
        """That of the backend."""
        return self.inner.identity()

    def answers_depend_on(self) -> dict[str, JsonValue]:
        return self.inner.answers_depend_on()

    @contextmanager
    def started(self, name: str) -> Iterator[Self]:
        """With what the backend needs."""
        with self.inner.started(name) as inner:
            yield self.model_copy(update={"inner": inner})


def in_mode(backend: BackendConfig, mode: RecordingMode, path: Path) -> BackendConfig:
    """The configuration by which an evaluation reaches a backend. `path` is where its recordings are: a file
    (`*.jsonl`) or a folder.

    Raises ConfigurationError where there is nothing to replay, or what there is was recorded from another model than
    this backend has. Where this machine lacks what tells (the model's file), the recordings' word counts.
    """
    if mode is RecordingMode.LIVE:
        return backend
    if isinstance(backend, ReplayConfig):
        if mode is RecordingMode.REPLAY:
            return backend
        raise ConfigurationError("a backend of kind replay can't be recorded: name another one, or --mode replay")
    shared = {name: getattr(backend, name) for name in BackendConfig.model_fields if name != "kind"}
    if mode is RecordingMode.REPLAY:
        _check_same(backend, path)
        return ReplayConfig(path=path)
    return RecordingConfig(**shared, inner=backend, path=path, overwrites=mode is RecordingMode.RECORD)


def subject_of(backend: BackendConfig) -> Subject:
    """Whose answers a backend gives. Raises ConfigurationError where its model can't be identified."""
    found = backend.identity()
    return Subject(found.kind, found.model, found.digest, backend.answers_depend_on())


def _check_same(backend: BackendConfig, path: Path) -> None:
    recorded = header_of(path).subject
    try:
        now = subject_of(backend)
    except (ConfigurationError, NotImplementedError):
        return
    if difference := _difference(recorded, now):
        raise ConfigurationError(f"{path}: {difference}: record anew with --mode record-missing, into another place")


def _difference(recorded: Subject, now: Subject) -> str | None:
    """What tells a recorded model from another one, in words; None where nothing does."""
    for name in ("kind", "model", "digest", "settings"):
        was, has = getattr(recorded, name), getattr(now, name)
        if was != has:
            return f"it was recorded from a backend with the {name} {was}, and this one has {has}"
    return None
