"""One schema of a caller, from what was sent to what a backend and the check of its answer may see."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from chains.schema_gate.limits import DEEPEST, LONGEST_SCHEMA_BYTES
from chains.schema_gate.reading import Reading
from chains.schema_gate.wrong_places import GaveUp, WrongPlaces

__all__ = ["gate"]

_DEEPEST_JSON = 4 * DEEPEST
_SMALLER = f"Send a schema of at most {LONGEST_SCHEMA_BYTES} bytes of JSON"


def gate(schema: Mapping[str, Any], pointer: str) -> dict[str, Any]:
    """The schema that is used in place of a caller's: the same, with its references written out, without notes that
    nobody reads (`$comment`, `default`, `examples`), and with every object closed (`additionalProperties: false`).

    `pointer` is where the schema stands in the request: `/output_schema`. Takes some milliseconds at the most, whatever
    is sent. Raises SchemaUnsupported, whose `errors` name each wrong place and say what to do.
    """
    wrong = WrongPlaces(pointer)
    passed: dict[str, Any] = {}
    with suppress(GaveUp):
        _check_size(schema, pointer, wrong)
        passed = Reading(schema, pointer, wrong).root()
        if not wrong.errors and _canonical_bytes(passed) > LONGEST_SCHEMA_BYTES:
            wrong.add(
                pointer,
                "too_large",
                f"With its references written out, the schema is longer than {LONGEST_SCHEMA_BYTES} bytes: refer to "
                "large definitions from fewer places",
            )
    wrong.refuse()
    return passed


def _check_size(schema: Mapping[str, Any], pointer: str, wrong: WrongPlaces) -> None:
    """Before anything else: a walk that stops as soon as it is clear that there is too much."""
    least = 0
    waiting: list[tuple[Any, int]] = [(dict(schema), 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _DEEPEST_JSON:
            wrong.give_up(pointer, "too_deep", f"The schema is nested more than {DEEPEST} schemas deep: flatten it")
        least += 2 + (len(value) if isinstance(value, (str, dict, list)) else 0)
        if least > 2 * LONGEST_SCHEMA_BYTES:
            wrong.give_up(pointer, "too_large", f"The schema is far too large. {_SMALLER}")
        if isinstance(value, dict):
            least += sum(map(len, value))
            waiting.extend((part, depth + 1) for part in value.values())
        elif isinstance(value, list):
            waiting.extend((part, depth + 1) for part in value)
    size = _canonical_bytes(schema)
    if size > LONGEST_SCHEMA_BYTES:
        wrong.give_up(pointer, "too_large", f"The schema has {size} bytes. {_SMALLER}")


def _canonical_bytes(schema: Mapping[str, Any]) -> int:
    text = json.dumps(schema, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return len(text.encode(errors="surrogatepass"))
