"""Runs: each case once on each variant and repeat, whatever interrupts them; errors and costs of cases."""

import json
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chains.backends.replay.modes import RecordingMode, in_mode
from chains.errors import BackendUnavailable, ConfigurationError, UnknownPrompt
from eval.outcomes import Outcome
from eval.run_file import StoredRun, read_run
from eval.running import Progress, waits
from tests.eval.planted import MARK, Bench, cases_of, planted_prompts, script_of, suite_of, write_cases

CASES = cases_of(40)
TIMES = {"model_ms", "total_ms"}


@pytest.fixture(scope="module")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planted_prompts(tmp_path_factory.mktemp("planted") / "prompts")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cases(tmp_path_factory.mktemp("data"), CASES)


def upper(reference: str, number: int) -> str:
    return reference.upper()


def timeless(path: Path) -> list[Any]:
    """A run file's lines in their order, without times."""
    lines = [json.loads(line) for line in path.read_text().split("\n")[:-1]]
    return [{key: value for key, value in line.items() if key not in TIMES} for line in lines]


def outcomes_of(run: StoredRun, variant: str) -> list[Outcome]:
    return [outcome for place, outcome in run.outcomes.items() if place[0] == variant]


def test_every_case_is_asked_of_every_variant_in_turn(prompts: Path, data: Path, tmp_path: Path) -> None:
    bench = Bench(prompts, data, script_of(CASES, upper), concurrency=1)
    told: list[tuple[str, str]] = []
    path = tmp_path / "run.jsonl"

    def tell(progress: Progress) -> None:
        if progress.done:
            last = json.loads(path.read_text().split("\n")[-2])
            told.append((last["variant"], last["case"]))

    progress = bench.run(path, tell=tell)
    assert (progress.total, progress.done, progress.failed, progress.resumed) == (80, 80, 0, 0)
    assert [case for _, case in told] == [case["id"] for case in CASES for _ in bench.planned]
    assert [variant for variant, _ in told[:4]] == [bench.planned[place].variant.name for place in (0, 1, 1, 0)]
    run = read_run(path)
    assert list(run.outcomes) == [(each.variant.name, case["id"], 0) for each in bench.planned for case in CASES]
    for case in CASES:
        reference = case["expected"]["references"][0]
        before, after = (run.outcomes[f"summarize@{version}", case["id"], 0] for version in ("1.3.0", "1.4.0"))
        assert (before.text(), after.text()) == (reference, reference.upper())


def test_repeats_are_calls_of_their_own(prompts: Path, data: Path, tmp_path: Path) -> None:
    bench = Bench(prompts, data, [{"answer": "Closed.", "delay_ms": 5}], suite=suite_of(repeats=3, limit=10), slots=4)
    progress = bench.run(tmp_path / "run.jsonl")
    assert progress.done == 2 * 10 * 3
    assert bench.runner.backends["script"].model.reported.model_calls == 60  # none shared, none from a cache


def test_a_backend_gets_as_many_calls_at_once_as_it_has_slots(prompts: Path, data: Path, tmp_path: Path) -> None:
    script = [{**line, "delay_ms": 10 + 7 * (place % 5)} for place, line in enumerate(script_of(CASES))]
    bench = Bench(prompts, data, script, concurrency=3, suite=suite_of(limit=20))
    most = 0

    def tell(progress: Progress) -> None:
        nonlocal most
        most = max(most, bench.runner.backends["script"].model.active)

    bench.run(tmp_path / "run.jsonl", tell=tell)
    assert most == 2  # beside the one that has just ended


def test_a_parameter_takes_the_place_of_the_prompts_own(prompts: Path, data: Path, tmp_path: Path) -> None:
    script = [{"answer": "one two three four five six seven eight nine ten."}]
    bench = Bench(
        prompts,
        data,
        script,
        versions=["1.3.0"],
        parameters=[{}, {"max_output_tokens": 4}, {"max_output_tokens": 4, "temperature": 0.5}],
        suite=suite_of(limit=2),
    )
    names = [each.variant.name for each in bench.planned]
    assert names == [
        "summarize@1.3.0",
        "summarize@1.3.0 max_output_tokens=4",
        "summarize@1.3.0 max_output_tokens=4,temperature=0.5",
    ]
    assert len({each.variant.digest for each in bench.planned}) == 1
    bench.run(tmp_path / "run.jsonl")
    run = read_run(tmp_path / "run.jsonl")
    own, short, third = ({outcome.text() for outcome in outcomes_of(run, name)} for name in names)
    assert own == {"one two three four five six seven eight nine ten."}
    assert all(len(text.split()) <= 4 for text in short | third)


def test_errors_and_costs_are_outcomes(prompts: Path, data: Path, tmp_path: Path) -> None:
    text = CASES[3]["input"]["text"]
    script = [
        {"when": MARK + text, "fail": "rejected"},
        {"when": text, "end_early": 2, "answer": "one two three"},
        *script_of(CASES),
    ]
    prices = {"script": {"input_usd": 1, "output_usd": 2}}
    bench = Bench(prompts, data, script, prices=prices, retries=0)
    progress = bench.run(tmp_path / "run.jsonl")
    assert progress.failed == 2
    run = read_run(tmp_path / "run.jsonl")
    rejected = run.outcomes["summarize@1.4.0", "case-003", 0]
    assert rejected.error is not None
    assert (rejected.error.code, rejected.output, rejected.usage.model_calls) == ("backend_rejected", None, 0)
    broken = run.outcomes["summarize@1.3.0", "case-003", 0]
    assert broken.error is not None
    assert (broken.error.code, broken.usage.output_tokens, broken.usage.unreported_calls) == (
        "backend_protocol_error",
        2,
        1,
    )
    fine = run.outcomes["summarize@1.3.0", "case-004", 0]
    assert fine.cost_nano_usd == 1000 * fine.usage.input_tokens + 2000 * fine.usage.output_tokens > 0
    assert progress.cost_nano_usd == sum(outcome.cost_nano_usd or 0 for outcome in run.outcomes.values())


def test_without_a_price_nothing_has_a_cost(prompts: Path, data: Path, tmp_path: Path) -> None:
    progress = Bench(prompts, data, script_of(CASES), suite=suite_of(limit=2)).run(tmp_path / "run.jsonl")
    assert progress.cost_nano_usd is None
    assert all(outcome.cost_nano_usd is None for outcome in read_run(tmp_path / "run.jsonl").outcomes.values())


def test_a_backend_that_is_away_for_a_while_costs_no_case(prompts: Path, data: Path, tmp_path: Path) -> None:
    script = [{"when": "bridge 005", "fail": "unavailable", "times": 2}, *script_of(CASES)]
    bench = Bench(prompts, data, script, retries=0, concurrency=1, waits_s=(0, 0))
    assert bench.run(tmp_path / "run.jsonl").failed == 0


def test_a_backend_that_stays_away_stops_the_run_which_goes_on_later(prompts: Path, data: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    away = [{"when": "bridge 005", "fail": "unavailable"}]
    broken = Bench(prompts, data, [*away, *script_of(CASES)], retries=0, concurrency=1)
    with pytest.raises(BackendUnavailable):
        broken.run(path)
    stopped = read_run(path)
    assert len(stopped.outcomes) == 10
    assert not any(outcome.error for outcome in stopped.outcomes.values())
    mended = Bench(prompts, data, script_of(CASES), retries=0, concurrency=1)
    mended.planned = broken.planned  # the same model, which is back
    progress = mended.run(path, resume=True)
    assert (progress.resumed, progress.done) == (10, 70)
    assert read_run(path).is_finished


def test_a_finished_run_asks_nobody(prompts: Path, data: Path, tmp_path: Path) -> None:
    bench = Bench(prompts, data, script_of(CASES))
    bench.run(tmp_path / "run.jsonl")
    before = (tmp_path / "run.jsonl").read_bytes()
    progress = bench.run(tmp_path / "run.jsonl", resume=True)
    assert (progress.resumed, progress.done) == (80, 0)
    assert bench.runner.backends["script"].model.reported.model_calls == 0
    assert (tmp_path / "run.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("wish", "error", "told"),
    [
        pytest.param({"versions": ["9.9.9"]}, UnknownPrompt, "has no version '9.9.9'", id="version"),
        pytest.param({"versions": ["canary"]}, UnknownPrompt, "has no label 'canary'", id="label"),
        pytest.param({"parameters": [{"temperature": 3}]}, ConfigurationError, "parameters.temperature", id="range"),
        pytest.param({"parameters": [{"heat": 1}]}, ConfigurationError, "parameters.heat: Extra", id="unknown"),
    ],
)
def test_a_variant_that_cannot_be_is_told(
    prompts: Path, data: Path, wish: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        Bench(prompts, data, script_of(CASES), **wish)


def killed_somewhere(bench: Bench, path: Path, seconds: float) -> bool:
    """Run in a process of its own, and kill it after a while. Whether it was killed before its end."""
    process = multiprocessing.get_context("fork").Process(target=bench.run, args=(path,), kwargs={"resume": True})
    process.start()
    process.join(seconds)
    assert process.pid is not None
    if process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    return process.exitcode == -signal.SIGKILL


def killed_and_resumed(bench: Bench, folder: Path, moments: Iterator[float]) -> tuple[Path, int]:
    """A run that was killed at each of these moments, and went on to its end; how many times it was hit."""
    path = folder / "killed.jsonl"
    hits = sum(killed_somewhere(bench, path, seconds) for seconds in moments)
    bench.run(path, resume=True)
    return path, hits


@pytest.mark.parametrize("rounds", [pytest.param(1, id="a few"), pytest.param(20, id="many", marks=pytest.mark.soak)])
def test_a_run_killed_at_any_moment_ends_as_the_same_file(
    prompts: Path, data: Path, tmp_path: Path, rounds: int
) -> None:
    script = [{**line, "delay_ms": 10} for line in script_of(CASES, upper)]
    bench = Bench(prompts, data, script, concurrency=4)
    start = time.monotonic()
    bench.run(tmp_path / "whole.jsonl")
    took = time.monotonic() - start
    chance = random.Random(11)
    hits = 0
    for number in range(rounds):
        folder = tmp_path / str(number)
        folder.mkdir()
        path, hit = killed_and_resumed(bench, folder, (chance.uniform(0, took / 3) for _ in range(5)))
        hits += hit
        assert timeless(path) == timeless(tmp_path / "whole.jsonl")
        assert [left.name for left in folder.iterdir()] == ["killed.jsonl"]
    assert hits >= 3 * rounds


def test_a_run_killed_while_it_is_put_in_order_ends_as_the_same_file(prompts: Path, data: Path, tmp_path: Path) -> None:
    """All outcomes are there, in the order in which they came, and beside them a half written file."""
    bench = Bench(prompts, data, script_of(CASES, upper))
    bench.run(tmp_path / "run.jsonl")
    whole = (tmp_path / "run.jsonl").read_bytes()
    head, *lines = whole.split(b"\n")[:-1]
    random.Random(3).shuffle(lines)
    (tmp_path / "run.jsonl").write_bytes(b"\n".join([head, *lines]) + b"\n")
    (tmp_path / ".run.jsonl.abc").write_bytes(whole[:1000])
    bench.run(tmp_path / "run.jsonl", resume=True)
    assert (tmp_path / "run.jsonl").read_bytes() == whole


@pytest.mark.parametrize(("seconds", "expected"), [(0, ()), (0.5, (0.5,)), (3, (1, 2)), (10, (1, 2, 4, 3))])
def test_the_waits_for_a_backend_grow(seconds: float, expected: tuple[float, ...]) -> None:
    assert waits(seconds) == expected


def test_recordings_that_cannot_be_written_stop_the_run(prompts: Path, data: Path, tmp_path: Path) -> None:
    """A full disk is no answer of a case."""
    bench = Bench(prompts, data, script_of(CASES), suite=suite_of(limit=4))
    folder = tmp_path / "recordings"
    recorded = in_mode(bench.settings.backends["script"], RecordingMode.RECORD, folder)
    bench.settings = bench.settings.model_copy(update={"backends": {"script": recorded}})
    with pytest.raises(ConfigurationError, match="a recording cannot be written"):
        bench.run(tmp_path / "run.jsonl", tell=lambda _: folder.rmdir())
    assert read_run(tmp_path / "run.jsonl").outcomes == {}
