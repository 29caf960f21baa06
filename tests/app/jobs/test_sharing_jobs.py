"""Jobs of several keys, and jobs beside requests that somebody waits for."""

from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
import sqlalchemy as sa

from app.jobs.table import jobs
from tests.app.jobs.kit import CountingModel, counting_server, ended, job_items, submit, write_configuration
from tests.app.keys.holders import calling, connected, new_key, revoke
from tests.conftest import serving, wait_until

pytestmark = pytest.mark.e2e

SLOTS = 2


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, CountingModel, list[httpx.Client]]]:
    """A service whose model server works on two requests at once, and two callers."""
    folder = tmp_path_factory.mktemp("sharing")
    url = f"sqlite:///{folder}/copydesk.db"
    keys = [new_key(url), new_key(url)]
    with ExitStack() as stack:
        server, model = stack.enter_context(counting_server(0.1))
        path = write_configuration(folder, server, jobs={"parallel": 16})
        path.write_text(path.read_text().replace("concurrency: 32", f"concurrency: {SLOTS}"))
        environment = {"COPYDESK_DATABASE__URL": url}
        service = stack.enter_context(serving("--config", str(path), environment=environment))
        yield url, model, [stack.enter_context(calling(service, key)) for key in keys]


def test_a_small_job_does_not_wait_for_the_huge_one_of_another_key(
    stand: tuple[str, CountingModel, list[httpx.Client]],
) -> None:
    _, model, (greedy, modest) = stand
    huge = submit(greedy, job_items(600))
    assert wait_until(lambda: model.calls.total() > 10)
    small = submit(modest, job_items(6, first=1000))
    assert ended(modest, small)["counts"]["succeeded"] == 6
    assert greedy.get(f"/v1/jobs/{huge}").json()["counts"]["succeeded"] < 300
    assert greedy.post(f"/v1/jobs/{huge}/cancel").json()["status"] == "cancelled"


def test_whoever_waits_goes_first(stand: tuple[str, CountingModel, list[httpx.Client]]) -> None:
    _, model, (greedy, modest) = stand
    job_id = submit(greedy, job_items(600))
    assert wait_until(lambda: model.in_flight == SLOTS)
    for number in range(3):
        before = model.calls.total()
        answer = modest.post("/v1/summarize", json={"text": f"The parcel number {2000 + number} came late."})
        assert answer.status_code == 200
        # The slots that are taken are freed first, and the other one goes on with the job meanwhile; the 14 items that
        # waited before this request wait on.
        assert model.calls.total() - before <= 2 * SLOTS + 1
    assert greedy.get(f"/v1/jobs/{job_id}").json()["status"] == "running"
    greedy.post(f"/v1/jobs/{job_id}/cancel")


def test_another_keys_job_is_none(stand: tuple[str, CountingModel, list[httpx.Client]]) -> None:
    _, _, (owner, other) = stand
    job_id = submit(owner, job_items(1))
    ended(owner, job_id)
    for method, path in (("GET", ""), ("GET", "/results"), ("POST", "/cancel"), ("DELETE", "")):
        answer = other.request(method, f"/v1/jobs/{job_id}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "job_unknown")
    assert job_id not in other.get("/v1/jobs", params={"limit": 1000}).text
    assert owner.get(f"/v1/jobs/{job_id}").status_code == 200


def test_a_scope_that_is_missing_is_a_problem_of_the_item(
    stand: tuple[str, CountingModel, list[httpx.Client]],
) -> None:
    _, _, (owner, _) = stand
    job_id = submit(owner, [{"text": "x", "backend": "gpu"}])
    problem = owner.get(f"/v1/jobs/{job_id}/results").json()["results"][0]["problem"]
    assert problem["code"] == "scope_missing"


def test_the_job_of_a_revoked_key_fails(stand: tuple[str, CountingModel, list[httpx.Client]]) -> None:
    url, _, (known, _) = stand
    key = new_key(url)
    with httpx.Client(base_url=known.base_url, trust_env=False) as client:
        client.headers["authorization"] = f"Bearer {key.text()}"
        assert wait_until(lambda: client.get("/v1/jobs").status_code == 200)
        job_id = submit(client, job_items(300, first=3000))
    revoke(url, key)
    assert wait_until(lambda: status(url, job_id) == "failed", 20)


def status(url: str, job_id: str) -> str:
    with connected(url) as database, database.transaction() as connection:
        return str(connection.execute(sa.select(jobs.c.status).where(jobs.c.id == job_id)).scalar_one())
