"""Collects what is wrong with a schema, place by place, up to a number."""

from chains.errors import FieldError, SchemaUnsupported
from chains.schema_gate.limits import MOST_PLACES

__all__ = ["GaveUp", "WrongPlaces", "below"]


class GaveUp(Exception):
    """Enough is wrong: the rest isn't looked at."""


class WrongPlaces:
    """The places of one schema. `pointer` is that of the schema within the request."""

    def __init__(self, pointer: str) -> None:
        self._pointer = pointer
        self.errors: list[FieldError] = []

    def add(self, pointer: str, code: str, message: str) -> None:
        """Note a place. Raises GaveUp after the last one that is listed."""
        error = FieldError(pointer, code, message)
        if error not in self.errors:  # a definition that is used twice is wrong once
            self.errors.append(error)
        if len(self.errors) >= MOST_PLACES:
            self.errors.append(FieldError(self._pointer, "more", "There may be more: only the first places are listed"))
            raise GaveUp

    def give_up(self, pointer: str, code: str, message: str) -> None:
        """Note what makes it needless, or too costly, to look on. Raises GaveUp."""
        self.add(pointer, code, message)
        raise GaveUp

    def refuse(self) -> None:
        """Raises SchemaUnsupported where something is wrong."""
        if self.errors:
            raise SchemaUnsupported(self._pointer, self.errors)


def below(pointer: str, *parts: str | int) -> str:
    """The JSON pointer (RFC 6901) of a part of what is at `pointer`."""
    return pointer + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
