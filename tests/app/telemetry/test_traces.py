"""Traces as an OTLP receiver gets them from the running service."""

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from app.settings import Settings, load_settings
from app.telemetry.otlp import OtlpTracing
from app.telemetry.request_record import RequestRecord
from app.telemetry.tracing import build_tracing
from chains.errors import ConfigurationError
from tests.app.telemetry.echoing_model import echoing_model
from tests.app.telemetry.otlp_receiver import Received, Receiver, receiving
from tests.conftest import SCRIPT, Service, serving, wait_until

SERVER, CLIENT, INTERNAL = 2, 3, 1
PARENT = "b7ad6b7169203331"
TEXT = "Xylotext"


def configured(folder: Path, base_url: str, **telemetry: Any) -> Path:
    backends = {
        "script": {"kind": "scripted", "answers": SCRIPT, "retries": 0},
        "one": {"kind": "scripted", "answers": [{"answer": "slow.", "delay_ms": 300}], "concurrency": 1},
        "echo": {"kind": "openai", "base_url": base_url, "model": "m", "retries": 0},
    }
    path = folder / "copydesk.yaml"
    path.write_text(yaml.safe_dump({"backends": backends, "telemetry": telemetry}))
    return path


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Receiver]]:
    with receiving() as receiver, receiving() as others, echoing_model() as base_url:
        path = configured(tmp_path_factory.mktemp("traced"), base_url, otlp_endpoint=receiver.url)
        environment = {
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            # FastAPI would send what it knows of requests to this one, if it were let.
            "FASTAPI_OTEL_AUTO_CONFIGURE": "true",
            "OTEL_EXPORTER_OTLP_ENDPOINT": others.url,
        }
        with serving("--config", str(path), environment=environment) as service:
            yield service, receiver
        assert others.paths == []


@pytest.fixture
def client(traced: tuple[Service, Receiver]) -> Iterator[httpx.Client]:
    with traced[0].client() as found:
        yield found


def trace_of(receiver: Receiver, number: int) -> dict[str, Received]:
    """The spans of the trace that `headers(number)` begins, when that of the request is there."""
    trace_id = f"{number:032x}"
    assert wait_until(lambda: "POST" in receiver.of(trace_id)), receiver.spans
    return receiver.of(trace_id)


def headers(number: int) -> dict[str, str]:
    return {"traceparent": f"00-{number:032x}-{PARENT}-01", "x-request-id": f"trace-{number}"}


@pytest.mark.e2e
def test_a_request_and_its_call(traced: tuple[Service, Receiver], client: httpx.Client) -> None:
    response = client.post("/v1/summarize", json={"text": f"{TEXT} fine", "backend": "echo"}, headers=headers(1))
    assert response.status_code == 200, response.text
    meta, spans = response.json()["meta"], trace_of(traced[1], 1)
    request, call = spans["POST"], spans["chat"]
    assert (request.name, request.kind, request.parent_id) == ("POST /v1/summarize", SERVER, PARENT)
    assert (call.name, call.kind, call.parent_id) == ("chat m", CLIENT, request.span_id)
    assert request.start <= call.start <= call.end <= request.end
    assert not request.is_error
    assert not call.is_error
    expected = {
        "http.request.method": "POST",
        "http.route": "/v1/summarize",
        "url.path": "/v1/summarize",
        "url.scheme": "http",
        "http.response.status_code": 200,
        "copydesk.request_id": "trace-1",
        "copydesk.key_id": "anonymous",
        "copydesk.task": "summarize",
        "copydesk.prompt.version": meta["prompt"]["version"],
        "copydesk.prompt.digest": meta["prompt"]["digest"],
        "copydesk.backend": "echo",
        "copydesk.code": "ok",
    }
    assert expected.items() <= request.attributes.items()
    port = int(call.attributes.pop("server.port"))
    assert port > 0
    assert call.attributes.pop("gen_ai.response.time_to_first_chunk") > 0
    assert call.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "m",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 700,
        "gen_ai.usage.cache_read.input_tokens": 0,
        "gen_ai.usage.output_tokens": 5,
        "server.address": "127.0.0.1",
        "copydesk.backend": "echo",
        "copydesk.task": "summarize",
    }
    assert {"service.name": "copydesk", "telemetry.sdk.name": "opentelemetry"}.items() <= request.resource.items()
    assert any("trace_id=" + f"{1:032x}" in line for line in traced[0].log)


@pytest.mark.e2e
def test_a_stream_is_one_span_to_its_end(traced: tuple[Service, Receiver], client: httpx.Client) -> None:
    body = {"text": "x", "backend": "script"}
    with client.stream("POST", "/v1/summarize/stream", json=body, headers=headers(2)) as response:
        response.read()
    spans = trace_of(traced[1], 2)
    assert spans["POST"].name == "POST /v1/summarize/stream"
    assert spans["POST"].attributes["copydesk.first_piece_ms"] >= 0
    assert spans["chat"].parent_id == spans["POST"].span_id
    assert spans["chat"].attributes["gen_ai.provider.name"] == "scripted"
    assert spans["chat"].attributes["gen_ai.usage.output_tokens"] == 3


@pytest.mark.e2e
def test_a_failure_is_one_without_its_words(traced: tuple[Service, Receiver], client: httpx.Client) -> None:
    body = {"text": f"{TEXT} echo 500", "backend": "echo"}
    code = client.post("/v1/summarize", json=body, headers=headers(3)).json()["code"]
    spans = trace_of(traced[1], 3)
    assert (spans["POST"].is_error, spans["chat"].is_error) == (True, True)
    assert spans["POST"].attributes["error.type"] == spans["chat"].attributes["error.type"] == code
    assert "gen_ai.usage.output_tokens" not in spans["chat"].attributes


@pytest.mark.e2e
def test_what_a_caller_did_wrong_is_no_error_of_the_server(
    traced: tuple[Service, Receiver], client: httpx.Client
) -> None:
    client.post(f"/v1/{TEXT}", json={"text": TEXT}, headers=headers(4))
    span = trace_of(traced[1], 4)["POST"]
    assert (span.name, span.is_error, span.attributes["error.type"]) == ("POST", False, "task_unknown")
    assert "url.path" not in span.attributes


@pytest.mark.e2e
def test_the_wait_for_a_slot_is_a_span_of_its_own(traced: tuple[Service, Receiver], client: httpx.Client) -> None:
    def ask(number: int) -> None:
        client.post("/v1/summarize", json={"text": f"{number}", "backend": "one"}, headers=headers(number))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(ask, (5, 6)))
    traces = [trace_of(traced[1], number) for number in (5, 6)]
    (waited,) = [spans for spans in traces if "queue" in spans]
    assert waited["queue"].kind == INTERNAL
    assert waited["queue"].parent_id == waited["POST"].span_id
    assert waited["queue"].end == waited["chat"].start
    assert waited["queue"].end - waited["queue"].start > 100_000_000


@pytest.mark.e2e
def test_a_caller_that_samples_not_is_obeyed_and_still_named(
    traced: tuple[Service, Receiver], client: httpx.Client
) -> None:
    unsampled = {**headers(7), "traceparent": f"00-{7:032x}-{PARENT}-00"}
    client.post("/v1/summarize", json={"text": "x"}, headers=unsampled)
    client.post("/v1/summarize", json={"text": "x"}, headers=headers(8))
    trace_of(traced[1], 8)
    assert traced[1].of(f"{7:032x}") == {}
    assert any("id=trace-7" in line and f"trace_id={7:032x}" in line for line in traced[0].log)


@pytest.mark.e2e
def test_no_text_is_in_any_span(traced: tuple[Service, Receiver], client: httpx.Client) -> None:
    client.post("/v1/summarize", json={"text": f"{TEXT} x"}, headers=headers(9))
    trace_of(traced[1], 9)
    assert traced[1].paths
    assert set(traced[1].paths) == {"/v1/traces"}
    assert [body for body in traced[1].raw if TEXT.encode() in body or b"Summarize" in body] == []


@pytest.mark.e2e
def test_who_takes_traces_and_never_answers_costs_no_request_anything(tmp_path: Path) -> None:
    with receiving(delay_s=60) as receiver, echoing_model() as base_url:
        path = configured(tmp_path, base_url, otlp_endpoint=receiver.url)
        environment = {"OTEL_BSP_SCHEDULE_DELAY": "50"}
        with serving("--config", str(path), environment=environment) as service, service.client() as client:
            for number in range(20):
                body = {"text": f"{number}", "backend": "script"}
                assert client.post("/v1/summarize", json=body).status_code == 200
            assert wait_until(lambda: receiver.paths)
            began = time.monotonic()
            assert service.stop() == 0
            assert time.monotonic() - began < 20  # it waits for two seconds; half a minute is OpenTelemetry's own
        assert not [line for line in service.log if "Traceback" in line]


@pytest.mark.parametrize("status", [400, 503, 0], ids=["refuses", "breaks down", "is not there"])
def test_who_takes_no_traces_is_not_waited_for(status: int) -> None:
    with receiving(status=status or 200) as receiver:
        address = receiver.url if status else "http://127.0.0.1:9"
        tracing = OtlpTracing(Settings.model_validate({"telemetry": {"otlp_endpoint": address}}))
        tracing.start()
        for _ in range(5):
            record = RequestRecord({"type": "http", "method": "GET", "path": "/", "headers": [], "state": {}})
            with tracing.request(record):
                assert record.trace_id is not None
        began = time.monotonic()
        tracing.stop()
        assert time.monotonic() - began < 15


def test_without_the_packages_the_start_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)  # as where it isn't installed
    settings = Settings.model_validate({"telemetry": {"otlp_endpoint": "http://127.0.0.1:4318"}})
    with pytest.raises(ConfigurationError, match=r"pip install 'copydesk\[telemetry\]'"):
        build_tracing(settings)


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("collector:4318", id="no scheme"),
        pytest.param("http://user:pass@collector:4318", id="a password"),
        pytest.param("ftp://collector", id="another protocol"),
    ],
)
def test_an_endpoint_that_cannot_be_is_refused(tmp_path: Path, address: str) -> None:
    path = tmp_path / "copydesk.yaml"
    path.write_text(yaml.safe_dump({"telemetry": {"otlp_endpoint": address}}))
    with pytest.raises(ConfigurationError, match=r"telemetry\.otlp_endpoint: must") as caught:
        load_settings(path)
    assert "user:pass" not in str(caught.value)
