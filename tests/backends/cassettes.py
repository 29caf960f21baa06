"""Recording from scripts and replaying, for the tests of recorded answers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from chains.backends import configuration_class
from chains.backends.configuration import BackendConfig
from chains.backends.replay.chat_model import ScoringReplayChatModel
from chains.backends.replay.configuration import ReplayConfig
from chains.backends.replay.modes import RecordingMode, in_mode
from chains.backends.replay.recording import ScoringRecordingChatModel
from chains.backends.scripted.chat_model import ScriptedChatModel

__all__ = ["GREEDY", "lines_of", "recording", "replaying", "script", "scripted_inside", "with_model"]

T = TypeVar("T")

GREEDY: Mapping[str, Any] = {"temperature": 0, "max_tokens": 50}


def script(*answers: Mapping[str, Any], **keys: Any) -> BackendConfig:
    return configuration_class("scripted").model_validate({"answers": list(answers or [{"answer": "Well."}]), **keys})


def recording(
    path: Path, config: BackendConfig, mode: RecordingMode = RecordingMode.RECORD_MISSING, name: str = "m"
) -> ScoringRecordingChatModel:
    model = in_mode(config, mode, path).create(name)
    assert isinstance(model, ScoringRecordingChatModel)
    return model


def scripted_inside(model: ScoringRecordingChatModel) -> ScriptedChatModel:
    """The model that is asked, which counts its answers."""
    assert isinstance(model.inner, ScriptedChatModel)
    return model.inner


def replaying(path: Path) -> ScoringReplayChatModel:
    model = ReplayConfig(path=path).create("recorded")
    assert isinstance(model, ScoringReplayChatModel)
    return model


def with_model(model: ScoringRecordingChatModel, work: Callable[[ScoringRecordingChatModel], Awaitable[T]]) -> T:
    """Do the work in an event loop of its own, and close the model, as a run's end does."""

    async def whole() -> T:
        try:
            return await work(model)
        finally:
            await model.aclose()

    return asyncio.run(whole())


def lines_of(path: Path) -> Sequence[bytes]:
    return path.read_bytes().splitlines()
