"""The guard: what it tells of a run beside the stored one. It looks at ratios: a slower machine is nothing."""

import pytest

from bench.side_by_side.guard import other_machine, worse
from tests.bench.side_by_side.runs import run, section

STEADY = {"copydesk": [1000.0, 1010.0], "mlflow": [500.0, 505.0]}


@pytest.mark.parametrize(
    ("metric", "now", "told"),
    [
        pytest.param("rate", STEADY, False, id="the same"),
        pytest.param("rate", {"copydesk": [100.0], "mlflow": [50.0]}, False, id="a slower machine"),
        pytest.param("rate", {"copydesk": [500.0], "mlflow": [500.0]}, True, id="half the rate beside a peer"),
        pytest.param("rate", {"copydesk": [2000.0], "mlflow": [500.0]}, False, id="twice the rate"),
        pytest.param("rate", {"copydesk": [850.0], "mlflow": [500.0]}, False, id="a little less"),
        pytest.param("rate", {"copydesk": [500.0, 250.0, 1000.0], "mlflow": [500.0]}, False, id="within the noise"),
        pytest.param("CPU", {"copydesk": [2000.0], "mlflow": [500.0]}, True, id="twice the CPU time"),
        pytest.param("CPU", {"copydesk": [500.0], "mlflow": [500.0]}, False, id="half the CPU time"),
        pytest.param("p50", {"copydesk": [2000.0], "mlflow": [500.0]}, True, id="twice the latency"),
        pytest.param("rounds", {"copydesk": [2000.0], "mlflow": [500.0]}, False, id="a metric that nobody judges"),
        pytest.param("rate", {"copydesk": [1.0]}, False, id="no peer"),
        pytest.param("rate", {"copydesk": [1.0], "litellm": [5.0]}, False, id="a peer that wasn't measured before"),
        pytest.param("rate", {"copydesk": [1.0], "mlflow": [0.0]}, False, id="nothing to divide by"),
    ],
)
def test_a_ratio_that_has_become_worse_is_told(metric: str, now: dict[str, list[float]], told: bool) -> None:
    stored = run(section(rates=STEADY, metric=metric))
    assert bool(worse(run(section(rates=now, metric=metric)), stored)) is told


def test_what_is_told_names_section_case_peer_and_both_ratios() -> None:
    lines = worse(run(section(rates={"copydesk": [500.0], "mlflow": [500.0]})), run(section(rates=STEADY)))
    assert lines == [
        "overhead, at once, 16: copydesk's rate is 1 times that of mlflow; it was 2 times in the stored run"
    ]


def test_a_stored_run_of_another_machine_is_told() -> None:
    here = run()
    there = here.model_copy(update={"machine": here.machine.model_copy(update={"cores": 16})})
    assert other_machine(here, here) is None
    assert other_machine(here, there) == (
        "the stored run is of another machine (A processor, 16 cores; here A processor, 2 cores): "
        "ratios may differ for that alone"
    )


def test_another_case_is_not_compared() -> None:
    now = section(rates={"copydesk": [1.0], "mlflow": [500.0]}, case="at once, 1")
    assert worse(run(now), run(section(rates=STEADY))) == []
