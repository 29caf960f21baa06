"""The log line of each request, as the running service writes it."""

import json
import re
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.telemetry.bodies import MOST_BYTES
from tests.conftest import Service, scripted_configuration, serving, wait_until

pytestmark = pytest.mark.e2e

TRACE = "0af7651916cd43dd8448eb211c80319c"
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    path = scripted_configuration(tmp_path_factory.mktemp("log"))
    with serving("--config", str(path), environment={"COPYDESK_LOGGING__FORMAT": "json"}) as running:
        yield running


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with service.client() as found:
        assert found.post("/v1/summarize", json={"text": "x"}).status_code == 200
        yield found


def lines_of(service: Service, request_id: str) -> list[dict[str, Any]]:
    """The access lines of the request; there is one before long."""

    def found() -> list[dict[str, Any]]:
        lines = map(json.loads, service.log)
        return [one for one in lines if one["logger"] == "copydesk.access" and one["request_id"] == request_id]

    assert wait_until(found)
    time.sleep(0.05)
    return found()


def line_of(service: Service, request_id: str) -> dict[str, Any]:
    (line,) = lines_of(service, request_id)
    return line


def test_a_request_has_one_line_with_all_that_is_known(service: Service, client: httpx.Client) -> None:
    headers = {"x-request-id": "all-1", "traceparent": TRACEPARENT}
    response = client.post("/v1/summarize", json={"text": "x"}, headers=headers)
    meta, line = response.json()["meta"], line_of(service, "all-1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line.pop("duration_ms") >= meta["timing"]["total_ms"]
    assert line == {
        "level": "INFO",
        "logger": "copydesk.access",
        "message": "POST /v1/summarize 200",
        "method": "POST",
        "path": "/v1/summarize",
        "status": 200,
        "request_id": "all-1",
        "operation": "summarize",
        "code": "ok",
        "task": "summarize",
        "prompt": "summarize",
        "version": meta["prompt"]["version"],
        "digest": meta["prompt"]["digest"],
        "label": "production",
        "backend": "script",
        "model": "script",
        "input_tokens": meta["usage"]["input_tokens"],
        "cached_input_tokens": 0,
        "output_tokens": 3,
        "model_calls": 1,
        "cache": "miss",
        "queue_ms": meta["timing"]["queue_ms"],
        "model_ms": meta["timing"]["model_ms"],
        "key_id": "anonymous",
        "trace_id": TRACE,
        "request_bytes": len(response.request.content),
        "response_bytes": len(response.content),
    }


def test_a_stream_tells_when_its_first_piece_was_out(service: Service, client: httpx.Client) -> None:
    with client.stream(
        "POST", "/v1/summarize/stream", json={"text": "x"}, headers={"x-request-id": "stream-1"}
    ) as response:
        response.read()
    line = line_of(service, "stream-1")
    assert 0 <= line["ttft_ms"] <= line["duration_ms"]
    assert (line["operation"], line["output_tokens"], line["code"]) == ("summarizeStream", 3, "ok")


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        pytest.param(
            *("POST", "/v1/summarize", {"text": "outage"}),
            {"status": 503, "code": "backend_unavailable", "backend": "script", "prompt": "summarize"},
            id="a backend that fails",
        ),
        pytest.param(
            *("POST", "/v1/generate", {"instruction": "no schema", "output_schema": SCHEMA}),
            {"status": 502, "code": "output_invalid", "backend": "script", "model_calls": 2},
            id="an answer that is of no use still cost what it cost",
        ),
        pytest.param(
            *("POST", "/v1/summarize", {"text": 1}),
            {"status": 422, "code": "invalid_request", "operation": "summarize", "task": None},
            id="a body that is wrong",
        ),
        pytest.param(
            *("POST", "/v1/summarise", {"text": "x"}),
            {"status": 404, "code": "task_unknown", "operation": "unmatched", "path": "-"},
            id="a path that does not exist",
        ),
        pytest.param(
            *("GET", "/v1/prompts/nothing", None),
            {"status": 404, "code": "prompt_unknown", "operation": "getPrompt", "path": "/v1/prompts/{name}"},
            id="a name in a path",
        ),
        pytest.param(
            *("GET", "/v1/summarize", None),
            {"status": 405, "code": "method_not_allowed", "operation": "summarize", "path": "/v1/summarize"},
            id="another method",
        ),
        pytest.param(
            *("POST", "/v1/prompts/summarize/render", {"inputs": {"text": "T"}}),
            {"status": 200, "code": "ok", "operation": "renderPrompt", "prompt": "summarize", "label": "production"},
            id="a prompt that is rendered",
        ),
        pytest.param(
            *("GET", "/openapi.json", None),
            {"status": 200, "code": "ok", "operation": "openapi", "path": "/openapi.json"},
            id="a page",
        ),
    ],
)
def test_what_became_of_a_request(
    service: Service, client: httpx.Client, method: str, path: str, body: Any, expected: dict[str, Any]
) -> None:
    name = f"became-{abs(hash((path, str(body))))}"
    client.request(method, path, json=body, headers={"x-request-id": name})
    line = line_of(service, name)
    assert {key: line.get(key) for key in expected} == expected


def test_what_is_refused_before_it_gets_to_its_operation_is_told_by_that(
    service: Service, client: httpx.Client
) -> None:
    headers = {"x-request-id": "proxied-1", "x-forwarded-for": "10.0.0.1"}
    assert client.post("/v1/summarize", json={"text": "x"}, headers=headers).status_code == 403
    line = line_of(service, "proxied-1")
    assert (line["operation"], line["code"], line["request_bytes"]) == ("summarize", "host_not_allowed", 0)


def test_other_lines_about_a_request_carry_its_id(service: Service, client: httpx.Client) -> None:
    headers = {"x-request-id": "about-1", "traceparent": TRACEPARENT}
    client.post("/v1/summarize", json={"text": "outage"}, headers=headers)
    line_of(service, "about-1")
    others = [json.loads(line) for line in service.log if "about-1" in line and "copydesk.access" not in line]
    assert {line["logger"] for line in others} == {"copydesk.runner", "copydesk.service"}
    assert {(line["request_id"], line["trace_id"]) for line in others} == {("about-1", TRACE)}


@pytest.mark.parametrize(
    "traceparent",
    ["", "nonsense", f"00-{'0' * 32}-b7ad6b7169203331-01", f"00-{TRACE}-{'0' * 16}-01", TRACEPARENT + "\u00e9"],
)
def test_a_wrong_traceparent_counts_for_nothing(service: Service, client: httpx.Client, traceparent: str) -> None:
    name = f"trace-{abs(hash(traceparent))}"
    headers = {b"x-request-id": name.encode(), b"traceparent": traceparent.encode("latin-1")}
    assert client.post("/v1/summarize", json={"text": "x"}, headers=headers).status_code == 200
    assert "trace_id" not in line_of(service, name)


@pytest.mark.parametrize(
    ("target", "header"),
    [
        pytest.param('/v1/%0d%0a{"level":"INFO"}', b"a", id="line ends in a path"),
        pytest.param("/v1/prompts/%1b[2K%1b[1Gforged%0a", b"a", id="ANSI escapes in a prompt's name"),
        pytest.param("/v1/prompts/x", b"a\x1b[2Kforged", id="ANSI escapes in a request id"),
        pytest.param("/v1/prompts/x", b"forged id with spaces", id="spaces in a request id"),
        pytest.param("/v1/prompts/x", b"\xe2\x80\xaeforged", id="right-to-left in a request id"),
    ],
)
def test_nobody_forges_a_line(service: Service, target: str, header: bytes) -> None:
    host, _, port = service.url.removeprefix("http://").rpartition(":")
    before = len(service.log)
    with socket.create_connection((host, int(port)), 5) as connection:
        head = f"GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nx-request-id: ".encode()
        connection.sendall(head + header + b"\r\n\r\n")
        while connection.recv(4096):
            pass
    assert wait_until(lambda: len(service.log) > before) or "\x1b" in header.decode("latin-1")
    for line in service.log[before:]:
        assert line.isascii()
        assert line.isprintable()
        assert "forged" not in line
        assert json.loads(line)["level"] in ("INFO", "WARNING")


def test_texts_are_logged_where_they_are_switched_on_and_cut_with_a_mark(tmp_path_factory: Any) -> None:
    path = scripted_configuration(tmp_path_factory.mktemp("texts"), [{"answer": "Réponse."}])
    environment = {"COPYDESK_LOGGING__FORMAT": "json", "COPYDESK_LOGGING__TEXTS": "true"}
    with serving("--config", str(path), environment=environment) as running, running.client() as client:
        client.post("/v1/summarize", json={"text": "Zoë"}, headers={"x-request-id": "short"})
        client.post("/v1/summarize", json={"text": "Zoë " * 5000}, headers={"x-request-id": "long"})
        with client.stream("POST", "/v1/summarize/stream", json={"text": "x"}, headers={"x-request-id": "s"}) as stream:
            stream.read()
        short, long, streamed = (line_of(running, name) for name in ("short", "long", "s"))
        (warned,) = [line for line in running.log if "THE LOG HOLDS THE TEXTS OF CALLERS" in line]
    assert json.loads(warned)["level"] == "WARNING"
    assert json.loads(short["request_body"]) == {"text": "Zoë"}
    assert json.loads(short["response_body"])["summary"] == "Réponse."
    assert long["request_body"].endswith(f" ... (cut: {MOST_BYTES} of {long['request_bytes']} bytes)")
    assert len(long["request_body"].encode()) <= MOST_BYTES + 60
    assert "event: delta" in streamed["response_body"]


def test_a_service_that_writes_to_no_terminal_writes_json_by_itself(tmp_path_factory: Any) -> None:
    path = scripted_configuration(tmp_path_factory.mktemp("auto"))
    with serving("--config", str(path), "--workers", "2", environment={"COPYDESK_LOGGING__FORMAT": "auto"}) as running:
        with running.client() as client:
            client.get("/v1/tasks", headers={"x-request-id": "auto-1"})
        assert line_of(running, "auto-1")["operation"] == "listTasks"
        assert running.stop() == 0
    assert [line for line in running.log if not line.startswith('{"time":')] == []
