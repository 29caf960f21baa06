"""How often the statistics err where the truth is known: a small slice here, the long runs in `make soak`.

Seeds are fixed. A rate that was simulated may miss what is stated by three standard errors of the simulation.
"""

import itertools
from functools import cache
from math import sqrt

import numpy as np
import pytest
from scipy.stats import multinomial

from eval.statistics.adjusted import Spread, adjusted
from eval.statistics.interval import Interval, outermost
from eval.statistics.newcombe import Table, newcombe
from eval.statistics.power import mcnemar_power
from eval.statistics.verdict import Verdict, compare_all
from tests.eval.statistics.simulation import (
    WORLDS,
    World,
    entities,
    few_changes,
    rates,
    repeated,
    right_or_wrong,
    scores,
    six_equal_metrics,
)

WITH_PAIRS_OF_NUMBERS = [name for name in WORLDS if not name.startswith("right or wrong, 11")]
NULL = [name for name, world in WORLDS.items() if world.truth == 0 and name != "scores, skewed"]


def slack(rate: float, runs: int) -> float:
    return 3 * sqrt(rate * (1 - rate) / runs)


@cache
def all_tables(cases: int) -> list[Table]:
    return [
        Table(both, lost, gained, cases - both - lost - gained)
        for both in range(cases + 1)
        for lost in range(cases + 1 - both)
        for gained in range(cases + 1 - both - lost)
    ]


def interval_of(table: Table, tail: float) -> Interval:
    spread = Spread.of(table.gained - table.lost, table.gained + table.lost, table.cases, 1.0)
    return outermost([newcombe(table, tail), adjusted(spread, tail)])


def test_the_interval_of_right_and_wrong_covers_whatever_the_shares_are() -> None:
    """Exact, over every possible outcome of 50 cases: at least 0.93 for intervals of 95 %. Newcombe's has less."""
    tables = all_tables(50)
    counts = np.array([[table.both, table.lost, table.gained, table.neither] for table in tables])
    ends, alone = (np.array([one(table, 0.025) for table in tables]) for one in (interval_of, newcombe))
    covered: list[float] = []
    by_newcombe: list[float] = []
    for right, lost, gained in itertools.product((0.5, 0.8), (0.0, 0.02, 0.05, 0.1, 0.2), (0.0, 0.02, 0.05, 0.1)):
        likely = multinomial.pmf(counts, 50, [right - lost, lost, gained, 1 - right - gained])
        for found, interval in ((covered, ends), (by_newcombe, alone)):
            holds = (interval[:, 0] <= gained - lost + 1e-9) & (interval[:, 1] >= gained - lost - 1e-9)
            found.append(float(likely[holds].sum()))
    assert min(covered) >= 0.93
    assert np.mean(covered) >= 0.95
    assert min(by_newcombe) < 0.93


@pytest.mark.parametrize("changing", [0.02, 0.11, 0.3, 1.0])
@pytest.mark.parametrize("cases", [30, 40, 100, 200, 1000])
def test_equal_versions_hardly_ever_lose_significantly(cases: int, changing: float) -> None:
    """Exact: McNemar's test of right and wrong, which REGRESSED needs."""
    assert mcnemar_power(cases, changing / 2, changing / 2) <= 0.05


@pytest.mark.parametrize(("cases", "stated"), [(100, 0.32), (200, 0.63), (500, 0.96)])
def test_a_loss_of_five_points_is_found_as_often_as_the_design_says(cases: int, stated: float) -> None:
    """8 % lost and 3 % gained, from the pairs to the verdict."""
    runs = 400
    found = rates(right_or_wrong(0.08, 0.03), cases, runs).regressed
    assert found == pytest.approx(stated, abs=slack(stated, runs) + 0.01)


@pytest.mark.parametrize(
    ("cases", "margin", "measured"),
    [
        pytest.param(40, 0.05, 0.21, id="40 cases, margin 5"),
        pytest.param(40, 0.10, 0.54, id="40 cases, margin 10"),
        pytest.param(200, 0.05, 0.67, id="200 cases, margin 5"),
    ],
)
def test_how_often_an_equal_version_passes(cases: int, margin: float, measured: float) -> None:
    """11 % of the cases change, as many for the better as for the worse. The design has 0.28, 0.64 and 0.69, which is
    what an interval gives that isn't corrected for continuity, and that covers too little (docs/adr/0027)."""
    runs = 1000
    passed = rates(right_or_wrong(0.055, 0.055), cases, runs).passed[margin]
    assert passed == pytest.approx(measured, abs=slack(measured, runs))


@pytest.mark.parametrize(
    ("world", "cases", "margin"),
    [
        pytest.param(right_or_wrong(0.08, 0.03), 200, 0.05, id="right or wrong, 8 % lost, 3 % gained"),
        pytest.param(right_or_wrong(0.15, 0.05), 40, 0.10, id="right or wrong, 15 % lost, 5 % gained"),
        pytest.param(scores(loss=0.1), 40, 0.10, id="scores"),
    ],
)
def test_a_loss_of_the_whole_margin_hardly_ever_passes(world: World, cases: int, margin: float) -> None:
    runs = 80
    assert rates(world, cases, runs).passed[margin] <= 0.05 + slack(0.05, runs)


@pytest.mark.parametrize(
    "world",
    [
        pytest.param(scores(), id="scores"),
        pytest.param(few_changes(0.1), id="scores, 10 % change"),
        pytest.param(entities(lost=0.1), id="micro F1 of entities, 10 % fewer found"),
    ],
)
def test_intervals_of_fifty_cases_cover(world: World) -> None:
    runs = 60
    assert rates(world, 50, runs, both=True).interval >= 0.93 - slack(0.93, runs)


def alarms(cases: int, runs: int) -> tuple[float, float]:
    """How often one of six equal metrics is called REGRESSED, and how often one would be by its own test alone."""
    chance = np.random.default_rng(cases)
    found = [compare_all(six_equal_metrics(chance, cases)) for _ in range(runs)]
    called = sum(any(one.verdict is Verdict.REGRESSED for one in metrics) for metrics in found)
    alone = sum(any(one.p_value is not None and one.p_value <= 0.05 for one in metrics) for metrics in found)
    return called / runs, alone / runs


def test_six_equal_metrics_raise_few_alarms() -> None:
    """And would raise many without the correction: so the slice is large enough to show a mistake."""
    called, alone = alarms(40, 60)
    assert called <= 0.05 + slack(0.05, 60) < alone


@pytest.mark.soak
@pytest.mark.parametrize("cases", [40, 60, 200])
def test_six_equal_metrics_raise_few_alarms_in_many_runs(cases: int) -> None:
    assert alarms(cases, 1000)[0] <= 0.05 + slack(0.05, 1000)


@pytest.mark.soak
@pytest.mark.parametrize("cases", [50, 100, 200])
@pytest.mark.parametrize("name", WITH_PAIRS_OF_NUMBERS)
def test_intervals_cover_in_many_runs(name: str, cases: int) -> None:
    runs = 1000
    found = rates(WORLDS[name], cases, runs, both=True)
    assert found.interval >= 0.93 - slack(0.93, runs)


@pytest.mark.soak
@pytest.mark.parametrize("cases", [30, 40, 50, 100, 200])
@pytest.mark.parametrize("name", NULL)
def test_equal_versions_raise_few_alarms_in_many_runs(name: str, cases: int) -> None:
    runs = 1000
    assert rates(WORLDS[name], cases, runs).regressed <= 0.05 + slack(0.05, runs)


@pytest.mark.soak
@pytest.mark.parametrize("cases", [50, 200])
@pytest.mark.parametrize(
    "world",
    [
        pytest.param(scores(loss=0.05), id="scores"),
        pytest.param(few_changes(0.2, up=0.25), id="few changes"),
        pytest.param(right_or_wrong(0.08, 0.03), id="right or wrong"),
    ],
)
def test_a_loss_of_the_whole_margin_hardly_ever_passes_in_many_runs(world: World, cases: int) -> None:
    runs = 1000
    assert world.truth == pytest.approx(-0.05)
    assert rates(world, cases, runs).passed[0.05] <= 0.065 + slack(0.05, runs)


@pytest.mark.soak
def test_repeats_are_one_case() -> None:
    """Five repeats of 60 cases are no 300 cases: equal versions raise no more alarms than 5 %."""
    runs = 1000
    assert rates(repeated(5), 60, runs).regressed <= 0.05 + slack(0.05, runs)
