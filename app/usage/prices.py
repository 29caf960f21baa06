"""What tokens cost, in whole billionths of a US dollar, so that sums stay exact."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from app.sections import Price
from chains.result import Usage

__all__ = ["PriceList"]

_NANO = 10**9
_MILLION = 10**6


class PriceList:
    """The prices of the configuration, by backend."""

    def __init__(self, prices: Mapping[str, Price]) -> None:
        self._rates = {backend: _rates(price) for backend, price in prices.items()}

    def __contains__(self, backend: str) -> bool:
        return backend in self._rates

    def nano_usd(self, backend: str, usage: Usage) -> int:
        """The cost of one request's tokens there, rounded to the next billionth of a dollar; 0 without a price."""
        rates = self._rates.get(backend)
        if rates is None:
            return 0
        read, cached, written = rates
        fresh = max(usage.input_tokens - usage.cached_input_tokens, 0)
        cost = fresh * read + usage.cached_input_tokens * cached + usage.output_tokens * written
        return (cost + _MILLION // 2) // _MILLION


def _rates(price: Price) -> tuple[int, int, int]:
    """Billionths of a dollar for a million tokens: read, read from a cache, written."""
    cached = price.input_usd if price.cached_input_usd is None else price.cached_input_usd
    return _nano(price.input_usd), _nano(cached), _nano(price.output_usd)


def _nano(usd: float) -> int:
    return int((Decimal(str(usd)) * _NANO).to_integral_value(ROUND_HALF_UP))
