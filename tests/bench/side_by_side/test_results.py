"""Results: what a row says of its rounds, what is stored, and what a part of a run renews."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from bench.side_by_side.results import Aim, Run, row
from tests.bench.side_by_side.runs import run, section


@pytest.mark.parametrize(
    ("rounds", "median", "low", "high"),
    [([3.0], 3, 3, 3), ([5.0, 1.0, 2.0], 2, 1, 5), ([4.0, 1.0, 2.0, 3.0], 2.5, 1, 4)],
)
def test_a_row_says_median_lowest_and_highest_of_its_rounds(
    rounds: list[float], median: float, low: float, high: float
) -> None:
    made = row("overhead", "copydesk", "at once, 1", "rate", "requests/s", rounds)
    assert (made.median, made.low, made.high, made.rounds) == (median, low, high, rounds)


def test_a_row_of_no_round_is_refused() -> None:
    with pytest.raises(ValueError, match="copydesk, at once, 1: no round measured rate"):
        row("overhead", "copydesk", "at once, 1", "rate", "requests/s", [])


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    aim = Aim(text="a", metric="rate", bound=">= 1 times", measured="2.00 times", met=True)
    made = run(section(rates={"copydesk": [1.0, 2.0], "mlflow": [3.0]}, aims=[aim]), missing={"litellm": "no pip"})
    made.write(tmp_path / "run.json")
    assert Run.read(tmp_path / "run.json") == made


@pytest.mark.parametrize("text", ["", "{}", '{"machine": {}, "more": 1}'])
def test_what_is_no_run_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ValidationError):
        Run.read(tmp_path / "run.json")


def test_a_part_of_a_run_renews_its_own_sections_and_adds_what_is_new() -> None:
    old = run(section("overhead", rates={"copydesk": [1.0]}), section("streams", rates={"copydesk": [2.0]}))
    new = run(section("streams", rates={"copydesk": [9.0]}), section("start", rates={"copydesk": [8.0]}))
    renewed = old.renewed(new)
    assert [each.key for each in renewed.sections] == ["overhead", "streams", "start"]
    assert [each.rows[0].median for each in renewed.sections] == [1, 9, 8]


def test_a_subject_that_is_measured_now_is_missing_no_more() -> None:
    old = run(missing={"litellm": "no pip", "mlflow": "no pip"}, versions={"copydesk": "1"})
    renewed = old.renewed(run(versions={"copydesk": "2", "litellm": "3"}))
    assert (renewed.missing, renewed.versions) == ({"mlflow": "no pip"}, {"copydesk": "2", "litellm": "3"})


def test_a_section_that_is_measured_now_is_missing_no_more() -> None:
    old = run(missing={"the section start": "it failed", "the section streams": "it failed"})
    assert old.renewed(run(section("start", rates={"copydesk": [1.0]}))).missing == {"the section streams": "it failed"}


def test_missed_aims_that_nobody_explained_are_found() -> None:
    missed = ("3 ms", False)
    states = {"met": ("1 ms", True), "explained": missed, "bare": missed, "none": ("not measured", False)}
    aims = [
        Aim(text=text, metric="m", bound="<= 2 ms", measured=measured, met=met)
        for text, (measured, met) in states.items()
    ]
    assert run(section(rates={}, aims=aims)).unexplained({"explained": "the heap"}) == ["bare"]


def test_sections_that_a_run_lacks_are_named_and_a_known_reason_stays() -> None:
    made = run(section("overhead", rates={"copydesk": [1.0]}), missing={"the section start": "it failed"})
    assert made.lacking(["overhead", "start", "streams"]).missing == {
        "the section start": "it failed",
        "the section streams": "it wasn't measured",
    }


@pytest.mark.parametrize(
    ("quick", "seconds", "told"),
    [
        (False, 1200, None),
        (False, 1212, "the run took 20.2 minutes, and is meant to take 20 at most"),
        (True, 240, None),
        (True, 300, "the run took 5.0 minutes, and is meant to take 4 at most"),
    ],
)
def test_a_run_that_took_too_long_says_so(quick: bool, seconds: float, told: str | None) -> None:
    assert run().model_copy(update={"quick": quick, "seconds": seconds}).overtime() == told
