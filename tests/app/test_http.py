"""The HTTP contract on the scripted backend: shapes, and every kind of bad input, over a real socket."""

import json
import socket
import time
from typing import Any

import httpx
import pytest

from tests.conftest import Service, wait_until

pytestmark = pytest.mark.e2e

BY_LOGPROBS = {"abstained": False, "confidence_method": "logprobs", "chunks": 1}
LABELS = [{"name": "a"}, {"name": "b"}]
TYPES = [{"name": "NAME"}]


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem, checked for what every problem must have."""
    found: dict[str, Any] = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, found["status"], found["code"]) == (status, status, code), found
    assert found["type"] == f"/docs/errors#{code}"
    assert found["request_id"] == response.headers["x-request-id"]
    assert found["title"]
    assert found["detail"]
    assert "Traceback" not in response.text
    return found


@pytest.mark.parametrize(
    ("task", "body", "output"),
    [
        pytest.param(
            "summarize",
            {"text": "A short text. Hello."},
            {
                "summary": "A short answer.",
                "shortened": False,
                "unsupported": [],
                "coverage": {"chunks": 1, "chunks_used": 1, "spans": [{"offset": 0, "length": 13}]},
            },
            id="summarize",
        ),
        pytest.param(
            "rewrite", {"text": "short one", "style": "formal"}, {"text": "A short answer.", "lost": []}, id="rewrite"
        ),
        pytest.param(
            "extract",
            {"text": "😀 Ada", "types": TYPES},
            {
                "entities": [{"text": "Ada", "type": "NAME", "offset": 3, "length": 3, "alignment": "exact"}],
                "ungrounded": [{"text": "Bob", "type": "NAME"}],
                "records": [],
            },
            id="extract",
        ),
        pytest.param(
            "classify",
            {"text": "x", "labels": LABELS, "prompt": "1.0.0"},
            {"labels": [{"name": "b", "confidence": 1.0}], **BY_LOGPROBS},
            id="classify",
        ),
        pytest.param(
            "classify",
            {"text": "x", "labels": LABELS, "multi_label": True, "prompt": "1.0.0"},
            {"labels": [{"name": "a", "confidence": 1.0}, {"name": "b", "confidence": 1.0}], **BY_LOGPROBS},
            id="classify several",
        ),
        pytest.param("generate", {"instruction": "x"}, {"text": "A short answer.", "shortened": False}, id="generate"),
    ],
)
def test_each_task_answers_in_its_shape(
    scripted: httpx.Client, task: str, body: dict[str, Any], output: dict[str, Any]
) -> None:
    response = scripted.post(f"/v1/{task}", json=body, headers={"x-request-id": "my-id-1"})
    assert response.status_code == 200, response.text
    answer = response.json()
    meta = answer.pop("meta")
    assert answer == output
    assert meta["request_id"] == response.headers["x-request-id"] == "my-id-1"
    assert meta["prompt"]["name"] == task
    assert meta["prompt"]["digest"].startswith("sha256:")
    assert (meta["backend"], meta["model"]) == ("script", "script")
    assert meta["usage"]["model_calls"] == (2 if task == "extract" else 1)
    assert meta["usage"]["input_tokens"] > 0
    assert 0 <= meta["timing"]["model_ms"] <= meta["timing"]["total_ms"]


def test_the_cap_on_tokens_is_told_or_refused(scripted: httpx.Client) -> None:
    summary = scripted.post("/v1/summarize", json={"text": "endless"}).json()
    assert (summary["summary"], summary["shortened"]) == ("One sentence.", True)
    problem(scripted.post("/v1/rewrite", json={"text": "endless", "style": "formal"}), 502, "output_truncated")
    problem(scripted.post("/v1/extract", json={"text": "endless", "types": TYPES}), 502, "output_truncated")


@pytest.mark.parametrize(
    ("text", "status", "code", "retryable"),
    [
        ("outage", 503, "backend_unavailable", True),
        ("refusal", 502, "backend_rejected", False),
        ("too slow", 504, "backend_timeout", True),
        ("nonsense", 502, "backend_protocol_error", True),
    ],
)
def test_failures_of_the_model_server_are_typed(
    scripted: httpx.Client, text: str, status: int, code: str, retryable: bool
) -> None:
    response = scripted.post("/v1/summarize", json={"text": text})
    assert problem(response, status, code)["retryable"] is retryable
    assert ("retry-after" in response.headers) is (status == 503)


def test_an_answer_that_breaks_the_schema_twice_is_an_error(scripted: httpx.Client) -> None:
    body = {"text": "no schema", "labels": LABELS, "prompt": "1.0.0"}
    found = problem(scripted.post("/v1/classify", json=body), 502, "output_invalid")
    assert "certainly" not in json.dumps(found), "the model's raw answer must not reach the caller"


@pytest.mark.parametrize(
    ("task", "body", "pointer", "code"),
    [
        pytest.param("summarize", {}, "", "text_or_document", id="no text"),
        pytest.param("summarize", {"text": ""}, "/text", "text_blank", id="empty text"),
        pytest.param("summarize", {"text": " \n\t"}, "/text", "text_blank", id="only whitespace"),
        pytest.param("summarize", {"text": 5}, "/text", "string_type", id="a number as text"),
        pytest.param("summarize", {"text": None}, "", "text_or_document", id="null as text"),
        pytest.param("summarize", {"text": "x", "max_words": "5"}, "/max_words", "int_type", id="a text as number"),
        pytest.param("summarize", {"text": "x", "max_words": True}, "/max_words", "int_type", id="a flag as number"),
        pytest.param("summarize", {"text": "x", "max_words": 5.5}, "/max_words", "int_type", id="a fraction"),
        pytest.param("generate", {"instruction": "x", "max_words": "5"}, "/max_words", "int_type", id="text, optional"),
        pytest.param(
            "classify", {"text": "x", "labels": LABELS, "multi_label": "yes"}, "/multi_label", "bool_type", id="no flag"
        ),
        pytest.param("summarize", {"text": "x", "max_words": 0}, "/max_words", "greater_than_equal", id="too small"),
        pytest.param("summarize", {"text": "x", "style": "haiku"}, "/style", "enum", id="unknown style"),
        pytest.param("summarize", {"text": "x", "txt": 1}, "/txt", "extra_forbidden", id="unknown field"),
        pytest.param("summarize", {"text": "x", "a/b~c": 1}, "/a~1b~0c", "extra_forbidden", id="escaped pointer"),
        pytest.param("summarize", {"text": "x", "deadline_ms": 0}, "/deadline_ms", "greater_than_equal", id="deadline"),
        pytest.param("rewrite", {"text": "x"}, "", "style_or_instruction_missing", id="no wish"),
        pytest.param("classify", {"text": "x"}, "/labels", "missing", id="no labels"),
        pytest.param("classify", {"text": "x", "labels": []}, "/labels", "too_short", id="empty labels"),
        pytest.param("classify", {"text": "x", "labels": LABELS + LABELS}, "/labels", "names_repeated", id="repeated"),
        pytest.param("classify", {"text": "x", "labels": ["a", "b"]}, "/labels/0", "model_attributes_type", id="texts"),
        pytest.param("extract", {"text": "x", "types": []}, "/types", "too_short", id="no types"),
        pytest.param("extract", {"text": "x", "types": [{"name": " "}]}, "/types/0/name", "text_blank", id="blank"),
        pytest.param("generate", {"instruction": "x", "data": [1]}, "/data", "dict_type", id="data is no object"),
    ],
)
def test_an_invalid_request_names_the_place(
    scripted: httpx.Client, task: str, body: dict[str, Any], pointer: str, code: str
) -> None:
    found = problem(scripted.post(f"/v1/{task}", json=body), 422, "invalid_request")
    assert {"pointer": pointer, "code": code} in [
        {"pointer": item["pointer"], "code": item["code"]} for item in found["errors"]
    ]


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        pytest.param(b'{"text": "a', "invalid_json", "Unterminated string", id="cut off"),
        pytest.param(b"{'text': 1}", "invalid_json", "property name", id="not JSON"),
        pytest.param(b'{"text": "\xff"}', "invalid_json", "byte at 10", id="not UTF-8"),
        pytest.param(b"[" * 40_000, "invalid_json", "nested too deeply", id="too deep"),
        pytest.param(b'{"text": "\\ud800"}', "invalid_json", "half of a surrogate pair", id="lone surrogate"),
        pytest.param('{"text": "\\ud800"}'.encode("utf-16"), "invalid_json", "not UTF-8", id="UTF-16"),
        pytest.param(b'{"text": "a", "text": "b"}', "invalid_json", "'text' stands twice", id="repeated key"),
        pytest.param(
            b'{"text": "a", "labels": [{"name": "b", "name": "c"}]}', "invalid_json", "'name'", id="deep repeat"
        ),
        pytest.param(b'{"text": "a", "max_words": NaN}', "invalid_json", "NaN is no JSON", id="NaN"),
        pytest.param(b'{"text": "a", "max_words": -Infinity}', "invalid_json", "-Infinity", id="infinity"),
    ],
)
def test_an_unreadable_body_is_400(scripted: httpx.Client, body: bytes, code: str, words: str) -> None:
    response = scripted.post("/v1/summarize", content=body, headers={"content-type": "application/json"})
    assert words in problem(response, 400, code)["detail"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"text": "x", "labels": LABELS, "txt": 1}, "There is no such field here; /openapi.json lists the fields"),
        ({"text": "x", "labels": LABELS[:1]}, "Send at least 2 items, not 1"),
        ({"text": "x", "labels": [{"name": str(n)} for n in range(201)]}, "Send at most 200 items, not 201"),
        ([], "This must be a JSON object"),
    ],
)
def test_what_is_wrong_is_told_in_plain_words(scripted: httpx.Client, body: Any, message: str) -> None:
    found = problem(scripted.post("/v1/classify", json=body), 422, "invalid_request")
    assert found["errors"][0]["message"] == message


def test_an_escaped_surrogate_pair_is_a_character(scripted: httpx.Client) -> None:
    body = b'{"text": "\\ud83d\\ude00 Ada", "types": [{"name": "NAME"}]}'
    response = scripted.post("/v1/extract", content=body, headers={"content-type": "application/json"})
    assert response.json()["entities"][0]["offset"] == 3


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "/v1/translate", 404, "task_unknown"),
        ("GET", "/v1/summarize/x", 404, "not_found"),
        ("POST", "/v1/summarize/", 404, "not_found"),
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/v1/summarize", 405, "method_not_allowed"),
        ("DELETE", "/healthz", 405, "method_not_allowed"),
    ],
)
def test_unknown_paths_and_methods(scripted: httpx.Client, method: str, path: str, status: int, code: str) -> None:
    response = scripted.request(method, path, json={} if method == "POST" else None)
    found = problem(response, status, code)
    assert status != 405 or response.headers["allow"]
    assert code != "task_unknown" or "summarize" in found["detail"]


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_only_json_is_taken(scripted: httpx.Client, media_type: str) -> None:
    response = scripted.post("/v1/summarize", content=b'{"text": "x"}', headers={"content-type": media_type})
    problem(response, 415, "media_type_unsupported")


def test_a_charset_is_no_other_media_type(scripted: httpx.Client) -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert scripted.post("/v1/summarize", content=b'{"text": "x"}', headers=headers).status_code == 200


def test_twenty_megabytes_are_refused_whether_announced_or_not(scripted: httpx.Client) -> None:
    body = b'{"text": "' + b"x" * 20_000_000 + b'"}'
    headers = {"content-type": "application/json"}
    problem(scripted.post("/v1/summarize", content=body, headers=headers), 413, "body_too_large")
    pieces = (body[start : start + 65536] for start in range(0, len(body), 65536))
    problem(scripted.post("/v1/summarize", content=pieces, headers=headers), 413, "body_too_large")


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1.example.org", "localhost.example.org:80", "10.0.0.1", ""])
def test_other_hosts_are_refused(scripted: httpx.Client, host: str) -> None:
    problem(scripted.get("/healthz", headers={"host": host}), 403, "host_not_allowed")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]", "[::1]:8080"])
def test_loopback_names_are_taken(scripted: httpx.Client, host: str) -> None:
    assert scripted.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP"])
def test_proxies_are_refused(scripted: httpx.Client, header: str) -> None:
    problem(scripted.get("/healthz", headers={header: "127.0.0.1"}), 403, "host_not_allowed")


@pytest.mark.parametrize("given", ["", "has space", "x" * 129, "a\u00e9"])
def test_an_unfit_request_id_is_replaced(scripted: httpx.Client, given: str) -> None:
    answered = scripted.get("/healthz", headers=[(b"x-request-id", given.encode())]).headers["x-request-id"]
    assert len(answered) == 32
    assert answered != given


def test_the_deadline_stops_the_work(scripted: httpx.Client) -> None:
    start = time.monotonic()
    response = scripted.post("/v1/summarize", json={"text": "at length", "deadline_ms": 200})
    found = problem(response, 504, "deadline_exceeded")
    assert "200 ms" in found["detail"]
    assert time.monotonic() - start < 15, "the whole answer takes 20 s"


def test_a_caller_that_hangs_up_stops_the_work(scripted: httpx.Client, scripted_service: Service) -> None:
    host, port = scripted_service.url.removeprefix("http://").split(":")
    body = b'{"text": "at length"}'
    head = (
        f"POST /v1/summarize HTTP/1.1\r\nHost: {host}\r\nX-Request-Id: gone-1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + body)
        assert wait_until(lambda: scripted.get("/v1/backends").json()["backends"][0]["slots_in_use"] == 1)
    gone_at = time.monotonic()
    assert wait_until(lambda: any("id=gone-1" in line and " 499 " in line for line in scripted_service.log))
    assert time.monotonic() - gone_at < 15, "the request ran on after its caller had gone"


def test_the_log_has_one_line_a_request_and_no_text(scripted: httpx.Client, scripted_service: Service) -> None:
    scripted.post("/v1/summarize", json={"text": "a very secret text"}, headers={"x-request-id": "log-1"})
    scripted.post("/v1/summarize", json={"text": "outage, and a very secret text"}, headers={"x-request-id": "log-2"})
    scripted.get("/v1/tasks", headers={"x-request-id": "log-3"})
    assert wait_until(lambda: any("id=log-3" in line for line in scripted_service.log))
    access = [line for line in scripted_service.log if "copydesk.access" in line]
    assert len([line for line in access if "id=log-1" in line]) == 1
    assert len([line for line in access if "id=log-2" in line and "code=backend_unavailable" in line]) == 1
    assert not [line for line in scripted_service.log if "secret" in line]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param({"text": 5}, "This must be a text", id="text"),
        pytest.param({"text": "x", "max_words": "5"}, "This must be a whole number", id="whole number"),
        pytest.param({"text": "x", "prompt": ""}, "Send at least 1 character", id="too short"),
        pytest.param({"text": "x", "prompt": "x" * 101}, "Send at most 100 characters", id="too long"),
        pytest.param({"text": "x", "labels": 1}, "This must be a list", id="list"),
        pytest.param({"text": "x", "labels": LABELS, "multi_label": 1}, "This must be true or false", id="flag"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(scripted: httpx.Client, body: dict[str, Any], words: str) -> None:
    task = "classify" if "labels" in body else "summarize"
    found = problem(scripted.post(f"/v1/{task}", json=body), 422, "invalid_request")["errors"]
    assert words in [field["message"] for field in found]


def test_readiness_health_and_tasks(scripted: httpx.Client) -> None:
    assert scripted.get("/healthz").json() == {"status": "ok"}
    ready = scripted.get("/readyz").json()
    assert (ready["status"], ready["backends"]) == ("ready", [{"name": "script", "ready": True}])
    assert ready["prompts"]["digest"].startswith("sha256:")
    tasks = {task["name"]: task for task in scripted.get("/v1/tasks").json()["tasks"]}
    assert set(tasks) == {"classify", "extract", "generate", "rewrite", "summarize"}
    assert tasks["extract"]["backends"] == ["script"]


def test_the_page_of_errors_has_an_anchor_for_every_code(scripted: httpx.Client) -> None:
    from app.problem_codes import CODES

    page = scripted.get("/docs/errors").text
    assert [code for code in CODES if f'id="{code}"' not in page] == []
