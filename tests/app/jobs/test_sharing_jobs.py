"""Jobs of several keys, and jobs beside requests that somebody waits for."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import httpx
import pytest
import sqlalchemy as sa

from app.jobs.table import jobs
from tests.app.jobs.holding import HoldingModel
from tests.app.jobs.kit import ended, job_items, submit, write_configuration
from tests.app.keys.holders import calling, connected, new_key, revoke
from tests.backends.ollama_server import canned_server
from tests.conftest import serving, wait_until

pytestmark = pytest.mark.e2e

SLOTS = 2
AT_ONCE = 16


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, HoldingModel, list[httpx.Client]]]:
    """A service whose model server works on two requests at once, and two callers."""
    folder = tmp_path_factory.mktemp("sharing")
    url = f"sqlite:///{folder}/copydesk.db"
    keys = [new_key(url), new_key(url)]
    with ExitStack() as stack:
        model = HoldingModel(first_s=0.1)
        server = stack.enter_context(canned_server(model, parallel=64))
        path = write_configuration(folder, server, jobs={"parallel": AT_ONCE})
        path.write_text(path.read_text().replace("concurrency: 32", f"concurrency: {SLOTS}"))
        environment = {"COPYDESK_DATABASE__URL": url}
        service = stack.enter_context(serving("--config", str(path), environment=environment))
        yield url, model, [stack.enter_context(calling(service, key)) for key in keys]


def test_a_small_job_does_not_wait_for_the_huge_one_of_another_key(
    stand: tuple[str, HoldingModel, list[httpx.Client]],
) -> None:
    _, model, (greedy, modest) = stand
    huge = submit(greedy, job_items(600))
    assert wait_until(lambda: model.calls.total() > 10)
    small = submit(modest, job_items(6, first=1000))
    assert ended(modest, small)["counts"]["succeeded"] == 6
    assert greedy.get(f"/v1/jobs/{huge}").json()["counts"]["succeeded"] < 300
    assert greedy.post(f"/v1/jobs/{huge}/cancel").json()["status"] == "cancelled"


def test_whoever_waits_goes_first(stand: tuple[str, HoldingModel, list[httpx.Client]]) -> None:
    _, model, (greedy, modest) = stand
    with model.holding(), ThreadPoolExecutor(1) as pool:
        job_id = submit(greedy, job_items(600))
        for number in range(2000, 2003):
            wait_for_line(greedy, model, AT_ONCE - SLOTS)
            body = {"text": f"The parcel number {number} came late."}
            asked = pool.submit(modest.post, "/v1/summarize", json=body)
            wait_for_line(greedy, model, AT_ONCE - SLOTS + 1)
            came = len(model.arrivals)
            model.let_go(model.held[0])  # an item of the job; 14 others have waited longer than this request
            assert wait_until(partial(has_grown, model.arrivals, came))
            assert model.arrivals[came] == number
            model.let_go(number)
            assert asked.result(60).status_code == 200
        assert greedy.get(f"/v1/jobs/{job_id}").json()["status"] == "running"
        greedy.post(f"/v1/jobs/{job_id}/cancel")


def wait_for_line(client: httpx.Client, model: HoldingModel, queued: int) -> None:
    """Wait until so many requests wait for a slot, and those that have one have reached the model server."""

    def stands() -> bool:
        (backend,) = client.get("/v1/backends").json()["backends"]
        return (backend["slots_in_use"], backend["queue_length"], len(model.held)) == (SLOTS, queued, SLOTS)

    assert wait_until(stands)


def has_grown(numbers: list[int], length: int) -> bool:
    return len(numbers) > length


def test_another_keys_job_is_none(stand: tuple[str, HoldingModel, list[httpx.Client]]) -> None:
    _, _, (owner, other) = stand
    job_id = submit(owner, job_items(1))
    ended(owner, job_id)
    for method, path in (("GET", ""), ("GET", "/results"), ("POST", "/cancel"), ("DELETE", "")):
        answer = other.request(method, f"/v1/jobs/{job_id}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "job_unknown")
    assert job_id not in other.get("/v1/jobs", params={"limit": 1000}).text
    assert owner.get(f"/v1/jobs/{job_id}").status_code == 200


def test_a_scope_that_is_missing_is_a_problem_of_the_item(
    stand: tuple[str, HoldingModel, list[httpx.Client]],
) -> None:
    _, _, (owner, _) = stand
    job_id = submit(owner, [{"text": "x", "backend": "gpu"}])
    problem = owner.get(f"/v1/jobs/{job_id}/results").json()["results"][0]["problem"]
    assert problem["code"] == "scope_missing"


def test_the_job_of_a_revoked_key_fails(stand: tuple[str, HoldingModel, list[httpx.Client]]) -> None:
    url, _, (known, _) = stand
    key = new_key(url)
    with httpx.Client(base_url=known.base_url, trust_env=False, timeout=60) as client:
        client.headers["authorization"] = f"Bearer {key.text()}"
        assert wait_until(lambda: client.get("/v1/jobs").status_code == 200)
        job_id = submit(client, job_items(1000, first=3000))  # a minute's work, nearly
    revoke(url, key)
    assert wait_until(lambda: status(url, job_id) == "failed")


def status(url: str, job_id: str) -> str:
    with connected(url) as database, database.transaction() as connection:
        return str(connection.execute(sa.select(jobs.c.status).where(jobs.c.id == job_id)).scalar_one())
