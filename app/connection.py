"""The connection under a request, for whoever has to end it.

ASGI has no word for cutting a connection: a response that ends early only closes it once all that was written has
gone out, and to a caller who takes no data it never does.
"""

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Severable", "cutter_of"]


class Severable:
    """Plain ASGI, around everything else: it notes how the request's connection is cut, where the server tells."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            # uvicorn hands out methods of the object that holds the connection.
            transport = getattr(getattr(receive, "__self__", None), "transport", None)
            scope["state"] = {**scope.get("state", {}), "cut": getattr(transport, "abort", None)}
        await self._app(scope, receive, send)


def cutter_of(scope: Scope) -> Callable[[], None]:
    """Cuts the connection at once, whatever still waits to be sent. Does nothing under a server that cannot."""
    return scope["state"].get("cut") or _nothing


def _nothing() -> None:
    pass
