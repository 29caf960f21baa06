"""Documents over HTTP: what comes back, what is refused, and what hostile ones cost everybody else."""

import base64
import http.client
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.conftest import Service, serving, wait_until
from tests.documents.pdfs import encrypted, flate_bomb, lines, pdf, slow_pdf
from tests.documents.processes import children, is_alive

pytestmark = pytest.mark.e2e

PDF = "application/pdf"
TWO = pdf([lines("The bridge is closed."), lines("It costs 2 euros.")])
SLOW_HEALTH_S = 0.5


def body(data: bytes | str, media_type: str = PDF, **fields: Any) -> dict[str, Any]:
    text = data if isinstance(data, str) else base64.b64encode(data).decode()
    return {"document": {"media_type": media_type, "data_base64": text}, **fields}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    path = tmp_path_factory.mktemp("documents") / "copydesk.yaml"
    answers = [{"when": "bridge", "answer": "Closed."}, {"answer": "Something."}]
    settings = {
        "backends": {"script": {"kind": "scripted", "answers": answers}},
        "documents": {"max_pages": 5, "timeout_s": 3, "memory_mib": 1024},
    }
    path.write_text(yaml.safe_dump(settings))
    with serving("--config", str(path)) as running:
        yield running


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with service.client() as client:
        yield client


def fork_server(service: Service) -> int:
    (pid,) = children(service.process.pid)
    return pid


def test_a_pdf_is_summarized_and_its_text_comes_back_where_it_is_wanted(client: httpx.Client) -> None:
    answer = client.post("/v1/summarize", json=body(TWO)).json()
    assert answer["summary"] == "Closed."
    assert not {"document_text", "document_pages_without_text"} & answer.keys()
    scanned = pdf([lines("The bridge is closed."), lines()])
    answer = client.post("/v1/summarize", json=body(scanned, include_document_text=True)).json()
    assert (answer["document_text"], answer["document_pages_without_text"]) == ("The bridge is closed.", 1)


@pytest.mark.parametrize(
    ("task", "fields"),
    [
        pytest.param("rewrite", {"style": "formal"}, id="rewrite"),
        pytest.param("summarize/stream", {}, id="a stream"),
    ],
)
def test_every_task_that_reads_a_text_takes_a_document(client: httpx.Client, task: str, fields: dict[str, Any]) -> None:
    html = b"<h1>The bridge</h1><p>is closed."
    answer = client.post(f"/v1/{task}", json=body(html, "text/html", include_document_text=True, **fields))
    assert answer.status_code == 200, answer.text
    assert '"document_text":"The bridge\\n\\nis closed."' in answer.text


@pytest.mark.parametrize(
    ("sent", "code", "said"),
    [
        pytest.param(body("QUJ"), "document_invalid", "not Base64", id="not Base64"),
        pytest.param(body(b"Hello"), "document_invalid", "no PDF", id="not that type"),
        pytest.param(body(TWO[:400]), "document_invalid", "broken", id="broken"),
        pytest.param(body("é".encode("latin-1"), "text/plain"), "document_invalid", "not utf-8", id="charset"),
        pytest.param(body(encrypted(TWO, "x")), "document_encrypted", "password", id="encrypted"),
        pytest.param(body(pdf([lines()])), "document_without_text", "OCR", id="scanned"),
        pytest.param(body(pdf([lines("x")] * 6)), "document_too_large", "takes 5", id="pages"),
        pytest.param(body(pdf([flate_bomb(1 << 29)])), "document_too_costly", "", id="bomb"),
        pytest.param(body(slow_pdf()), "document_too_costly", "more than 3 s", id="slow"),
    ],
)
def test_a_document_that_cannot_be_read_is_a_typed_problem(
    client: httpx.Client, service: Service, sent: dict[str, Any], code: str, said: str
) -> None:
    problem = client.post("/v1/summarize", json=sent).json()
    assert (problem["status"], problem["code"], problem["retryable"]) == (422, code, False), problem
    assert said in problem["detail"]
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("/document/data_base64", code)]
    assert wait_until(lambda: not any(children(pid) for pid in children(service.process.pid)))


def test_size_limits_fit_together(client: httpx.Client) -> None:
    largest = b"x " * (5 << 20)
    problem = client.post("/v1/summarize", json=body(largest, "text/plain")).json()
    assert (problem["code"], problem["detail"]) == (
        "document_too_large",
        "The document's text has more than 5000000 characters. Send it in parts.",
    )
    one_more = client.post("/v1/summarize", json=body(largest + b"x", "text/plain")).json()
    assert "10485761 bytes; this service takes 10485760" in one_more["detail"]
    more = client.post("/v1/summarize", json=body(largest + b"xxx", "text/plain")).json()
    assert more["errors"][0]["pointer"] == "/document/data_base64"
    problem = client.post("/v1/summarize", json=body(bytes(13 << 20))).json()
    assert (problem["status"], problem["code"]) == (413, "body_too_large")


def test_a_deadline_stops_the_parser(client: httpx.Client, service: Service) -> None:
    sent = body(slow_pdf(), deadline_ms=700)
    problem = client.post("/v1/summarize", json=sent).json()
    assert problem["code"] == "deadline_exceeded", problem
    assert wait_until(lambda: not children(fork_server(service)), 2)  # it has 3 s


def test_a_hang_up_stops_the_parser(client: httpx.Client, service: Service) -> None:
    client.post("/v1/summarize", json=body(TWO))
    connection = http.client.HTTPConnection(service.url.removeprefix("http://"))
    connection.request("POST", "/v1/summarize", json.dumps(body(slow_pdf())), {"content-type": "application/json"})
    assert wait_until(lambda: children(fork_server(service)))
    connection.close()
    assert wait_until(lambda: not children(fork_server(service)), 2)  # it has 3 s


def test_the_service_answers_while_hostile_documents_run(client: httpx.Client, service: Service) -> None:
    hostile = [slow_pdf(), pdf([flate_bomb(60 << 20)] * 5), b"%PDF-" + os.urandom(1 << 20)] * 2
    codes: list[str] = []

    def attack(data: bytes) -> None:
        with service.client() as other:
            codes.append(other.post("/v1/summarize", json=body(data)).json()["code"])

    attackers = [threading.Thread(target=attack, args=(data,)) for data in hostile]
    for attacker in attackers:
        attacker.start()
    waits = []
    while any(attacker.is_alive() for attacker in attackers):
        start = time.monotonic()
        assert client.get("/healthz").status_code == 200
        assert client.post("/v1/summarize", json={"text": "x", "bypass_cache": True}).status_code == 200
        waits.append(time.monotonic() - start)
        time.sleep(0.02)
    assert set(codes) <= {"document_too_costly", "document_invalid"}
    assert len(codes) == len(hostile)
    assert sorted(waits)[len(waits) * 95 // 100] < SLOW_HEALTH_S
    assert wait_until(lambda: not children(fork_server(service)))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_the_parsers_stop_with_the_service_however_that_ends(tmp_path: Path, how: signal.Signals) -> None:
    path = tmp_path / "copydesk.yaml"
    backends = {"script": {"kind": "scripted", "answers": [{"answer": "x"}]}}
    path.write_text(yaml.safe_dump({"backends": backends, "server": {"shutdown_grace_s": 0}}))
    with serving("--config", str(path)) as service, service.client() as client:
        client.post("/v1/summarize", json=body(TWO))
        server = fork_server(service)
        slow = threading.Thread(target=_ignored, args=(service, body(slow_pdf())))
        slow.start()
        assert wait_until(lambda: children(server))
        parsers = children(server)
        service.stop(how)
        slow.join()
        assert wait_until(lambda: not any(is_alive(pid) for pid in (server, *parsers)))


def _ignored(service: Service, sent: dict[str, Any]) -> None:
    with service.client() as client:
        try:
            client.post("/v1/summarize", json=sent)
        except httpx.TransportError:
            return
