"""Whatever goes wrong before, beside or under an operation is RFC 9457 from the closed list, over raw sockets."""

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import yaml

from app.error_page import errors_html
from app.problem_codes import CODES
from tests.app.raw_http import Answer, connected, exchange, read_answer
from tests.conftest import ROOT, Service, scripted_configuration, serving, wait_until

pytestmark = pytest.mark.e2e

INTERNAL = re.compile(
    r"Traceback|File \"|\.py\b|site-packages|uvicorn|starlette|fastapi|pydantic|h11|python|/tmp/|"
    + re.escape(str(ROOT)),
    re.IGNORECASE,
)
JSON = b"Content-Type: application/json\r\n"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    path = scripted_configuration(tmp_path_factory.mktemp("errors"))
    settings = yaml.safe_load(path.read_text())
    settings["server"] = {"header_timeout_s": 0.5, "body_timeout_s": 0.5, "max_body_bytes": 100_000}
    path.write_text(yaml.safe_dump(settings))
    with serving("--config", str(path)) as running:
        yield running


def head(line: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([line, b"Host: localhost", *headers, b"", b""])


def post(path: bytes, body: bytes, *headers: bytes) -> bytes:
    length = b"Content-Length: %d" % len(body)
    return head(b"POST " + path + b" HTTP/1.1", b"Content-Type: application/json", length, *headers) + body


def problem(answer: Answer, status: int, code: str) -> None:
    """What every error must be, wherever it was raised."""
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert (answer.status, found["status"], found["code"]) == (status, status, code), found
    assert CODES[code].status == status
    page, anchor = found["type"].split("#")
    assert page == "/docs/errors"
    assert f'id="{anchor}"' in errors_html()
    assert found["request_id"] == answer.headers["x-request-id"]
    assert found["request_id"]
    assert {"title", "detail", "instance", "retryable"} <= found.keys()
    assert found["retryable"] is CODES[code].retryable
    assert ("retry-after" in answer.headers) is (status in (429, 503))
    assert "server" not in answer.headers
    assert not INTERNAL.search(answer.body.decode()), answer.body


@dataclass(frozen=True)
class Case:
    sent: bytes
    status: int
    code: str
    says: str = ""


def bad(sent: bytes, says: str = "") -> Case:
    return Case(sent, 400, "bad_http_request", says)


HTTP_CASES = {
    "garbage": bad(b"hello\r\n\r\n"),
    "a TLS hello": bad(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 30 + b"\r\n\r\n"),
    "HTTP/2 with prior knowledge": bad(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1"),
    "another version": bad(head(b"GET /healthz HTTP/3.0"), "HTTP/1.1"),
    "no Host": bad(b"GET /healthz HTTP/1.1\r\n\r\n", "Host"),
    "two Hosts": bad(head(b"GET /healthz HTTP/1.1", b"Host: localhost"), "Host"),
    "a header without a colon": bad(head(b"GET /healthz HTTP/1.1", b"what")),
    "a space before the colon": bad(head(b"GET /healthz HTTP/1.1", b"X-A : 1")),
    "a null byte in a header": bad(head(b"GET /healthz HTTP/1.1", b"X-A: a\0b")),
    "a null byte in the path": bad(head(b"GET /a\0b HTTP/1.1")),
    "a path that isn't ASCII": bad(head("GET /zusammenfassen/ä HTTP/1.1".encode())),
    "a path with a space": bad(head(b"GET /a b HTTP/1.1")),
    "a target that is no path": bad(head(b"GET healthz HTTP/1.1"), "target"),
    "another scheme": bad(head(b"GET ftp://localhost/healthz HTTP/1.1"), "target"),
    "two lengths": bad(head(b"POST /v1/summarize HTTP/1.1", b"Content-Length: 1", b"Content-Length: 2"), "Length"),
    "no number as length": bad(head(b"POST /v1/summarize HTTP/1.1", b"Content-Length: +5"), "Length"),
    "a negative length": bad(head(b"POST /v1/summarize HTTP/1.1", b"Content-Length: -5"), "Length"),
    "length and chunks": bad(
        head(b"POST /v1/summarize HTTP/1.1", b"Content-Length: 4", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
        "two ways",
    ),
    "chunks and length": bad(
        head(b"POST /v1/summarize HTTP/1.1", b"Transfer-Encoding: chunked", b"Content-Length: 4") + b"0\r\n\r\n",
        "two ways",
    ),
    "chunks in HTTP/1.0": bad(head(b"POST /v1/summarize HTTP/1.0", b"Transfer-Encoding: chunked"), "two ways"),
    "another transfer encoding": bad(head(b"POST /v1/summarize HTTP/1.1", b"Transfer-Encoding: gzip, chunked")),
    "two transfer encodings": bad(
        head(b"POST /v1/summarize HTTP/1.1", b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked")
    ),
    "a chunk without a size": bad(
        head(b"POST /v1/summarize HTTP/1.1", JSON[:-2], b"Transfer-Encoding: chunked") + b"xyz\r\n"
    ),
    "long headers": Case(head(b"GET /healthz HTTP/1.1", b"X-A: " + b"a" * 33_000), 431, "headers_too_large", "32768"),
    "many headers": Case(head(b"GET /healthz HTTP/1.1", *[b"X-A: a"] * 5000), 431, "headers_too_large"),
    "a long path": Case(head(b"GET /" + b"a" * 33_000 + b" HTTP/1.1"), 431, "headers_too_large"),
    "headers without an end": Case(b"GET / HTTP/1.1\r\nX-A: " + b"a" * 300_000, 431, "headers_too_large"),
    "headers that stop": Case(b"GET /healthz HTTP/1.1\r\nHost: loc", 408, "headers_timeout", "0.5 s"),
    "a tunnel": Case(head(b"CONNECT localhost:443 HTTP/1.1"), 405, "method_not_allowed", "no proxy"),
    "options of everything": Case(head(b"OPTIONS * HTTP/1.1"), 405, "method_not_allowed"),
}

APPLICATION_CASES = {
    "no such path": Case(head(b"GET /nothing HTTP/1.1"), 404, "not_found", "/openapi.json"),
    "nearly a path": Case(head(b"GET /v1/task HTTP/1.1"), 404, "not_found", "Did you mean /v1/tasks?"),
    "a task without a stream": Case(post(b"/v1/extract/stream", b"{}"), 404, "not_found"),
    "no such task": Case(post(b"/v1/summarise", b"{}"), 404, "task_unknown", "summarize"),
    "a batch of no task": Case(post(b"/v1/summarise/batch", b"{}"), 404, "task_unknown", "summarize"),
    "a stream of no task": Case(post(b"/v1/summarise/stream", b"{}"), 404, "task_unknown", "summarize"),
    "a parameter that isn't there": Case(
        head(b"GET /v1/jobs?limt=5 HTTP/1.1"), 422, "invalid_request", "limt is no parameter"
    ),
    "a parameter of a task": Case(post(b"/v1/summarize?text=x", b"{}"), 422, "invalid_request", "text is no parameter"),
    "a path of null bytes": Case(head(b"GET /%00%00 HTTP/1.1"), 404, "not_found"),
    "what no task has": Case(post(b"/v1/extract/streams", b"{}"), 404, "not_found"),
    "a path that isn't UTF-8": Case(head(b"GET /%ff%fe HTTP/1.1"), 404, "not_found"),
    "a path that leaves the folder": Case(head(b"GET /../../etc/passwd HTTP/1.1"), 404, "not_found"),
    "an encoded way out": Case(head(b"GET /static-offline-docs/%2e%2e/%2e%2e/x HTTP/1.1"), 404, "not_found"),
    "no such static file": Case(head(b"GET /static-offline-docs/none.js HTTP/1.1"), 404, "not_found"),
    "a static file is not taken": Case(post(b"/static-offline-docs/favicon.png", b"{}"), 405, "method_not_allowed"),
    "a path with a new line": Case(head(b"GET /a%0d%0ab HTTP/1.1"), 404, "not_found"),
    "a long path that is none": Case(head(b"GET /" + b"a" * 20_000 + b" HTTP/1.1"), 404, "not_found"),
    "GET of a task": Case(head(b"GET /v1/summarize HTTP/1.1"), 405, "method_not_allowed", "Use POST"),
    "POST to the list of tasks": Case(post(b"/v1/tasks", b"{}"), 405, "method_not_allowed", "Use GET"),
    "TRACE": Case(head(b"TRACE /healthz HTTP/1.1"), 405, "method_not_allowed"),
    "OPTIONS": Case(head(b"OPTIONS /v1/summarize HTTP/1.1"), 405, "method_not_allowed"),
    "a method nobody knows": Case(head(b"BREW /v1/summarize HTTP/1.1"), 405, "method_not_allowed"),
    "a POST without a length": Case(head(b"POST /v1/summarize HTTP/1.1", JSON[:-2]), 422, "invalid_request"),
    "no media type": Case(
        head(b"POST /v1/summarize HTTP/1.1", b"Content-Length: 2") + b"{}", 415, "media_type_unsupported"
    ),
    "no body at all": Case(head(b"POST /v1/summarize HTTP/1.1"), 415, "media_type_unsupported"),
    "a compressed body": Case(
        post(b"/v1/summarize", b"\x1f\x8b\x08", b"Content-Encoding: gzip"), 415, "media_type_unsupported", "gzip"
    ),
    "a body that is announced too large": Case(
        head(b"POST /v1/summarize HTTP/1.1", JSON[:-2], b"Content-Length: 99999999999"), 413, "body_too_large"
    ),
    "the same, and the caller waits": Case(
        head(b"POST /v1/summarize HTTP/1.1", JSON[:-2], b"Content-Length: 100001", b"Expect: 100-continue"),
        *(413, "body_too_large"),
    ),
    "a body that stops": Case(
        head(b"POST /v1/summarize HTTP/1.1", JSON[:-2], b"Content-Length: 10") + b"{", 408, "body_timeout", "0.5 s"
    ),
    "no JSON": Case(post(b"/v1/summarize", b"{"), 400, "invalid_json"),
    "another host": Case(b"GET /healthz HTTP/1.1\r\nHost: example.org\r\n\r\n", 403, "host_not_allowed"),
    "a broken host": Case(b"GET /healthz HTTP/1.1\r\nHost: [::1\r\n\r\n", 403, "host_not_allowed"),
    "another host in the target": Case(head(b"GET http://example.org/healthz HTTP/1.1"), 403, "host_not_allowed"),
    "no such job": Case(head(b"GET /v1/jobs/none HTTP/1.1"), 404, "job_unknown"),
    "no such part of a job": Case(head(b"GET /v1/jobs/none/log HTTP/1.1"), 404, "not_found", "/openapi.json"),
    "a parameter that is no number": Case(head(b"GET /v1/jobs?limit=many HTTP/1.1"), 422, "invalid_request", "limit"),
    "no such prompt": Case(head(b"GET /v1/prompts/none HTTP/1.1"), 404, "prompt_unknown"),
}


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in HTTP_CASES.items()])
def test_what_is_not_http_is_told_and_the_connection_closed(service: Service, case: Case) -> None:
    with connected(service) as connection:
        connection.sendall(case.sent)
        answer = read_answer(connection)
        problem(answer, case.status, case.code)
        assert case.says in answer.json()["detail"]
        assert answer.headers["connection"] == "close"
        assert connection.recv(1) == b""


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in APPLICATION_CASES.items()])
def test_what_the_framework_raises_is_a_problem(service: Service, case: Case) -> None:
    answer = exchange(service, case.sent)
    problem(answer, case.status, case.code)
    assert case.says in answer.json()["detail"]
    assert len(answer.body) < 3000
    if case.status == 405:
        assert answer.headers.get("allow") or "static" in answer.json()["instance"]


def test_the_instance_is_the_path_as_it_was_sent(service: Service) -> None:
    sent = b"/a%0d%0ab%00/%ff"
    assert exchange(service, head(b"GET " + sent + b"?q=1 HTTP/1.1")).json()["instance"] == sent.decode()


def test_a_path_cannot_write_lines_of_the_log(service: Service) -> None:
    exchange(service, head(b"GET /x%0aforged%20line HTTP/1.1", b"X-Request-Id: forging-1"))
    exchange(service, head(b"GET /healthz HTTP/1.1"))
    assert wait_until(lambda: any("id=forging-1 " in line for line in service.log))
    assert not [line for line in service.log if line.startswith("forged")]


TAKEN = {
    "HTTP/1.0": b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n",
    "HTTP/1.0 with keep-alive": b"GET /healthz HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n",
    "the absolute form": head(b"GET http://localhost/healthz HTTP/1.1"),
    "the absolute form and another Host": b"GET http://localhost/healthz HTTP/1.1\r\nHost: example.org\r\n\r\n",
    "a query": head(b"GET /healthz?x=%ff HTTP/1.1"),
    "any Accept": head(b"GET /healthz HTTP/1.1", b"Accept: text/html, image/webp"),
    "an upgrade": head(b"GET /healthz HTTP/1.1", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c"),
    "no body where a length of 0 is": head(b"GET /healthz HTTP/1.1", b"Content-Length: 0"),
    "a body that nobody wants": head(b"GET /healthz HTTP/1.1", b"Content-Length: 4") + b"what",
    "a task": post(b"/v1/summarize", b'{"text": "x"}'),
    "a task in chunks": head(b"POST /v1/summarize HTTP/1.1", JSON[:-2], b"Transfer-Encoding: chunked")
    + b'5\r\n{"tex\r\n8;ext=1\r\nt": "x"}\r\n0\r\nX-Trailer: 1\r\n\r\n',
    "a task with an upgrade": post(
        b"/v1/summarize", b'{"text": "x"}', b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c"
    ),
}


@pytest.mark.parametrize("sent", [pytest.param(sent, id=name) for name, sent in TAKEN.items()])
def test_what_is_unusual_but_right_is_served(service: Service, sent: bytes) -> None:
    answer = exchange(service, sent)
    assert answer.status == 200, answer.body
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1/tasks", "/openapi.json", "/docs/errors"])
def test_head_is_get_without_the_body(service: Service, path: str) -> None:
    with connected(service) as connection:
        for _ in range(2):
            connection.sendall(head(f"HEAD {path} HTTP/1.1".encode()))
            found = read_answer(connection, has_body=False)
            assert found.status == 200
        connection.sendall(head(f"GET {path} HTTP/1.1".encode()))
        assert read_answer(connection).headers["content-length"] == found.headers["content-length"]


def test_head_of_a_task_is_refused(service: Service) -> None:
    answer = exchange(service, head(b"HEAD /v1/summarize HTTP/1.1"), has_body=False)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_who_waits_for_leave_to_send_gets_it(service: Service) -> None:
    body = b'{"text": "x"}'
    with connected(service) as connection:
        connection.sendall(post(b"/v1/summarize", b"", b"Expect: 100-continue").replace(b": 0\r", b": 13\r"))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert read_answer(connection).status == 200


def test_requests_in_a_row_are_answered_in_order(service: Service) -> None:
    ids = [f"row-{number}" for number in range(20)]
    with connected(service) as connection:
        connection.sendall(
            b"".join(post(b"/v1/summarize", b'{"text": "x"}', f"X-Request-Id: {i}".encode()) for i in ids)
        )
        answers = [read_answer(connection) for _ in ids]
    assert [answer.headers["x-request-id"] for answer in answers] == ids
    assert {answer.status for answer in answers} == {200}


def test_nothing_is_smuggled_behind_a_refused_request(service: Service) -> None:
    smuggled = head(b"GET /healthz HTTP/1.1", b"X-Request-Id: smuggled-1")
    with connected(service) as connection:
        connection.sendall(HTTP_CASES["length and chunks"].sent + smuggled)
        assert read_answer(connection).status == 400
        assert connection.recv(1) == b""
    assert not [line for line in service.log if "smuggled-1" in line]


def test_the_rest_of_a_refused_body_is_read_and_the_connection_lives(service: Service) -> None:
    body = b"x" * 300_000
    with connected(service) as connection:
        connection.sendall(post(b"/v1/summarize", body))
        problem(read_answer(connection), 413, "body_too_large")
        connection.sendall(head(b"GET /healthz HTTP/1.1"))
        assert read_answer(connection).status == 200


def test_a_break_in_the_body_reaches_nobody(service: Service) -> None:
    begun = head(b"POST /v1/summarize HTTP/1.1", JSON[:-2], b"Transfer-Encoding: chunked", b"X-Request-Id: broken-1")
    with connected(service) as connection:
        connection.sendall(begun + b'5\r\n{"tex\r\n')
        connection.sendall(b"zzz\r\n")
        problem(read_answer(connection), 400, "bad_http_request")
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
