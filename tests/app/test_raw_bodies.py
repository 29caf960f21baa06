"""Bodies of any bytes, for every operation that takes one: a problem that says what is wrong, and never a 5xx."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.app.openapi.nodes import committed, operations
from tests.conftest import Service

pytestmark = pytest.mark.e2e

PATHS = sorted(
    path.replace("{name}", "summarize").replace("{id}", "nothing")
    for method, path, operation in operations(committed())
    if method == "post" and "requestBody" in operation
)
FIELDS = ["text", "items", "labels", "types", "data", "output_schema", "inputs", "task", "deadline_ms", "document", ""]

texts = st.text(st.characters(), max_size=20)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS) | texts, inner, max_size=4),
    max_leaves=20,
)
objects = st.dictionaries(st.sampled_from(FIELDS), values, max_size=5)
deep = st.builds(
    lambda opening, closing, depth: (opening * depth + closing * depth).encode(),
    st.sampled_from(["[", '{"text":', '{"items":[']),
    st.sampled_from(["]", "}", "]}", ""]),
    st.integers(1, 20_000),
)
odd = st.sampled_from(
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{}" * 2,
        b'{"text": "\\ud800"}',
        b'{"text": "a", "text": "b"}',
        b'{"text": NaN}',
        b'{"deadline_ms": 1e400, "text": "a"}',
        b'{"deadline_ms": ' + b"9" * 5000 + b"}",
        b'{"text": "' + b"\xff\xfe" + b'"}',
        '{"text": "a"}'.encode("utf-16"),
        b"\xef\xbb\xbf" + b'{"text": " "}',
        b'{"text": "a\x00b"}',
    ]
)
bodies = odd | deep | st.binary(max_size=200) | objects.map(lambda value: json.dumps(value).encode())


@pytest.fixture(scope="module")
def caller(scripted_service: Service) -> Iterator[httpx.Client]:
    with scripted_service.client() as client:
        yield client


def is_answered_well(caller: httpx.Client, path: str, body: bytes) -> None:
    response = caller.post(path, content=body, headers={"content-type": "application/json"})
    assert response.headers["x-request-id"]
    if response.status_code >= 300:
        problem = response.json()
        assert response.headers["content-type"] == "application/problem+json"
        assert problem["status"] == response.status_code
        assert problem["detail"]
        # A script can't answer under any schema, nor within a millisecond.
        assert response.status_code < 500 or problem["code"] in ("output_invalid", "deadline_exceeded"), problem


@pytest.mark.parametrize("path", PATHS)
def test_any_body_is_answered_well(caller: httpx.Client, path: str) -> None:
    check_many(caller, path, 25)


@pytest.mark.soak
@pytest.mark.parametrize("path", PATHS)
def test_thousands_of_bodies_are_answered_well(caller: httpx.Client, path: str) -> None:
    check_many(caller, path, 1000)


def check_many(caller: httpx.Client, path: str, examples: int) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(body=bodies)
    def check(body: bytes) -> None:
        is_answered_well(caller, path, body)

    check()
