"""Reading the JSON that a model was merely asked for: as a careful user of the plain way does."""

import json
from collections.abc import Iterator
from typing import Any

__all__ = ["first_json", "strings_at"]

_DECODER = json.JSONDecoder()


def first_json(text: str, kind: type[dict[str, Any]] | type[list[Any]]) -> Any | None:
    """The first JSON object or array in the text, whatever stands around it (a code fence, words); None without one."""
    opening = "{" if kind is dict else "["
    for place in _places(text, opening):
        try:
            found, _ = _DECODER.raw_decode(text, place)
        except (ValueError, RecursionError):
            continue
        return found
    return None


def strings_at(found: Any, *keys: str) -> tuple[str, ...] | None:
    """The values at the keys where `found` is an object that has them all as strings."""
    if not isinstance(found, dict):
        return None
    values = [value for value in map(found.get, keys) if isinstance(value, str)]
    return tuple(values) if len(values) == len(keys) else None


def _places(text: str, opening: str) -> Iterator[int]:
    place = text.find(opening)
    while place >= 0:
        yield place
        place = text.find(opening, place + 1)
