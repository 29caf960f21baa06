"""Reading the JSON that a model was merely asked for: as a careful user of the plain way does."""

import json
from collections.abc import Iterator
from typing import Any

__all__ = ["json_objects", "strings_at"]

_DECODER = json.JSONDecoder()


def json_objects(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects of the text that stand in no other, whatever is around them: a code fence, a list (also one that
    was cut off), words."""
    place = text.find("{")
    while place >= 0:
        try:
            found, end = _DECODER.raw_decode(text, place)
        except (ValueError, RecursionError):
            end = place + 1
        else:
            yield found
        place = text.find("{", end)


def strings_at(found: dict[str, Any], *keys: str) -> tuple[str, ...] | None:
    """The values at the keys, where all of them are strings."""
    values = [value for value in map(found.get, keys) if isinstance(value, str)]
    return tuple(values) if len(values) == len(keys) else None
