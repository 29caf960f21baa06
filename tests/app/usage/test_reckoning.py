"""Prices and estimates: exact where they can be, and as the documentation says where not."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.sections import Price
from app.settings import load_settings
from app.usage import UsageBooks
from app.usage.footprint import Footprint
from app.usage.prices import PriceList
from chains.errors import ConfigurationError
from chains.ledger import Ledger
from chains.result import Usage
from tests.app.usage.accounts import at, settings_of


@pytest.mark.parametrize(
    ("price", "usage", "nano_usd"),
    [
        pytest.param(Price(input_usd=0.15, output_usd=0.6), Usage(1000, 0, 100), 210_000, id="in and out"),
        pytest.param(Price(input_usd=3, cached_input_usd=0.3), Usage(1000, 900), 100 * 3000 + 900 * 300, id="cached"),
        pytest.param(Price(input_usd=3), Usage(1000, 900), 3_000_000, id="cached without a price of its own"),
        pytest.param(Price(input_usd=0.0375), Usage(3), 113, id="rounded to the next billionth"),
        pytest.param(Price(input_usd=0.1 + 0.2), Usage(10**6), 300_000_000, id="as the number is written"),
        pytest.param(Price(), Usage(10, 0, 10), 0, id="for nothing"),
        pytest.param(Price(input_usd=1), Usage(5, 9), 9000, id="a server that counts more cached than read"),
    ],
)
def test_prices(price: Price, usage: Usage, nano_usd: int) -> None:
    assert PriceList({"a": price}).nano_usd("a", usage) == nano_usd


@pytest.mark.parametrize("wrong", [-1, float("inf"), float("nan"), 1e9])
def test_no_price_that_is_none(wrong: float) -> None:
    with pytest.raises(ValidationError):
        Price(input_usd=wrong)


OUT_UWH = 0.5 / 3600 * 1e6 * 1.2
"""Half a joule for a token of a model of 8 billion parameters, in a building with a PUE of 1.2."""


@pytest.mark.parametrize(
    ("footprint", "usage", "seconds", "energy_uwh", "water_l_per_kwh", "method"),
    [
        pytest.param({}, Usage(0, 0, 1000), 9.0, 1000 * OUT_UWH, 0.5 / 1.2 + 3.1, "tokens:8b", id="written"),
        pytest.param({}, Usage(1000), 9.0, 100 * OUT_UWH, 0.5 / 1.2 + 3.1, "tokens:8b", id="read"),
        pytest.param({}, Usage(1000, 600), 9.0, 40 * OUT_UWH, 0.5 / 1.2 + 3.1, "tokens:8b", id="read before"),
        pytest.param(
            {"parameters_b": 70, "pue": 1, "site_water_l_per_kwh": 0, "grid_water_l_per_kwh": 1},
            *(Usage(0, 0, 1000), 0.0, 1000 * 3.6 / 3600 * 1e6, 1.0, "tokens:70b"),
            id="another model, elsewhere",
        ),
        pytest.param(
            {"backends": {"a": {"parameters_b": 0.135}}},
            *(Usage(0, 0, 1000), 0.0, 1000 * OUT_UWH * (0.1 + 0.05 * 0.135) / 0.5, 0.5 / 1.2 + 3.1, "tokens:0.135b"),
            id="one backend",
        ),
        pytest.param(
            {"backends": {"a": {"watts": 400, "pue": 1, "site_water_l_per_kwh": 2}}},
            *(Usage(10, 0, 1000), 9.0, 9 * 400 / 4 / 3600 * 1e6, 2 + 3.1, "watts:400"),
            id="measured watts, a quarter of the slots",
        ),
    ],
)
def test_estimates(
    footprint: dict[str, Any], usage: Usage, seconds: float, energy_uwh: float, water_l_per_kwh: float, method: str
) -> None:
    scripted = {"kind": "scripted", "answers": [{}], "concurrency": 4}
    settings = settings_of("sqlite:///unused.db", backends={"a": scripted}, footprint=footprint)
    estimates = Footprint(settings)
    energy, water = estimates.estimate("a", usage, seconds)
    assert energy == round(energy_uwh)
    assert water == round(energy_uwh / 1e9 * water_l_per_kwh * 1e6)
    assert estimates.methods() == [f"a={method}"]


def test_a_bill_is_the_sum_over_all_backends(tmp_path: Any) -> None:
    with at(tmp_path / "usage.db") as database:
        books = UsageBooks(database, settings_of(f"sqlite:///{tmp_path}/usage.db"))
        ledger = Ledger()
        ledger.shares = {("a", "m"): Usage(10, 0, 3, 1), ("b", "n"): Usage(100, 0, 30, 1)}
        bill = books.bill(ledger, "b")
        only_b, nothing = Ledger(), Ledger()
        only_b.shares = {("b", "n"): Usage(100, 0, 30, 1)}
    assert bill is not None
    assert (bill.cost_nano_usd, bill.method) == (16_000, "tokens:8b")
    assert bill.energy_uwh == round(4 * OUT_UWH) + round(40 * OUT_UWH)
    without = books.bill(only_b, "b")
    assert without is not None
    assert without.cost_nano_usd is None
    shared = books.bill(nothing, "a")
    assert shared is not None
    assert (shared.cost_nano_usd, shared.energy_uwh) == (0, 0), "another request paid"


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ("prices: {gpu: {input_usd: 1}}", "prices.gpu: there is no backend 'gpu'; the backends are local"),
        ("footprint: {backends: {gpu: {watts: 9}}}", "footprint.backends.gpu: there is no backend 'gpu'"),
        ("footprint: {pue: 0.5}", "footprint.pue: "),
    ],
)
def test_what_names_no_backend_stops_the_start(tmp_path: Any, section: str, problem: str) -> None:
    path = tmp_path / "copydesk.yaml"
    path.write_text(section)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path)
    assert problem in str(caught.value)
