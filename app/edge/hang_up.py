"""A caller that hangs up while its request is being worked on."""

from collections.abc import Callable

__all__ = ["HangUp"]


class HangUp:
    """Tells one listener as soon as the caller of one request has hung up. The protocol hands it to the application
    under `hang_up` in the scope's state: ASGI tells it only to who waits for it in a task of its own."""

    def __init__(self) -> None:
        self._happened = False
        self._listener: Callable[[], None] | None = None

    def happen(self) -> None:
        """The connection is lost. Only the first call counts."""
        if not self._happened:
            self._happened = True
            self.tell(self._listener)

    def tell(self, listener: Callable[[], None] | None) -> None:
        """Who shall hear of it from now on: at once, where it has happened."""
        self._listener = listener
        if self._happened and listener is not None:
            listener()
