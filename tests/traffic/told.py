"""A meter that keeps all that it is told."""

from typing import Any, cast

from chains.traffic.meter import Meter

__all__ = ["Told"]


class Told:
    """Each call as its name and its values, the backend's name left out."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda _, *values: self.calls.append((name, *values))

    def of(self, name: str) -> list[Any]:
        """The values of the calls of one name."""
        return [call[1] for call in self.calls if call[0] == name]

    @property
    def meter(self) -> Meter:
        return cast(Meter, self)
