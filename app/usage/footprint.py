"""Estimates of what requests cost in electricity and water; docs/footprint.md has the formula and its sources."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.sections import BackendFootprint, FootprintSettings
from app.settings import Settings
from chains.result import Usage

__all__ = ["HIGH_FACTOR", "LOW_FACTOR", "Footprint"]

LOW_FACTOR = 0.1
HIGH_FACTOR = 15.0
"""What measured values are of the estimate by tokens, at the least and at the most."""

_BASE_J = 0.1
_J_PER_BILLION = 0.05
_READING = 0.1
_UWH_PER_J = 1e6 / 3600


@dataclass(frozen=True, slots=True)
class _Rates:
    """Of one backend: micro-watt-hours for a token that is read, for one that is written, for a second in a slot;
    litres of water for a kilowatt-hour, which are as many microlitres for a millionth of one."""

    read_uwh: float
    written_uwh: float
    second_uwh: float
    water: float
    method: str


class Footprint:
    """The estimates, by backend."""

    def __init__(self, settings: Settings) -> None:
        self._rates: Mapping[str, _Rates] = {
            name: _rates(settings.footprint, name, backend.concurrency) for name, backend in settings.backends.items()
        }

    def method(self, backend: str) -> str:
        """How the backend's estimates come about, in one word and its most important number."""
        return self._rates[backend].method

    def methods(self) -> list[str]:
        """All backends' methods, as BACKEND=METHOD."""
        return [f"{name}={rates.method}" for name, rates in self._rates.items()]

    def estimate(self, backend: str, usage: Usage, seconds: float) -> tuple[int, int]:
        """Millionths of a watt-hour and of a litre, for one request's tokens there and the seconds in its slots."""
        rates = self._rates[backend]
        fresh = max(usage.input_tokens - usage.cached_input_tokens, 0)
        energy = fresh * rates.read_uwh + usage.output_tokens * rates.written_uwh + seconds * rates.second_uwh
        return round(energy), round(energy * rates.water / 1000)


def _rates(settings: FootprintSettings, backend: str, slots: int) -> _Rates:
    own = settings.backends.get(backend, BackendFootprint())
    pue = settings.pue if own.pue is None else own.pue
    site = settings.site_water_l_per_kwh if own.site_water_l_per_kwh is None else own.site_water_l_per_kwh
    grid = settings.grid_water_l_per_kwh if own.grid_water_l_per_kwh is None else own.grid_water_l_per_kwh
    water = site / pue + grid
    if own.watts is not None:
        second = own.watts / slots * pue * _UWH_PER_J
        return _Rates(0.0, 0.0, second, water, f"watts:{own.watts:g}")
    billions = settings.parameters_b if own.parameters_b is None else own.parameters_b
    written = (_BASE_J + _J_PER_BILLION * billions) * pue * _UWH_PER_J
    return _Rates(_READING * written, written, 0.0, water, f"tokens:{billions:g}b")
