"""What evaluations read of the configuration: the route of a task, and what tokens cost."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.settings import Settings
    from chains.result import Usage

__all__ = ["prices_of", "route_of"]


def route_of(settings: "Settings", task: str) -> str:
    """The backend that a task's requests go to first."""
    routes = settings.route()
    return routes.get(task, routes["default"])[0]


def prices_of(settings: "Settings") -> "Callable[[str, Usage], int | None]":
    """What tokens cost, by the backend's name and the usage."""
    if not settings.prices:
        return lambda backend, usage: None
    from app.usage.prices import PriceList

    prices = PriceList(settings.prices)
    return lambda backend, usage: prices.nano_usd(backend, usage) if backend in prices else None
