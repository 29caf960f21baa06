"""The operations of jobs, on one service over a model server that counts."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.app.jobs.holding import HoldingModel
from tests.app.jobs.kit import ended, job_items, results, submit, write_configuration
from tests.backends.ollama_server import Fault, OllamaServer, canned_server
from tests.conftest import Service, serving, wait_until

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def stand() -> Iterator[tuple[OllamaServer, HoldingModel]]:
    model = HoldingModel()
    with canned_server(model, parallel=64) as server:
        yield server, model


@pytest.fixture(scope="module")
def service(stand: tuple[OllamaServer, HoldingModel], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    sections = {"jobs": {"max_items": 200, "max_body_bytes": 400_000}, "server": {"max_body_bytes": 100_000}}
    path = write_configuration(tmp_path_factory.mktemp("jobs"), stand[0], **sections)
    with serving("--config", str(path)) as running:
        yield running


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with service.client() as found:
        yield found


@pytest.fixture
def model(stand: tuple[OllamaServer, HoldingModel]) -> Iterator[HoldingModel]:
    server, counting = stand
    counting.calls.clear()
    counting.cancelled = 0
    yield counting
    server.fault, counting.first_s = None, 0.0


def test_a_job_is_accepted_done_and_read(client: httpx.Client, model: HoldingModel) -> None:
    items: list[Any] = [*job_items(5), {"nope": 1}, 7, {"text": " "}]
    accepted = client.post("/v1/jobs", json={"task": "summarize", "items": items, "priority": "low"})
    job = accepted.json()
    assert accepted.status_code == 202
    assert accepted.headers["location"] == f"/v1/jobs/{job['id']}"
    assert (job["status"], job["task"], job["priority"]) == ("queued", "summarize", "low")
    assert job["counts"] == {"total": 8, "queued": 5, "running": 0, "succeeded": 0, "failed": 3, "cancelled": 0}
    assert "ended_at" not in job
    assert "expires_at" not in job
    done = ended(client, job["id"])
    assert done["status"] == "succeeded"
    assert done["counts"] == {"total": 8, "queued": 0, "running": 0, "succeeded": 5, "failed": 3, "cancelled": 0}
    assert done["created_at"] <= done["started_at"] <= done["ended_at"]
    assert done["expires_at"] == done["ended_at"] + 86_400_000
    outcomes = {entry["index"]: entry for entry in results(client, job["id"], limit=3)}
    assert sorted(outcomes) == list(range(8))
    assert [outcomes[index]["result"]["summary"] for index in range(5)] == ["Hello there."] * 5
    meta = outcomes[3]["result"]["meta"]
    assert (meta["request_id"], meta["backend"], meta["prompt"]["label"]) == (f"{job['id']}:3", "gpu", "production")
    assert [outcomes[index]["problem"]["code"] for index in (5, 6, 7)] == ["invalid_request"] * 3
    assert outcomes[5]["problem"]["errors"][0]["pointer"] == "/items/5/nope"
    assert model.calls == dict.fromkeys(range(5), 1)


def test_json_lines(client: httpx.Client, model: HoldingModel) -> None:
    lines = [json.dumps(item) for item in job_items(3)]
    lines[1:1] = ["", '{"text": "a", "text": "b"}', '{"text": ']
    body = {"task": "summarize", "items_jsonl": "\r\n".join(lines) + "\n"}
    job_id = client.post("/v1/jobs", json=body).json()["id"]
    assert ended(client, job_id)["counts"]["succeeded"] == 3
    outcomes = {entry["index"]: entry for entry in results(client, job_id)}
    assert [outcomes[index]["problem"]["code"] for index in (1, 2)] == ["invalid_json"] * 2
    assert outcomes[1]["problem"]["detail"].startswith("Line 3: The key 'text' stands twice")
    assert outcomes[2]["problem"]["detail"].startswith("Line 4 is not valid JSON")
    assert model.calls.total() == 3


def test_a_job_of_nothing_but_wrong_items_has_ended(client: httpx.Client) -> None:
    job = client.post("/v1/jobs", json={"task": "summarize", "items": [1, 2]}).json()
    assert (job["status"], job["counts"]["failed"]) == ("succeeded", 2)
    assert [entry["index"] for entry in results(client, job["id"])] == [0, 1]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param({"task": "summarize"}, 422, "invalid_request", id="no items"),
        pytest.param({"task": "summarize", "items": []}, 422, "invalid_request", id="an empty list"),
        pytest.param({"task": "summarize", "items_jsonl": "\n\n"}, 422, "invalid_request", id="empty lines"),
        pytest.param(
            {"task": "summarize", "items": [{}], "items_jsonl": "{}"}, 422, "invalid_request", id="items twice"
        ),
        pytest.param({"task": "summarize", "items": [{}] * 201}, 422, "invalid_request", id="too many items"),
        pytest.param({"task": "nope", "items": [{}]}, 404, "task_unknown", id="an unknown task"),
        pytest.param({"task": "summarize", "items": [{}], "prio": 1}, 422, "invalid_request", id="an unknown field"),
        pytest.param(
            {"task": "summarize", "items": [{}], "priority": "top"}, 422, "invalid_request", id="a wrong priority"
        ),
        pytest.param({"task": "summarize", "items": ["x" * 500_000]}, 413, "body_too_large", id="too large"),
    ],
)
def test_a_wrong_job_is_refused(client: httpx.Client, body: dict[str, Any], status: int, code: str) -> None:
    refused = client.post("/v1/jobs", json=body)
    assert (refused.status_code, refused.json()["code"]) == (status, code)


def test_a_job_may_be_larger_than_other_bodies(client: httpx.Client, model: HoldingModel) -> None:
    text = "The parcel number 1 came late. " + "x" * 40_000
    items = [{"text": text, "prompt": "none such"}] * 5
    assert client.post("/v1/summarize", json=items[0] | {"metadata": {"x": "y" * 100_000}}).status_code == 413
    assert ended(client, submit(client, items))["counts"]["failed"] == 5


@pytest.mark.parametrize("method", ["get", "delete", "post"])
def test_a_job_that_is_not_there(client: httpx.Client, method: str) -> None:
    path = "/v1/jobs/0123/cancel" if method == "post" else "/v1/jobs/0123"
    missing = client.request(method, path)
    assert (missing.status_code, missing.json()["code"]) == (404, "job_unknown")


def test_cancelling_reaches_the_backend(client: httpx.Client, model: HoldingModel) -> None:
    model.first_s = 30
    job_id = submit(client, job_items(20))
    assert wait_until(lambda: model.in_flight == 4)
    assert client.get(f"/v1/jobs/{job_id}").json()["counts"] | {} == {
        "total": 20, "queued": 16, "running": 4, "succeeded": 0, "failed": 0, "cancelled": 0,
    }  # fmt: skip
    cancelled = client.post(f"/v1/jobs/{job_id}/cancel").json()
    assert (cancelled["status"], cancelled["counts"]["cancelled"]) == ("cancelled", 20)
    assert wait_until(lambda: model.in_flight == 0)
    assert (model.cancelled, model.calls.total()) == (4, 4)
    assert client.post(f"/v1/jobs/{job_id}/cancel").json() == cancelled
    assert results(client, job_id) == []


def test_a_deleted_job_leaves_no_text(client: httpx.Client, model: HoldingModel, service: Service) -> None:
    model.first_s = 30
    job_id = submit(client, [{"text": f"The secret of parcel number {number}."} for number in range(8)])
    assert wait_until(lambda: model.in_flight == 4)
    assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    assert wait_until(lambda: model.in_flight == 0)
    assert client.get(f"/v1/jobs/{job_id}/results").status_code == 404
    assert not any("The secret" in line for line in service.log)


def test_jobs_are_listed_the_newest_first(client: httpx.Client, model: HoldingModel) -> None:
    ids = [submit(client, job_items(1)) for _ in range(3)]
    for job_id in ids:
        ended(client, job_id)
    seen: list[str] = []
    after: dict[str, str] = {}
    while len(seen) < 3:
        page = client.get("/v1/jobs", params={"limit": 1, "status": "succeeded", **after}).json()
        seen += [job["id"] for job in page["jobs"]]
        after = {"after": page["next"]}
    assert seen == ids[::-1]
    assert client.get("/v1/jobs", params={"status": "failed"}).json() == {"jobs": []}
    wrong = client.get("/v1/jobs", params={"after": "yesterday"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_request")
    assert [(error["pointer"], error["parameter"]) for error in wrong.json()["errors"]] == [("", "after")]


def test_results_come_while_the_job_runs(client: httpx.Client, model: HoldingModel) -> None:
    with model.holding():
        job_id = submit(client, job_items(12))
        model.allow(5)
        assert wait_until(lambda: len(client.get(f"/v1/jobs/{job_id}/results").json()["results"]) == 5)
        page = client.get(f"/v1/jobs/{job_id}/results").json()
    assert page["next"] == len(page["results"]) == 5
    ended(client, job_id)
    rest = client.get(f"/v1/jobs/{job_id}/results", params={"after": page["next"]}).json()
    assert "next" not in rest
    assert sorted(entry["index"] for entry in page["results"] + rest["results"]) == list(range(12))


def test_an_item_is_tried_again(client: httpx.Client, model: HoldingModel, stand: Any) -> None:
    stand[0].fault = Fault(status=500, times=3)
    assert ended(client, submit(client, job_items(2)))["counts"]["succeeded"] == 2


def test_the_same_idempotency_key_is_the_same_job(client: httpx.Client, model: HoldingModel) -> None:
    body = {"task": "summarize", "items": job_items(2)}
    first, again = (client.post("/v1/jobs", json=body, headers={"idempotency-key": "k1"}) for _ in range(2))
    assert first.json()["id"] == again.json()["id"]
    ended(client, first.json()["id"])
    assert model.calls == {0: 1, 1: 1}


def test_no_line_of_the_log_holds_a_text(client: httpx.Client, model: HoldingModel, service: Service) -> None:
    ended(client, submit(client, job_items(3)))
    assert not [line for line in service.log if re.search(r"parcel|Traceback| (ERROR|WARNING) +dbos", line)]


def test_what_needs_the_database_says_so_while_that_fails(stand: Any, tmp_path: Path) -> None:
    """Tables that are gone stand for it: SQLite has no server that could be stopped."""
    path = write_configuration(tmp_path, stand[0])
    file = tmp_path / "failing.db"
    with serving("--config", str(path), environment={"COPYDESK_DATABASE__URL": f"sqlite:///{file}"}) as service:
        with closing(sqlite3.connect(file)) as connection:
            for table in ("jobs", "usage_daily"):
                connection.execute(f"ALTER TABLE {table} RENAME TO {table}_gone")
        with service.client() as client:
            body = {"task": "summarize", "items": job_items(1)}
            answers = [
                client.post("/v1/jobs", json=body),
                client.post("/v1/jobs/j/cancel"),
                *(client.get(path) for path in ("/v1/jobs", "/v1/jobs/j", "/v1/jobs/j/results", "/v1/usage")),
                client.delete("/v1/jobs/j"),
            ]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable"), answer.url
        assert (answer.json()["retryable"], answer.headers["retry-after"]) == (True, "1")
