"""Intervals of rates and of paired differences against scipy and published values."""

import pytest
from scipy.stats import binomtest, norm

from eval.statistics.adjusted import Spread, adjusted
from eval.statistics.interval import Interval, outermost
from eval.statistics.newcombe import Table, newcombe
from eval.statistics.wilson import wilson

# Paired outcomes of two studies, as in R's contingencytables (Fagerland, Lydersen and Laake, Statistical Analysis of
# Contingency Tables, 2017, chapter 8).
BENTUR = Table(both=1, lost=7, gained=1, neither=12)
CAVO = Table(both=59, lost=16, gained=6, neither=80)


@pytest.mark.parametrize(
    ("hits", "cases", "tail"),
    [(0, 10, 0.025), (10, 10, 0.05), (3, 40, 0.05), (81, 263, 0.025), (1, 1, 0.05), (15, 148, 0.025)],
)
def test_wilson_is_that_of_scipy(hits: int, cases: int, tail: float) -> None:
    expected = binomtest(hits, cases).proportion_ci(1 - 2 * tail, method="wilson")
    assert wilson(hits, cases, tail) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_published_wilson_intervals() -> None:
    """Newcombe 1998, Statistics in Medicine 17:857, table I, method 3."""
    assert wilson(81, 263, 0.025) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20, 0.025) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1, 29, 0.025) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_a_rate_of_nothing_may_be_anything() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("hits", "cases"), [(2, 1), (-1, 4)])
def test_impossible_rates_are_refused(hits: int, cases: int) -> None:
    with pytest.raises(ValueError, match="can't be"):
        wilson(hits, cases)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        pytest.param(BENTUR, (-0.507, -0.026), id="Bentur et al. 2009, in Fagerland et al. 2014"),
        pytest.param(CAVO, (-0.1186, -0.0046), id="Cavo et al. 2012, in the tests of contingencytables"),
    ],
)
def test_published_newcombe_intervals(table: Table, expected: tuple[float, float]) -> None:
    digits = 5e-4 if table is BENTUR else 5e-5
    assert newcombe(table, 0.025) == pytest.approx(expected, abs=digits)


@pytest.mark.parametrize("table", [BENTUR, CAVO, Table(15, 0, 0, 15)])
def test_the_adjusted_interval_is_that_of_the_paper(table: Table) -> None:
    """Bonett and Price 2012: the Wald interval of Laplace's estimates of both shares."""
    gained, lost = (table.gained + 1) / (table.cases + 2), (table.lost + 1) / (table.cases + 2)
    error = ((gained + lost - (gained - lost) ** 2) / (table.cases + 2)) ** 0.5
    expected = (gained - lost - norm.ppf(0.975) * error, gained - lost + norm.ppf(0.975) * error)
    spread = Spread.of(table.gained - table.lost, table.gained + table.lost, table.cases, 1.0)
    assert adjusted(spread, 0.025) == pytest.approx(expected)


@pytest.mark.parametrize(
    "table",
    [
        pytest.param(Table(30, 0, 0, 0), id="all right"),
        pytest.param(Table(0, 0, 0, 30), id="all wrong"),
        pytest.param(Table(0, 30, 0, 0), id="all lost"),
        pytest.param(Table(15, 0, 0, 15), id="nothing changes"),
        pytest.param(Table(0, 15, 15, 0), id="everything changes"),
        pytest.param(Table(1, 0, 0, 0), id="one case"),
    ],
)
def test_degenerate_tables_have_an_interval_with_the_difference_in_it(table: Table) -> None:
    lower, upper = newcombe(table)
    assert -1 <= lower <= table.difference <= upper <= 1
    assert lower < upper


def test_newcombe_turns_with_the_sides() -> None:
    turned = newcombe(Table(BENTUR.both, BENTUR.gained, BENTUR.lost, BENTUR.neither))
    assert tuple(turned) == pytest.approx([-end for end in reversed(newcombe(BENTUR))])


def test_a_smaller_error_makes_a_wider_interval() -> None:
    wide, narrow = newcombe(CAVO, 0.025), newcombe(CAVO, 0.05)
    assert wide.lower < narrow.lower < narrow.upper < wide.upper


def test_the_outermost_ends() -> None:
    assert outermost([Interval(-1, 2), Interval(0, 3)]) == (-1, 3)
