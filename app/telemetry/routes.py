"""Which operation a request was meant for that never got there: it was refused before."""

from collections.abc import Iterable
from typing import Any

from starlette.routing import BaseRoute, Match
from starlette.types import Scope

__all__ = ["sought_route"]


def sought_route(scope: Scope) -> BaseRoute | None:
    """The operation that the path and the method name, else one that has the path; None where nothing has it."""
    found = list(_matches(scope["app"].routes, scope)) if "app" in scope else []
    return next((route for match, route in found if match is Match.FULL), found[0][1] if found else None)


def _matches(routes: Iterable[Any], scope: Scope) -> Iterable[tuple[Match, BaseRoute]]:
    for route in routes:
        included = getattr(route, "original_router", None)  # FastAPI keeps the routers that were included
        if included is not None:
            yield from _matches(included.routes, scope)
            continue
        match, found = route.matches(scope)
        if match is not Match.NONE:
            yield match, found.get("route", route)  # one of many, where the route stands for them
