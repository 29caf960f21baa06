"""Secrets, texts and prompts with marks in them: whatever is asked, none of the marks is in the log or in /metrics."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from tests.app.telemetry.echoing_model import echoing_model
from tests.conftest import Service, serving, wait_until
from tests.prompt_folder import PromptFolder

pytestmark = pytest.mark.e2e

TEXT, PROMPT, KEY, UPSTREAM = "Xylotext", "Xyloprompt", "Xylokey", "Xyloupstream"
FIRST_KEY = f"cdk_first_{KEY}{'k' * 40}"
ANSWERS = [
    {"when": "outage", "fail": "unavailable"},
    {"when": "refusal", "fail": "rejected"},
    {"when": "too slow", "fail": "timeout"},
    {"when": "nonsense", "fail": "protocol"},
    {"when": "no schema", "answer": f"certainly, {TEXT}!"},
    {"when": "wrong schema", "answer": {"labels": TEXT, "entities": TEXT, "n": TEXT}},
    {"when": "endless", "answer": f"One {TEXT}. And a stu", "cut_off": True},
    {"answer": f"An answer with {TEXT}."},
]
WORDS = ("fine", "outage", "refusal", "too slow", "nonsense", "no schema", "wrong schema", "endless", "in the stream")
ECHOES = ("fine", "echo 400", "echo 401", "echo 404", "echo 429", "echo 500", "echo 503", "echo in the stream")
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


@pytest.fixture(scope="module")
def driven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, str, list[str]]]:
    """The service after all of it was used, /metrics, and the bodies of all problems."""
    place = tmp_path_factory.mktemp("planted")
    prompts = PromptFolder(place / "prompts")
    PromptFolder.new(prompts.path)
    for name, field in {"summarize": "text", "generate": "instruction"}.items():
        prompts.write(f"{name}@1.1.0", f"user:\n{PROMPT} {{{{ {field} }}}}\n")
        prompts.release(f"{name}@1.1.0")
    prompts.label({name: {"production": "1.1.0"} for name in ("summarize", "generate")})
    (place / "first-key").write_text(FIRST_KEY + "\n")
    with echoing_model() as base_url:
        backends = {
            "script": {"kind": "scripted", "answers": ANSWERS, "retries": 0},
            "echo": {"kind": "openai", "base_url": base_url, "model": "m", "api_key_env": "PLANTED", "retries": 0},
        }
        configuration = {
            "backends": backends,
            "prompts": {"dir": str(prompts.path)},
            "keys": {"first_key_file": str(place / "first-key")},
            "limits": {"redis_url": "redis://127.0.0.1:9/0", "redis_password_env": "REDIS_PLANTED"},
        }
        path = place / "copydesk.yaml"
        path.write_text(yaml.safe_dump(configuration))
        environment = {
            "COPYDESK_LOGGING__FORMAT": "json",
            "PLANTED": f"sk-{UPSTREAM}",
            "REDIS_PLANTED": f"{UPSTREAM}-redis",
            "OTHER_API_KEY": f"sk-{UPSTREAM}-too",
        }
        with serving("--config", str(path), environment=environment) as service, service.client() as client:
            client.headers["authorization"] = f"Bearer {FIRST_KEY}"
            problems = [response.text for response in _drive(client) if response.status_code >= 400]
            prompts.write("summarize@1.2.0", f"user:\n{PROMPT} {{{{ nowhere }}}} {{% if %}}\n")
            assert wait_until(lambda: any("prompts refused" in line for line in service.log))
            metrics = client.get("/metrics").text
            yield service, metrics, problems


def _drive(client: httpx.Client) -> Iterator[httpx.Response]:
    yield from _tasks(client)
    yield from _refused(client)
    yield from _operations(client)
    yield from _many(client)


def _tasks(client: httpx.Client) -> Iterator[httpx.Response]:
    for words, backend in [*((word, "script") for word in WORDS), *((word, "echo") for word in ECHOES)]:
        text = {"text": f"{TEXT} {words}", "backend": backend}
        labels = [{"name": "a"}, {"name": "b"}]
        for path, body in {
            "summarize": text,
            "rewrite": {**text, "style": "formal"},
            "extract": {**text, "types": [{"name": "PERSON"}]},
            "extract ": {**text, "record_schema": SCHEMA},
            "classify": {**text, "labels": labels},
            "generate": {"instruction": f"{TEXT} {words}", "data": {"x": TEXT}, "backend": backend},
            "generate ": {"instruction": f"{TEXT} {words}", "output_schema": SCHEMA, "backend": backend},
            "summarize/stream": text,
            "rewrite/stream": {**text, "style": "formal"},
        }.items():
            yield client.post(f"/v1/{path.strip()}", json=body)


def _refused(client: httpx.Client) -> Iterator[httpx.Response]:
    for body in (
        {"text": TEXT, TEXT: 1},
        {"text": {TEXT: TEXT}},
        {"text": "x", "prompt": TEXT},
        {"text": "x", "backend": TEXT},
        {"text": "x", "style": TEXT},
        {"document": {"media_type": "application/pdf", "data_base64": TEXT}},
        {"document": {"media_type": TEXT, "data_base64": "QQ=="}},
        {"text": TEXT, "deadline_ms": 1},
    ):
        yield client.post("/v1/summarize", json=body)
    yield client.post("/v1/generate", json={"instruction": "x", "output_schema": {"type": "object", TEXT: TEXT}})
    yield client.post("/v1/summarize", content=b'{"text": "' + TEXT.encode() + b"\xff")
    yield client.post("/v1/summarize", content=TEXT.encode(), headers={"content-type": TEXT})
    yield client.post(f"/v1/{TEXT}", json={"text": TEXT})
    yield client.get(f"/{TEXT}?{TEXT}={TEXT}")
    yield client.request("DELETE", f"/v1/prompts/{TEXT}")
    yield client.get("/v1/tasks", headers={"authorization": f"Bearer {FIRST_KEY}x"})
    yield client.get("/v1/tasks", headers={"authorization": f"Basic {KEY}{KEY}"})
    yield client.get("/v1/tasks", headers={"x-request-id": f"{KEY} {KEY}", "traceparent": KEY, "user-agent": KEY})


def _operations(client: httpx.Client) -> Iterator[httpx.Response]:
    for path in ("healthz", "readyz", "v1/tasks", "v1/prompts", "v1/prompts/summarize", "v1/backends", "docs/errors"):
        yield client.get(f"/{path}", params={"q": TEXT})
    for inputs in ({"text": TEXT}, {"wrong": TEXT}, {"text": [TEXT]}):
        yield client.post("/v1/prompts/summarize/render", json={"inputs": inputs})


def _many(client: httpx.Client) -> Iterator[httpx.Response]:
    """Batches, jobs and requests that are sent twice."""
    asked = [("fine", "script"), ("refusal", "script"), ("fine", "echo"), ("echo 400", "echo")]
    items = [{"text": f"{TEXT} {words}", "backend": backend} for words, backend in asked]
    yield client.post("/v1/summarize/batch", json={"items": [*items, {TEXT: TEXT}, TEXT]})
    for submitted in (items, [{"text": 1, TEXT: TEXT}], []):
        yield client.post("/v1/jobs", json={"task": "summarize", "items": submitted})
    yield client.post("/v1/jobs", json={"task": TEXT, "items_jsonl": TEXT})
    job = f"/v1/jobs/{client.get('/v1/jobs').json()['jobs'][-1]['id']}"
    wait_until(lambda: client.get(job).json()["status"] == "succeeded")
    for path in (f"{job}/results", "/v1/jobs", f"/v1/jobs/{TEXT}", f"/v1/jobs?after={TEXT}", "/v1/usage"):
        yield client.get(path)
    yield client.post(f"{job}/cancel", json={})
    yield client.delete(job)
    for text in ("fine", "fine", "another"):
        yield client.post("/v1/summarize", json={"text": f"{TEXT} {text}"}, headers={"idempotency-key": f'"{TEXT}"'})
    yield client.post("/v1/summarize", json={"text": TEXT}, headers={"idempotency-key": TEXT * 100})


def test_the_marks_were_in_play(driven: tuple[Service, str, list[str]]) -> None:
    """Else this whole file could not fail."""
    service, metrics, problems = driven
    lines = [json.loads(line) for line in service.log]
    access = [line for line in lines if line["logger"] == "copydesk.access"]
    codes = {line["code"] for line in access}
    assert {"ok", "backend_unavailable", "backend_rejected", "output_invalid", "key_invalid", "not_found"} <= codes
    operations = {line["operation"] for line in access}
    assert {
        "summarizeBatch",
        "summarizeStream",
        "submitJob",
        "getJobResults",
        "deleteJob",
        "renderPrompt",
    } <= operations
    assert [line for line in lines if "has an outcome for each of its items" in line["message"]]
    assert [line for line in access if line.get("idempotency") == "replayed"]
    assert len(access) > 150
    assert {line.get("backend") for line in access} >= {"script", "echo"}
    assert "copydesk_http_requests_total" in metrics
    assert len(problems) > 60


@pytest.mark.parametrize("mark", [TEXT, PROMPT, KEY, UPSTREAM])
def test_no_mark_is_in_the_log(driven: tuple[Service, str, list[str]], mark: str) -> None:
    time.sleep(0.2)
    assert [line for line in driven[0].log if mark.lower() in line.lower()] == []


@pytest.mark.parametrize("mark", [TEXT, PROMPT, KEY, UPSTREAM])
def test_no_mark_is_in_the_metrics(driven: tuple[Service, str, list[str]], mark: str) -> None:
    assert mark.lower() not in driven[1].lower()


@pytest.mark.parametrize("mark", [PROMPT, KEY, UPSTREAM])
def test_no_secret_and_no_prompt_is_in_an_error(driven: tuple[Service, str, list[str]], mark: str) -> None:
    assert [body for body in driven[2] if mark.lower() in body.lower()] == []


def test_what_a_service_says_of_its_start_and_its_prompts_is_json_too(driven: tuple[Service, str, list[str]]) -> None:
    lines: list[dict[str, Any]] = [json.loads(line) for line in driven[0].log]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    assert [line for line in lines if "serving on" in line["message"]]
    (refused,) = [line for line in lines if "prompts refused" in line["message"]]
    assert "summarize/1.2.0.j2" in refused["message"]
