"""The embedded model, recorded through a runner and replayed: the same outputs, to the last bit, without the model."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.composition import build_trial_runner
from app.settings import Settings
from app.starting import with_started_backends
from chains.backends import configuration_class
from chains.backends.embedded.server import ModelServer
from chains.backends.replay.modes import RecordingMode, in_mode
from chains.backends.replay.upkeep import verify
from chains.prompts import load_prompt_set
from chains.recordings import noting_recordings
from chains.tasks import load_tasks
from tests.conftest import ROOT

pytestmark = pytest.mark.e2e

REQUESTS: Mapping[str, Mapping[str, Any]] = {
    "summarize": {"text": "The bridge was closed on Monday because of ice. It opens again on Friday.", "max_words": 20},
    "rewrite": {"text": "I will call you tomorrow at 9.", "style": "formal"},
    "generate": {"instruction": "Write one short sentence about ice.", "max_words": 12},
    "classify": {"text": "Where is my parcel?", "labels": [{"name": "question"}, {"name": "praise"}]},
    "extract": {"text": "Ada Lovelace sang.", "types": [{"name": "PERSON"}]},
}


@dataclass(frozen=True)
class Run:
    """By task: the output, the usage and the recordings."""

    results: Mapping[str, tuple[Any, ...]]
    seconds: float


def run(settings: Settings, mode: RecordingMode, path: Path) -> Run:
    backends = {name: in_mode(backend, mode, path) for name, backend in settings.backends.items()}
    tasks, prompts = load_tasks(), load_prompt_set(ROOT / "prompts")

    async def all_of(started: Settings) -> dict[str, tuple[Any, ...]]:
        runner = build_trial_runner(started, prompts, tuple(backends))
        found = {}
        try:
            for name, given in REQUESTS.items():
                version = prompts.labels[name]["production"].version
                request = tasks[name].input.model_validate({**given, "prompt": version})
                with noting_recordings(name) as noted:
                    result = await runner.run(name, request)
                found[name] = result.output, result.usage, result.model, noted.used
        finally:
            await runner.aclose()
        return found

    start = time.perf_counter()
    with with_started_backends(settings.model_copy(update={"backends": backends})) as started:
        results = asyncio.run(all_of(started))
    return Run(results, time.perf_counter() - start)


@pytest.fixture
def settings(model_server: ModelServer) -> Settings:
    embedded = configuration_class("embedded").model_validate({"context_tokens": 2048, "socket": model_server.socket})
    return Settings(backends={"local": embedded})


def test_a_replay_of_every_task_says_what_the_model_said(settings: Settings, tmp_path: Path) -> None:
    recorded = run(settings, RecordingMode.RECORD_MISSING, tmp_path)
    embedded = settings.backends["local"].model_copy(update={"socket": tmp_path / "absent.sock"})
    gone = settings.model_copy(update={"backends": {"local": embedded}})
    for mode in (RecordingMode.REPLAY, RecordingMode.RECORD_MISSING):
        assert run(gone, mode, tmp_path).results == recorded.results
    reports = verify(tmp_path)
    assert sorted(report.path.stem for report in reports) == sorted(REQUESTS)
    assert all(report.is_in_order and not report.problems for report in reports)
    count = sum(sum(report.recordings.values()) for report in reports)
    assert sum(report.bytes for report in reports) < 1000 * count
    used = {key for result in recorded.results.values() for key in result[-1]}
    assert len(used) == count
