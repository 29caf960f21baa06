"""Every task over recordings: each case uses the same ones, whatever was asked before it and beside it."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.composition import build_trial_runner
from app.settings import Settings
from chains.backends.replay.modes import RecordingMode, in_mode
from chains.errors import CopydeskError, RecordingMissing
from chains.prompts import load_prompt_set
from chains.recordings import noting_recordings
from chains.runner import Runner
from chains.tasks import load_tasks
from eval.datasets import Case, load_dataset
from tests.backends.cassettes import script
from tests.conftest import ROOT

TASKS = load_tasks()
PROMPTS = load_prompt_set(ROOT / "prompts")
ENTITIES = {"entities": [{"type": "person", "text": "Ada"}, {"type": "city", "text": "Ulm"}]}
MODEL = script({"when": "Types:", "answer": ENTITIES}, {"answer": "A short answer of 12 words."}, context_tokens=4000)
# Their labels overlap, so that what is known of one case's labels is a part of what the next one asks for.
TURNS = [
    Case.model_validate(
        {
            "id": f"turn-{'-'.join(names)}",
            "task": "classify",
            "input": {"text": "Where is it?", "params": {"labels": [{"name": name} for name in names]}},
            "expected": {},
        }
    )
    for names in (("a", "b"), ("b", "c"), ("c", "a", "d"), ("d", "b"))
]


def cases() -> list[Case]:
    return [case for name in TASKS for case in load_dataset(ROOT / "eval" / "datasets" / name)[:6]] + TURNS


async def outcome(runner: Runner, case: Case) -> tuple[Any, ...]:
    """What the case comes to, with the recordings that it used."""
    version = PROMPTS.labels[case.task]["production"].version
    request = case.request(TASKS[case.task]).model_copy(update={"prompt": version})
    with noting_recordings(case.id) as noted:
        try:
            result = await runner.run(case.task, request)
            told: tuple[Any, ...] = result.output, result.usage, result.model
        except RecordingMissing:
            raise
        except CopydeskError as error:
            told = error.code, str(error)
    return *told, noted.used, noted.missing


def run(path: Path, mode: RecordingMode, asked: Sequence[Case], at_once: int = 1) -> Mapping[str, tuple[Any, ...]]:
    settings = Settings(backends={"m": MODEL}).model_copy(update={"backends": {"m": in_mode(MODEL, mode, path)}})

    async def work() -> Mapping[str, tuple[Any, ...]]:
        runner = build_trial_runner(settings, PROMPTS, ("m",))
        found: dict[str, tuple[Any, ...]] = {}
        try:
            for start in range(0, len(asked), at_once):
                together = asked[start : start + at_once]
                outcomes = await asyncio.gather(*(outcome(runner, case) for case in together))
                found |= dict(zip([case.id for case in together], outcomes, strict=True))
        finally:
            await runner.aclose()
        return found

    return asyncio.run(work())


def test_the_order_of_cases_changes_nothing(tmp_path: Path) -> None:
    asked = cases()
    live = run(tmp_path, RecordingMode.RECORD_MISSING, asked)
    assert sum(isinstance(told[0], str) for told in live.values()) < len(live) / 2
    random.Random(7).shuffle(asked)
    assert run(tmp_path, RecordingMode.REPLAY, asked) == live
    assert run(tmp_path, RecordingMode.REPLAY, asked[::-1], at_once=8) == live
    assert run(tmp_path, RecordingMode.RECORD_MISSING, asked, at_once=8) == live
    one = asked[-1]
    assert run(tmp_path, RecordingMode.REPLAY, [one]) == {one.id: live[one.id]}


def test_recording_in_another_order_finds_the_same_requests(tmp_path: Path) -> None:
    first = run(tmp_path / "first", RecordingMode.RECORD_MISSING, cases())
    second = run(tmp_path / "second", RecordingMode.RECORD_MISSING, cases()[::-1], at_once=8)
    assert {name: told[-2:] for name, told in first.items()} == {name: told[-2:] for name, told in second.items()}
