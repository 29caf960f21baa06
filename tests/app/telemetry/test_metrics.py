"""What /metrics counts of requests, tasks, prompts and batches, and that no caller can add a value to a label."""

import re
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from app.problem_codes import CODES
from app.telemetry.version_labels import MOST_VERSIONS, VersionLabels
from chains.result import PromptIdentity
from tests.conftest import Service, serving, wait_until
from tests.prompt_folder import PromptFolder

ANSWERS = [
    {"when": "outage", "fail": "unavailable", "answer": ""},
    {"when": "slowly", "answer": "one two three four", "token_ms": 50},
    {"answer": "one two three"},
]


def identity(version: str, label: str | None) -> PromptIdentity:
    return PromptIdentity("summarize", version, f"sha256:{version}", label)


def test_versions_are_told_apart_once_a_label_served_them() -> None:
    labels = VersionLabels()
    assert labels.label(identity("1.0.0", None)) == "other"
    assert labels.label(identity("1.0.0", "production")) == "1.0.0"
    assert labels.label(identity("1.0.0", None)) == "1.0.0"
    assert labels.label(identity("2.0.0-draft", None)) == "other"
    assert labels.label(identity("1.1.0", "canary")) == "1.1.0"


def test_there_is_an_end_to_versions() -> None:
    labels = VersionLabels()
    found = {labels.label(identity(f"1.{number}.0", "production")) for number in range(1000)}
    assert len(found) == MOST_VERSIONS + 1
    assert labels.label(identity("1.0.0", "production")) == "1.0.0"


@pytest.fixture(scope="module")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> PromptFolder:
    folder = PromptFolder.new(tmp_path_factory.mktemp("metrics") / "prompts")
    for version in ("1.1.0", "1.2.0", "1.3.0"):
        folder.write(f"summarize@{version}")
        folder.release(f"summarize@{version}")
    return folder


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, prompts: PromptFolder) -> Iterator[Service]:
    path = tmp_path_factory.mktemp("configuration") / "copydesk.yaml"
    configuration = {
        "backends": {"only": {"kind": "scripted", "answers": ANSWERS, "retries": 0}},
        "prompts": {"dir": str(prompts.path), "allow_drafts": True},
    }
    path.write_text(yaml.safe_dump(configuration))
    with serving("--config", str(path)) as running:
        yield running


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with service.client() as found:
        yield found


def value(client: httpx.Client, sample: str) -> float:
    """The value of one time series, 0 where there is none."""
    found = re.search(rf"^{re.escape(sample)} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def requests(operation: str, status: str, code: str) -> str:
    return f'copydesk_http_requests_total{{code="{code}",operation="{operation}",status="{status}"}}'


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("method", "path", "body", "operation", "status", "code"),
    [
        pytest.param("POST", "/v1/summarize", {"text": "x"}, "summarize", "2xx", "ok", id="served"),
        pytest.param(
            *("POST", "/v1/summarize", {"text": "outage"}, "summarize", "5xx", "backend_unavailable"), id="failed"
        ),
        pytest.param("POST", "/v1/summarize", {}, "summarize", "4xx", "invalid_request", id="invalid"),
        pytest.param("POST", "/v1/Zanzibar", {}, "unmatched", "4xx", "task_unknown", id="no such task"),
        pytest.param("GET", "/Zanzibar", None, "unmatched", "4xx", "not_found", id="no such path"),
        pytest.param("GET", "/v1/prompts/Zanzibar", None, "getPrompt", "4xx", "prompt_unknown", id="no such prompt"),
        pytest.param("ZANZIBAR", "/v1/summarize", None, "summarize", "4xx", "method_not_allowed", id="a new method"),
    ],
)
def test_a_request_is_counted_once(
    client: httpx.Client, method: str, path: str, body: Any, operation: str, status: str, code: str
) -> None:
    sample = requests(operation, status, code)
    before = value(client, sample)
    client.request(method, path, json=body)
    assert value(client, sample) == before + 1
    counted = f'copydesk_http_request_duration_seconds_count{{operation="{operation}",status="{status}"}}'
    assert value(client, counted) >= 1


@pytest.mark.e2e
def test_a_stream_that_fails_is_no_success(client: httpx.Client) -> None:
    body = {"text": "outage"}
    client.post("/v1/summarize/stream", json=body)
    assert value(client, requests("summarizeStream", "5xx", "backend_unavailable")) == 1


@pytest.mark.e2e
def test_the_first_piece_is_timed_as_the_caller_sees_it(client: httpx.Client) -> None:
    with client.stream("POST", "/v1/summarize/stream", json={"text": "slowly"}) as response:
        response.read()
    assert wait_until(lambda: value(client, requests("summarizeStream", "2xx", "ok")) == 1)
    name = 'copydesk_stream_first_piece_seconds_{}{{operation="summarizeStream"}}'
    assert value(client, name.format("count")) == 1
    whole = 'copydesk_http_request_duration_seconds_sum{operation="summarizeStream",status="2xx"}'
    assert 0 < value(client, name.format("sum")) < value(client, whole)


@pytest.mark.e2e
def test_who_leaves_is_counted_as_gone(service: Service, client: httpx.Client) -> None:
    with client.stream("POST", "/v1/summarize/stream", json={"text": "slowly"}) as response:
        next(response.iter_raw())
    gone = requests("summarizeStream", "2xx", "caller_gone")
    assert wait_until(lambda: value(client, gone) == 1)
    assert value(
        client, 'copydesk_task_requests_total{backend="only",code="cancelled",task="summarize",version="1.0.0"}'
    )


@pytest.mark.e2e
def test_tasks_are_counted_by_the_versions_that_labels_serve(client: httpx.Client, prompts: PromptFolder) -> None:
    def tasks(version: str) -> float:
        return value(
            client, f'copydesk_task_requests_total{{backend="only",code="ok",task="rewrite",version="{version}"}}'
        )

    prompts.write("rewrite@9.9.9")
    body = {"text": "A text of some words.", "style": "formal"}
    assert client.post("/v1/rewrite", json=body).status_code == 200
    assert wait_until(lambda: client.post("/v1/rewrite", json={**body, "prompt": "9.9.9"}).status_code == 200)
    assert (tasks("1.0.0"), tasks("9.9.9"), tasks("other")) == (1, 0, 1)
    tokens = 'copydesk_task_tokens_total{backend="only",kind="output",task="rewrite",version="other"}'
    assert value(client, tokens) == 3


@pytest.mark.e2e
def test_items_of_a_batch_are_counted_with_those_that_are_wrong(client: httpx.Client) -> None:
    items = [{"text": "x"}, {"text": "outage"}, {"Zanzibar": 1}, {"text": "x"}]
    assert client.post("/v1/summarize/batch", json={"items": items}).status_code == 200
    counted = {
        code: value(client, f'copydesk_batch_items_total{{code="{code}",task="summarize"}}')
        for code in ("ok", "backend_unavailable", "invalid_request")
    }
    assert counted == {"ok": 2, "backend_unavailable": 1, "invalid_request": 1}


@pytest.mark.e2e
def test_a_reply_that_is_sent_again_is_counted(client: httpx.Client) -> None:
    sample = 'copydesk_idempotent_replays_total{operation="summarize"}'
    for expected in (0, 1, 2):
        client.post("/v1/summarize", json={"text": "x"}, headers={"idempotency-key": "once"})
        assert value(client, sample) == expected


@pytest.mark.e2e
def test_items_of_jobs_are_counted_when_their_outcome_is_kept(client: httpx.Client) -> None:
    sample = 'copydesk_job_items_total{outcome="ok",task="generate"}'
    items = [{"instruction": f"Write {number}."} for number in range(3)]
    assert client.post("/v1/jobs", json={"task": "generate", "items": items}).status_code == 202
    assert wait_until(lambda: value(client, sample) == 3)


@pytest.mark.e2e
def test_what_is_no_request_is_counted_too(service: Service, client: httpx.Client) -> None:
    before = value(client, requests("unmatched", "4xx", "bad_http_request"))
    host, _, port = service.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), 5) as connection:
        connection.sendall(b"Zanzibar\r\n\r\n")
        while connection.recv(4096):
            pass
    assert value(client, requests("unmatched", "4xx", "bad_http_request")) == before + 1


@pytest.mark.e2e
def test_prompts_that_are_edited_are_told(client: httpx.Client, prompts: PromptFolder) -> None:
    def digests() -> list[str]:
        return re.findall(r'^copydesk_prompts_info\{digest="(\S+)"\} 1\.0$', client.get("/metrics").text, re.MULTILINE)

    def reloads(result: str) -> float:
        return value(client, f'copydesk_prompt_reloads_total{{result="{result}"}}')

    taken, loaded = reloads("taken_over"), value(client, "copydesk_prompts_loaded_timestamp_seconds")
    (before,) = digests()
    assert before == client.get("/readyz").json()["prompts"]["digest"]
    prompts.label({"summarize": {"production": "1.1.0"}})
    assert wait_until(lambda: reloads("taken_over") == taken + 1)
    (after,) = digests()
    assert after != before
    assert value(client, "copydesk_prompts_loaded_timestamp_seconds") > loaded
    prompts.write("classify@1.1.0", "user:\n{{ nowhere }}\n")
    assert wait_until(lambda: value(client, "copydesk_prompts_refused") == 1)
    assert reloads("refused") == 1
    assert digests() == [after]
    prompts.file("classify@1.1.0").unlink()
    assert wait_until(lambda: value(client, "copydesk_prompts_refused") == 0)


@pytest.mark.e2e
def test_readiness_and_the_process_are_told(client: httpx.Client) -> None:
    assert value(client, "copydesk_ready") == 1
    assert value(client, 'copydesk_backend_usable{backend="only"}') == 1
    assert value(client, "copydesk_workers") == 1
    assert value(client, "copydesk_http_requests_in_flight") == 1  # the one that asks
    assert value(client, "process_resident_memory_bytes") > 50 << 20
    assert value(client, "process_cpu_seconds_total") > 0.1
    assert value(client, "process_open_fds") > 5


@pytest.mark.e2e
def test_no_caller_adds_a_value(client: httpx.Client) -> None:
    """After hundreds of made-up names there are as many time series as before."""

    def sizes() -> int:
        return sum(not line.startswith("#") for line in client.get("/metrics").text.splitlines())

    def ask(name: str) -> None:
        client.post("/v1/summarize", json={"text": "x", "prompt": name, "session": name})
        client.post("/v1/summarize", json={"text": "x", "backend": name})
        client.post(f"/v1/{name}", json={"text": "x"})
        client.post(f"/v1/{name}/batch", json={"items": [{}]})
        client.get(f"/v1/prompts/{name}", headers={"x-request-id": name, "host": f"{name}.example"})
        client.request(name.upper(), "/v1/summarize")

    for name in ("first", "second"):
        ask(name)
    before = sizes()
    for number in range(40):
        ask(f"zanzibar{number}")
    assert sizes() == before
    text = client.get("/metrics").text
    assert "zanzibar" not in text.lower()
    codes = set(re.findall(r'[{,]code="([^"]*)"', text))
    assert codes <= {*CODES, "ok", "caller_gone", "cancelled", "other"}
