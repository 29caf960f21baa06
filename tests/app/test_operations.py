"""Readiness, the list of backends and the metrics, over real sockets: what an operator sees."""

import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.backends.ollama_server import Canned, HeldModel, OllamaServer, canned_server
from tests.conftest import Service, serving, wait_until
from tests.workers import halted, workers_of

pytestmark = pytest.mark.e2e

ANSWERS = [
    {"when": "breaks down", "fail": "unavailable", "fail_after": 0, "answer": "x"},
    {"answer": "one two three"},
]


def configured(folder: Path, backends: dict[str, Any], **sections: Any) -> Path:
    path = folder / "copydesk.yaml"
    path.write_text(yaml.safe_dump({"backends": backends, **sections}))
    return path


def value(client: httpx.Client, metric: str) -> float:
    """The value of the metric with just these labels; 0 where it isn't there."""
    text = client.get("/metrics").text
    found = re.search(rf"^{re.escape(metric)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


@pytest.fixture(scope="module")
def model() -> HeldModel:
    return HeldModel()


@pytest.fixture(scope="module")
def service(model: HeldModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    limits = {"concurrency": 1, "max_queue": 1, "retries": 1}
    backends = {
        "first": {"kind": "scripted", "answers": ANSWERS, **limits},
        "second": {"kind": "scripted", "answers": [{"answer": "second"}], "slots": 2},
    }
    routes = {"default": ["first"], "rewrite": ["first", "second"]}
    cache = {"tasks": ["generate"]}
    folder = tmp_path_factory.mktemp("operations")
    with canned_server(model) as upstream:
        path = configured(folder, {**backends, **gpu(upstream, **limits)}, routes=routes, cache=cache)
        with serving("--config", str(path)) as running:
            yield running


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with service.client() as found:
        assert found.post("/v1/summarize", json={"text": "x"}).status_code == 200
        yield found


def test_the_list_of_backends(client: httpx.Client) -> None:
    first, _, second = client.get("/v1/backends").json()["backends"]
    assert first == {
        "name": "first",
        "kind": "scripted",
        "model": "script",
        "ready": True,
        "warming": False,
        "breaker": "closed",
        "slots": 1,
        "slots_in_use": 0,
        "queue_length": 0,
        "capabilities": ["counts_tokens", "scores_continuations"],
        "tasks": ["classify", "extract", "generate", "rewrite", "summarize"],
    }
    # Its server works on two at once, though the configuration allows sixteen.
    assert (second["name"], second["slots"], second["tasks"]) == ("second", 2, ["rewrite"])


def test_the_queue_is_seen_while_it_lasts(client: httpx.Client, model: HeldModel) -> None:
    def ask(number: int) -> int:
        body = {"text": f"hold {number}", "backend": "gpu"}
        return client.post("/v1/summarize", json=body).status_code

    refused = 'copydesk_backend_refusals_total{backend="gpu",reason="queue_full"}'
    with ThreadPoolExecutor(3) as pool, model.holding():
        asked = [pool.submit(ask, number) for number in range(3)]
        # Each of the three has come: one works, one waits, and there is no room for the third.
        assert wait_until(lambda: value(client, refused) == 1)
        assert value(client, 'copydesk_backend_queue_length{backend="gpu"}') == 1
        assert value(client, 'copydesk_backend_slots_in_use{backend="gpu"}') == 1
        gpu = client.get("/v1/backends").json()["backends"][1]
        assert (gpu["slots_in_use"], gpu["queue_length"]) == (1, 1)
        model.let_go()
        assert sorted(future.result() for future in asked) == [200, 200, 503]
    assert value(client, refused) == 1
    assert value(client, 'copydesk_backend_queue_length{backend="gpu"}') == 0
    assert value(client, 'copydesk_backend_slots_in_use{backend="gpu"}') == 0
    assert value(client, 'copydesk_backend_queue_wait_seconds_count{backend="gpu"}') == 2
    assert value(client, 'copydesk_backend_queue_wait_seconds_bucket{backend="gpu",le="0.001"}') == 1


def test_failures_retries_and_fallbacks_are_counted(client: httpx.Client) -> None:
    assert client.post("/v1/rewrite", json={"text": "breaks down", "style": "formal"}).status_code == 200
    outcome = (
        'copydesk_backend_calls_total{backend="first",code="backend_unavailable",priority="normal",task="rewrite"}'
    )
    assert value(client, outcome) == 2
    assert value(client, 'copydesk_backend_retries_total{backend="first",code="backend_unavailable"}') == 1
    fell_back = 'copydesk_backend_fallbacks_total{backend="first",code="backend_unavailable",task="rewrite"}'
    assert value(client, fell_back) == 1
    assert value(client, 'copydesk_answers_total{backend="second",cache="miss",task="rewrite"}') == 1


def test_kept_answers_and_tokens_are_counted(client: httpx.Client) -> None:
    caches = [client.post("/v1/generate", json={"instruction": "x"}).json()["meta"]["cache"] for _ in range(3)]
    assert caches == ["miss", "hit", "hit"]
    fresh = client.post("/v1/generate", json={"instruction": "x", "bypass_cache": True}).json()["meta"]
    assert (fresh["cache"], fresh["usage"]["output_tokens"]) == ("miss", 3)
    assert value(client, 'copydesk_answers_total{backend="first",cache="hit",task="generate"}') == 2
    assert value(client, 'copydesk_answers_total{backend="first",cache="miss",task="generate"}') == 2
    assert value(client, 'copydesk_tokens_total{backend="first",kind="output",task="generate"}') == 6


def test_streams_are_counted_while_they_are_open(client: httpx.Client) -> None:
    with client.stream("POST", "/v1/summarize/stream", json={"text": "x"}) as response:
        response.read()
    assert wait_until(lambda: value(client, "copydesk_streams_open") == 0)
    assert value(client, 'copydesk_backend_first_token_seconds_count{backend="first",task="summarize"}') >= 1


def test_no_text_of_a_caller_is_in_the_metrics(client: httpx.Client) -> None:
    client.post("/v1/summarize", json={"text": "Zanzibar", "session": "Xanadu", "backend": "Yggdrasil"})
    client.post("/v1/Zanzibar", json={"text": "Zanzibar"})
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    assert not re.search("Zanzibar|Xanadu|Yggdrasil", response.text)


def test_the_metrics_of_two_workers_are_summed(tmp_path: Path) -> None:
    path = configured(tmp_path, {"only": {"kind": "scripted", "answers": ANSWERS, "concurrency": 5}})
    slots = 'copydesk_backend_slots{backend="only"}'

    def asked(metric: str) -> float:
        with running.client() as once:
            return value(once, metric)

    with serving("--config", str(path), "--workers", "2") as running:
        # One worker answers while the other one still begins.
        assert wait_until(lambda: (asked(slots), asked("copydesk_ready")) == (4, 1))  # two slots for each
        for worker, count in zip(workers_of(running), (3, 4), strict=True):
            with halted(worker):
                for _ in range(count):
                    with running.client() as once:
                        assert once.post("/v1/summarize", json={"text": "x"}).status_code == 200
        assert asked('copydesk_answers_total{backend="only",cache="miss",task="summarize"}') == 7
        assert asked(slots) == 4
        assert running.stop() == 0


def test_a_killed_worker_leaves_its_counts_and_takes_its_slots_along(tmp_path: Path) -> None:
    path = configured(tmp_path, {"only": {"kind": "scripted", "answers": ANSWERS, "concurrency": 5}})
    environment = {"TMPDIR": str(tmp_path), "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "of another service")}
    with serving("--config", str(path), "--workers", "2", environment=environment) as running:
        (folder,) = tmp_path.glob("copydesk-metrics-*")

        def asked(metric: str) -> float:
            try:
                with running.client() as once:
                    return value(once, metric)
            except httpx.TransportError:  # from the worker that was killed
                return -1

        for _ in range(6):
            with running.client() as once:
                assert once.post("/v1/summarize", json={"text": "x"}).status_code == 200
        served = 'copydesk_http_requests_total{code="ok",operation="summarize",status="2xx"}'
        assert wait_until(lambda: asked(served) == 6)
        killed = next(folder.glob("gauge_livesum_*.db"))
        os.kill(int(killed.stem.rpartition("_")[2]), signal.SIGKILL)
        slots = 'copydesk_backend_slots{backend="only"}'
        assert wait_until(lambda: asked(slots) == 4 and not killed.exists())
        assert asked('copydesk_answers_total{backend="only",cache="miss",task="summarize"}') == 6
        assert asked(served) == 6
        assert asked("copydesk_workers") == 2
        assert running.stop() == 0
    assert list(tmp_path.glob("copydesk-metrics-*")) == []


def test_one_worker_needs_no_folder_for_metrics(tmp_path: Path) -> None:
    path = configured(tmp_path, {"only": {"kind": "scripted", "answers": ANSWERS}})
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "of another service")}
    with serving("--config", str(path), environment=environment) as running, running.client() as client:
        assert value(client, 'copydesk_backend_slots{backend="only"}') == 16


def answers(url: str) -> bool:
    try:
        return httpx.get(url + "/healthz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def serving_soon(path: Path) -> Iterator[httpx.Client]:
    """The service from the moment when it answers, ready or not."""
    with serving("--config", str(path), wait=False) as service:
        assert wait_until(lambda: service.url and answers(service.url)), service.log
        with service.client() as client:
            yield client


def gpu(upstream: OllamaServer, **settings: Any) -> dict[str, Any]:
    return {"gpu": {"kind": "ollama", "base_url": upstream.base_url, "model": upstream.model_name, **settings}}


def test_a_backend_is_ready_when_its_model_is_loaded(tmp_path: Path) -> None:
    with canned_server(Canned()) as upstream, ExitStack() as stack:
        upstream.may_load.clear()
        stack.callback(upstream.may_load.set)
        client = stack.enter_context(serving_soon(configured(tmp_path, gpu(upstream))))
        assert wait_until(lambda: client.get("/readyz").json()["backends"][0].get("warming") is True)
        assert client.get("/readyz").status_code == 503
        assert client.get("/v1/backends").json()["backends"][0]["warming"] is True
        upstream.may_load.set()
        assert wait_until(lambda: client.get("/readyz").status_code == 200)
        assert upstream.counts.loads == 1
        assert upstream.keep_alive == "30m"
        listed = client.get("/v1/backends").json()["backends"][0]
        assert (listed["ready"], listed["warming"], listed["context_tokens"]) == (True, False, 4096)
        asked = dict(upstream.counts.requests)
        for _ in range(50):
            client.get("/readyz")
            client.get("/v1/backends")
        assert dict(upstream.counts.requests) == asked, "a request for readiness reached the server"


def test_a_backend_without_its_model_says_what_is_missing(tmp_path: Path) -> None:
    with (
        canned_server(Canned(), installed=False) as upstream,
        serving_soon(configured(tmp_path, gpu(upstream))) as client,
    ):
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["backends"] == [{"name": "gpu", "ready": False, "code": "backend_rejected"}]


def test_a_backend_that_lacks_its_model_does_not_cost_the_task(tmp_path: Path) -> None:
    with canned_server(Canned(), installed=False) as upstream:
        backends = {**gpu(upstream), "spare": {"kind": "scripted", "answers": [{"answer": "spare"}]}}
        path = configured(tmp_path, backends, routes={"default": ["gpu", "spare"]})
        with serving("--config", str(path)) as service, service.client() as client:
            answer = client.post("/v1/summarize", json={"text": "x"}).json()
            assert (answer["summary"], answer["meta"]["backend"]) == ("spare", "spare")
            named = client.post("/v1/summarize", json={"text": "x", "backend": "gpu"})
            assert named.json()["code"] == "backend_rejected"


def test_a_backend_that_is_spared_is_not_ready(tmp_path: Path) -> None:
    answers = [{"when": "x", "fail": "unavailable", "fail_after": 0, "answer": "y"}, {"answer": "z"}]
    path = configured(tmp_path, {"only": {"kind": "scripted", "answers": answers, "retries": 0}})
    with serving("--config", str(path)) as service, service.client() as client:
        for number in range(5):
            assert client.post("/v1/summarize", json={"text": f"x{number}"}).status_code == 503
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["backends"][0]["ready"]) == (503, False)
        assert client.get("/v1/backends").json()["backends"][0]["breaker"] == "open"
        assert wait_until(lambda: client.post("/v1/summarize", json={"text": "z"}).status_code == 200)
        assert client.get("/readyz").status_code == 200
