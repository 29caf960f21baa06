"""The connection under a request, for whoever has to end it.

ASGI has no word for cutting a connection: a response that ends early only closes it once all that was written has
gone out, and to a caller who takes no data it never does. app/edge/protocol.py leaves the word in the scope's state.
"""

from collections.abc import Callable

from starlette.types import Scope

__all__ = ["cutter_of"]


def cutter_of(scope: Scope) -> Callable[[], None]:
    """Cuts the connection at once, whatever still waits to be sent. Does nothing under another server."""
    return scope["state"].get("cut") or _nothing


def _nothing() -> None:
    pass
