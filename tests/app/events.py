"""Server-sent events as a caller reads them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

__all__ = ["Event", "events", "read"]


@dataclass(frozen=True)
class Event:
    name: str
    id: int
    data: dict[str, Any]


def read(response: httpx.Response) -> Iterator[Event]:
    """The events of a response while they come; comments are skipped. Raises where a line is none of the format's."""
    name, number, data = "", 0, ""
    for line in response.iter_lines():
        if line.startswith(":"):
            continue
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "id":
            number = int(value)
        elif field == "data":
            data += value
        elif line:
            raise AssertionError(f"what is this line? {line!r}")
        elif name:
            yield Event(name, number, json.loads(data))
            name, data = "", ""
    assert not name, "the last event is incomplete"


def events(client: httpx.Client, path: str, body: dict[str, Any]) -> list[Event]:
    """All events of one stream, whose ids are checked."""
    with client.stream("POST", path, json=body) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].partition(";")[0] == "text/event-stream"
        assert response.headers["cache-control"] == "no-store"
        found = list(read(response))
    assert [event.id for event in found] == list(range(1, len(found) + 1))
    return found
