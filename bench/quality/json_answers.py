"""Reading the JSON that a model was merely asked for: as a careful user of the plain way does."""

import json
import re
from collections.abc import Iterator
from typing import Any

__all__ = ["json_objects", "string_at", "strings_at"]

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


def string_at(text: str, key: str) -> str | None:
    """The first string that stands at the key in the text, also in an object that was cut off."""
    found = re.search(rf'"{re.escape(key)}"\s*:\s*("(?:[^"\\]|\\.)*")', text)
    try:
        return str(json.loads(found[1], strict=False)) if found else None
    except ValueError:
        return None


def strings_at(found: dict[str, Any], *keys: str) -> tuple[str, ...] | None:
    """The values at the keys, where all of them are strings."""
    values = [value for value in map(found.get, keys) if isinstance(value, str)]
    return tuple(values) if len(values) == len(keys) else None
