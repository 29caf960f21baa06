"""Answers under a caller's schema: checked in bounded time, never by retrieving, and told to the model in words."""

import asyncio
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from referencing.exceptions import Unresolvable

from chains.schema_gate import AnswerCheck, gate, outline
from tests.chains.schema_attacks import any_of, array, object_of

TEXT = {"type": "string"}


def wrong(schema: dict[str, Any], value: Any, characters: int = 10) -> tuple[str, str] | None:
    return asyncio.run(AnswerCheck(schema).first_wrong(value, characters))


@pytest.mark.parametrize(
    ("part", "good", "bad"),
    [
        pytest.param({"type": "integer", "minimum": 2}, 9007199254740993, 1, id="minimum"),
        pytest.param({"type": "integer"}, 1, True, id="true is no number"),
        pytest.param({"type": "string", "format": "date"}, "2030-02-28", "2030-02-30", id="no such day"),
        pytest.param({"type": "string", "format": "date"}, "2030-02-28", "20300228", id="date of another form"),
        pytest.param({"type": "string", "format": "date-time"}, "2030-02-28T10:00:00Z", "2030-02-28", id="no time"),
        pytest.param({"type": "string", "format": "date-time"}, "2030-02-28t10:00:00.5+02:00", "a", id="date-time"),
        pytest.param({"type": "string", "format": "email"}, "a@b.example", "a.example", id="email"),
        pytest.param(
            {"type": "string", "format": "uuid"},
            "00000000-0000-4000-8000-000000000000",
            "00000000000040008000000000000000",
            id="uuid",
        ),
        pytest.param({"type": ["string", "null"], "format": "date"}, None, "", id="nothing instead of a date"),
        pytest.param({"enum": ["a", 1]}, 1, "1", id="enum"),
        pytest.param(array(TEXT, maxItems=1), ["a"], ["a", "b"], id="maxItems"),
        pytest.param({"anyOf": [TEXT, {"type": "null"}]}, None, 1, id="alternatives"),
        pytest.param(object_of({"b": TEXT}), {"b": ""}, {"b": "", "c": 1}, id="another key"),
    ],
)
def test_an_answer_is_held_against_the_schema(part: dict[str, Any], good: Any, bad: Any) -> None:
    schema = gate(object_of({"a": part}), "")
    assert wrong(schema, {"a": good}) is None
    found = wrong(schema, {"a": bad})
    assert found is not None
    assert found[0].startswith("$.a")


@pytest.mark.parametrize("characters", [10, 10_000_000])
def test_a_check_that_would_take_seconds_is_given_up(characters: int) -> None:
    schema = gate(object_of({"a": array(any_of(20, lambda n: any_of(20, lambda m: {"const": f"{n} {m}"})))}), "")
    start = time.thread_time()
    found = wrong(schema, {"a": ["19 19"] * 20_000}, characters)
    assert found is not None
    assert "steps" in found[1]
    assert time.thread_time() - start < 2


def test_a_large_check_lets_others_go_on() -> None:
    schema = gate(object_of({"a": array(any_of(20, lambda n: any_of(20, lambda m: {"const": f"{n} {m}"})))}), "")
    check = AnswerCheck(schema)

    async def turns_meanwhile() -> int:
        checking = asyncio.create_task(check.first_wrong({"a": ["19 19"] * 20_000}, 160_000))
        turns = 0
        while not checking.done():
            turns += 1
            await asyncio.sleep(0)
        return turns

    assert asyncio.run(turns_meanwhile()) > 5


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """The address of a server, and the paths that it was asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", paths
    server.shutdown()
    server.server_close()
    thread.join()


def test_nothing_is_ever_retrieved(asked: tuple[str, list[str]]) -> None:
    url, paths = asked
    with pytest.raises(Unresolvable):
        wrong({"$ref": f"{url}/schema.json"}, {})
    assert paths == []


def test_the_outline_names_what_is_wanted() -> None:
    line = object_of({"product": TEXT, "count": {"type": ["integer", "null"]}})
    schema = object_of(
        {
            "customer": {**TEXT, "description": "who\n  bought"},
            "lines": {**array(line), "title": "What was bought"},
            "state": {"enum": ["new", "old"]},
            "kind": {"const": 1},
            "due": {"anyOf": [{**TEXT, "format": "date"}, {"type": "null"}]},
            'a "key"': {"type": "boolean"},
        }
    )
    schema["required"].remove("state")
    assert outline(gate(schema, "")).splitlines() == [
        '- "customer" (text): who bought',
        '- "lines" (list of object): What was bought',
        '  - "product" (text)',
        '  - "count" (whole number or null)',
        '- "state" (one of "new", "old", may be left out)',
        '- "kind" (1)',
        '- "due" (date as YYYY-MM-DD or null)',
        '- "a \\"key\\"" (true or false)',
    ]
