"""The guard: what it tells of a run beside the stored one. It looks at ratios: a slower machine is nothing."""

import pytest

from bench.side_by_side.guard import gone, notes, worse
from bench.side_by_side.results import Aim, Run
from tests.bench.side_by_side.runs import run, section

STEADY = {"copydesk": [1000.0, 1010.0], "mlflow": [500.0, 505.0]}


@pytest.mark.parametrize(
    ("metric", "now", "told"),
    [
        pytest.param("rate", STEADY, False, id="the same"),
        pytest.param("rate", {"copydesk": [100.0, 100.0], "mlflow": [50.0, 50.0]}, False, id="a slower machine"),
        pytest.param(
            "rate", {"copydesk": [500.0, 500.0], "mlflow": [500.0, 500.0]}, True, id="half the rate beside a peer"
        ),
        pytest.param("rate", {"copydesk": [2000.0, 2000.0], "mlflow": [500.0, 500.0]}, False, id="twice the rate"),
        pytest.param("rate", {"copydesk": [850.0, 850.0], "mlflow": [500.0, 500.0]}, False, id="a little less"),
        pytest.param(
            "rate", {"copydesk": [500.0, 250.0, 1000.0], "mlflow": [500.0, 500.0]}, False, id="within the noise"
        ),
        pytest.param("CPU", {"copydesk": [2000.0, 2000.0], "mlflow": [500.0, 500.0]}, True, id="twice the CPU time"),
        pytest.param("CPU", {"copydesk": [500.0, 500.0], "mlflow": [500.0, 500.0]}, False, id="half the CPU time"),
        pytest.param("p50", {"copydesk": [2000.0, 2000.0], "mlflow": [500.0, 500.0]}, True, id="twice the latency"),
        pytest.param(
            "rounds", {"copydesk": [2000.0, 2000.0], "mlflow": [500.0, 500.0]}, False, id="a metric that nobody judges"
        ),
        pytest.param("rate", {"copydesk": [1.0, 1.0]}, False, id="no peer"),
        pytest.param(
            "rate", {"copydesk": [1.0, 1.0], "litellm": [5.0, 5.0]}, False, id="a peer that wasn't measured before"
        ),
        pytest.param("rate", {"copydesk": [1.0, 1.0], "mlflow": [0.0, 0.0]}, False, id="nothing to divide by"),
    ],
)
def test_a_ratio_that_has_become_worse_is_told(metric: str, now: dict[str, list[float]], told: bool) -> None:
    stored = run(section(rates=STEADY, metric=metric))
    assert bool(worse(run(section(rates=now, metric=metric)), stored)) is told


def test_what_is_told_names_section_case_peer_and_both_ratios() -> None:
    lines = worse(
        run(section(rates={"copydesk": [500.0, 500.0], "mlflow": [500.0, 500.0]})), run(section(rates=STEADY))
    )
    assert lines == [
        "overhead, at once, 16: copydesk's rate is 1 times that of mlflow; it was 2 times in the stored run"
    ]


def test_a_stored_run_of_another_machine_is_told() -> None:
    here = run()
    there = here.model_copy(update={"machine": here.machine.model_copy(update={"cores": 16})})
    assert list(notes(here, here)) == []
    assert list(notes(here, there)) == [
        "the stored run is of another machine (A processor, 16 cores; here A processor, 2 cores): "
        "ratios may differ for that alone"
    ]


def test_copydesk_in_another_setting_is_no_peer() -> None:
    then = {"copydesk": [1000.0, 1000.0], "copydesk, one text": [500.0, 500.0]}
    now = {"copydesk": [1000.0, 1000.0], "copydesk, one text": [9000.0, 9000.0]}
    assert worse(run(section(rates=now)), run(section(rates=then))) == []


def test_a_single_round_is_not_compared_and_that_is_told() -> None:
    now, then = run(section(rates={"copydesk": [1.0], "mlflow": [500.0]})), run(section(rates=STEADY))
    for one, other in ((now, then), (then, now)):
        assert worse(one, other) == []
        assert list(notes(one, other)) == [
            "overhead: ratios that aren't compared, because a figure has fewer than 2 rounds: 1"
        ]


def test_a_quick_run_is_not_compared_with_a_whole_one_and_that_is_told() -> None:
    now = run(section(rates={"copydesk": [1.0, 1.0], "mlflow": [500.0, 500.0]})).model_copy(update={"quick": True})
    then = run(section(rates=STEADY))
    assert worse(now, then) == []
    assert list(notes(now, then)) == ["ratios aren't compared: this run is a quick one, and the stored a whole one"]


@pytest.mark.parametrize(
    ("then", "now", "told"),
    [
        pytest.param("met", "missed", True, id="missed now"),
        pytest.param("met", "met", False, id="still met"),
        pytest.param("missed", "missed", False, id="missed before"),
        pytest.param("met", "not measured", False, id="not measured now"),
    ],
)
def test_an_aim_that_was_met_and_is_missed_now_is_told(then: str, now: str, told: bool) -> None:
    lines = worse(judged(now), judged(then))
    assert lines == (
        ["overhead: the aim 'fast' was met in the stored run, and is missed now: 2 ms, bound <= 1 ms"] if told else []
    )


def judged(state: str) -> Run:
    measured = "not measured" if state == "not measured" else "2 ms"
    aim = Aim(text="fast", metric="p50", bound="<= 1 ms", measured=measured, met=state == "met")
    return run(section(rates={}, aims=[aim]))


WIDE = run(section(rates=STEADY), section("streams", rates=STEADY), section("start", rates=STEADY))


@pytest.mark.parametrize(
    ("now", "keys", "subjects", "told"),
    [
        pytest.param(WIDE, ["overhead", "streams", "start"], [], [], id="all is there"),
        pytest.param(
            run(section(rates=STEADY)),
            ["overhead", "streams"],
            [],
            ["the section streams is in the stored run, and not in this one"],
            id="a section that was asked for",
        ),
        pytest.param(
            run(section(rates={"copydesk": [1.0]})),
            ["overhead"],
            [],
            ["overhead: mlflow is in the stored run, and not in this one"],
            id="a peer",
        ),
        pytest.param(run(section(rates={"copydesk": [1.0]})), ["overhead"], ["copydesk"], [], id="a peer left out"),
        pytest.param(
            run(section(rates=STEADY, case="at once, 1")),
            ["overhead"],
            ["mlflow"],
            ["overhead, at once, 16: mlflow has no rate, which the stored run has"],
            id="a figure",
        ),
    ],
)
def test_what_is_gone_of_what_was_asked_for_is_told(
    now: Run, keys: list[str], subjects: list[str], told: list[str]
) -> None:
    assert gone(now, WIDE, keys=keys, subjects=subjects) == told


def test_another_case_is_not_compared() -> None:
    now = section(rates={"copydesk": [1.0, 1.0], "mlflow": [500.0, 500.0]}, case="at once, 1")
    assert worse(run(now), run(section(rates=STEADY))) == []
