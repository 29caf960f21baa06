"""Two hosts on PostgreSQL, Redis and Ollama's protocol behind HAProxy: what they share, and what a caller sees of it
when one of them goes."""

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial

import httpx
import psycopg
import pytest

from tests.conftest import wait_until
from tests.deploy.jobs import REWRITE, counts_of, finished, submitted
from tests.deploy.topology import Topology, running
from tests.servers import PostgresServer

pytestmark = pytest.mark.e2e

ITEMS = 60
CONNECTIONS_OF_A_WORKER = 10  # docs/deploy.md


@pytest.fixture(scope="module")
def topology(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> Iterator[Topology]:
    with running(tmp_path_factory.mktemp("topology"), postgres_server, workers=1) as topology:
        yield topology


def rewrites_of(topology: Topology, url: str) -> int:
    """The rewrites that a host has answered since it began, by its own count."""
    with topology.client(url=url) as client:
        page = client.get("/metrics").text
    pattern = r'^copydesk_http_requests_total\{.*?operation="rewrite",status="2xx"\} (\d+)'
    return sum(map(int, re.findall(pattern, page, re.MULTILINE)))


def answers_to(topology: Topology, number: int) -> list[int]:
    statuses: list[int] = []

    def call(turn: int) -> None:
        with topology.client(url=topology.hosts[turn % 2].url) as client:
            body = {**REWRITE, "audience": f"reader {turn}"}
            statuses.append(client.post("/v1/rewrite", json=body).status_code)

    threads = [threading.Thread(target=call, args=(turn,)) for turn in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return statuses


def test_both_hosts_are_ready_and_closed_without_a_key(topology: Topology) -> None:
    for host in topology.hosts:
        assert httpx.get(f"{host.url}/readyz", trust_env=False).status_code == 200
        refused = httpx.post(f"{host.url}/v1/rewrite", json=REWRITE, trust_env=False)
        assert (refused.status_code, refused.json()["code"]) == (401, "key_missing")


def test_the_balancer_hands_on_answers_and_streams_but_no_metrics(topology: Topology) -> None:
    with topology.client() as client:
        answer = client.post("/v1/rewrite", json=REWRITE)
        assert (answer.status_code, answer.json()["text"]) == (200, "Hello there.")
        assert answer.json()["meta"]["model"] == "llama3.1:8b"
        with client.stream("POST", "/v1/rewrite/stream", json=REWRITE) as stream:
            events = [line for line in stream.iter_lines() if line.startswith("event:")]
        assert events[-1] == "event: done"
        assert client.get("/metrics").status_code == 404


def test_a_stream_is_not_held_back_by_the_balancer(topology: Topology) -> None:
    """The first word is there long before the last one is made."""
    model = topology.ollama.model
    model.each_s = 1.0  # type: ignore[attr-defined]
    try:
        with topology.client() as client, client.stream("POST", "/v1/rewrite/stream", json=REWRITE) as stream:
            seen = [(time.monotonic(), line) for line in stream.iter_lines() if line.startswith("event:")]
    finally:
        model.each_s = 0.0  # type: ignore[attr-defined]
    assert [line for _, line in seen[:1] + seen[-1:]] == ["event: delta", "event: done"]
    assert seen[-1][0] - seen[0][0] > 0.5


def test_a_key_is_known_to_both_and_forgotten_by_both(topology: Topology) -> None:
    key = topology.command("keys", "create", "--name", "orders").strip()
    key_id = key.split("_")[1]

    def statuses() -> list[int]:
        found = []
        for host in topology.hosts:
            with topology.client(key, host.url) as client:
                found.append(client.post("/v1/rewrite", json=REWRITE).status_code)
        return found

    assert wait_until(lambda: statuses() == [200, 200])
    topology.command("keys", "revoke", key_id)
    assert wait_until(lambda: statuses() == [401, 401])


def test_limits_are_counted_for_both_together(topology: Topology) -> None:
    key = topology.command("keys", "create", "--name", "slow", "--requests-per-minute", "6").strip()
    statuses = []
    for turn in range(10):
        with topology.client(key, topology.hosts[turn % 2].url) as client:
            statuses.append(client.post("/v1/rewrite", json=REWRITE).status_code)
    assert Counter(statuses) == {200: 6, 429: 4}, statuses
    assert statuses[6:] == [429] * 4


def test_a_reply_is_kept_for_both(topology: Topology) -> None:
    first, second = topology.hosts
    headers = {"idempotency-key": "order-17"}
    with topology.client(url=first.url) as one, topology.client(url=second.url) as other:
        answer = one.post("/v1/rewrite", json=REWRITE, headers=headers)
        chats = topology.ollama.counts.requests["/api/chat"]
        again = other.post("/v1/rewrite", json=REWRITE, headers=headers)
        different = other.post("/v1/rewrite", json={**REWRITE, "style": "friendly"}, headers=headers)
    assert answer.status_code == 200
    assert (again.status_code, again.content) == (200, answer.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert different.status_code == 422
    assert topology.ollama.counts.requests["/api/chat"] == chats


def test_each_host_has_its_own_metrics(topology: Topology) -> None:
    counted = [rewrites_of(topology, host.url) for host in topology.hosts]
    assert all(counted), counted
    scope = topology.command("keys", "create", "--name", "prometheus", "--scope", "metrics").strip()
    with topology.client(scope, topology.hosts[0].url) as client:
        assert client.get("/metrics").status_code == 200
        assert client.post("/v1/rewrite", json=REWRITE).status_code == 403


def test_all_hosts_together_never_ask_for_more_than_the_servers_slots(topology: Topology) -> None:
    model, counts = topology.ollama.model, topology.ollama.counts
    model.first_s = 0.2  # type: ignore[attr-defined]
    counts.most_active = 0
    try:
        assert Counter(answers_to(topology, 12)) == {200: 12}
    finally:
        model.first_s = 0.0  # type: ignore[attr-defined]
    assert counts.most_active == topology.ollama.parallel
    assert counts.waiting == 0


def test_hosts_restart_one_by_one_and_no_caller_sees_it(topology: Topology) -> None:
    stop, statuses = threading.Event(), Counter[int | str]()

    def call(number: int) -> None:
        with topology.client() as client:
            while not stop.is_set():
                try:
                    statuses[client.post("/v1/rewrite", json={**REWRITE, "audience": str(number)}).status_code] += 1
                except httpx.HTTPError as error:
                    statuses[repr(error)] += 1

    callers = [threading.Thread(target=call, args=(number,)) for number in range(3)]
    for caller in callers:
        caller.start()
    try:
        for host in topology.hosts:
            assert host.stop() == 0
            time.sleep(0.5)
            host.start()
            assert wait_until(partial(rewrites_of, topology, host.url)), "the balancer does not come back"
    finally:
        stop.set()
        for caller in callers:
            caller.join(60)
    assert set(statuses) == {200}, statuses
    assert statuses[200] > 10


def test_a_job_is_read_and_cancelled_at_another_host(topology: Topology) -> None:
    first, second = topology.hosts
    with topology.client(url=first.url) as one, topology.client(url=second.url) as other:
        job_id = submitted(one, 20)
        results = finished(other, job_id)
        assert [entry["result"]["text"] for entry in results] == ["Hello there."] * 20
        assert one.get("/v1/jobs").json()["jobs"] == other.get("/v1/jobs").json()["jobs"]
        assert one.delete(f"/v1/jobs/{job_id}").status_code == 204
        assert other.get(f"/v1/jobs/{job_id}").status_code == 404


def test_a_worker_has_no_more_connections_than_the_guide_says(
    topology: Topology, postgres_server: PostgresServer
) -> None:
    database = topology.environment["COPYDESK_DATABASE__URL"].rpartition("/")[2]
    with topology.client() as client:
        job_id = submitted(client, 20)
        assert Counter(answers_to(topology, 12)) == {200: 12}
        finished(client, job_id)
    with psycopg.connect(postgres_server.url) as connection:
        counted = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", [database]).fetchone()
    assert counted
    assert 0 < counted[0] <= len(topology.hosts) * CONNECTIONS_OF_A_WORKER


def test_a_job_is_finished_by_the_host_that_is_left(topology: Topology) -> None:
    """The other one loses its power in the middle of it: the last test of this topology."""
    topology.ollama.model.first_s = 0.2  # type: ignore[attr-defined]
    first, second = topology.hosts
    try:
        with topology.client(url=first.url) as one, topology.client(url=second.url) as other:
            job_id = submitted(one, ITEMS)
            assert wait_until(lambda: counts_of(other, job_id)["succeeded"] > ITEMS // 10)
            first.kill()
            results = finished(other, job_id)
        answered = [entry["index"] for entry in results if entry["result"]["text"] == "Hello there."]
        assert answered == list(range(ITEMS))
        with topology.client() as caller:
            assert [caller.post("/v1/rewrite", json=REWRITE).status_code for _ in range(4)] == [200] * 4
    finally:
        topology.ollama.model.first_s = 0.0  # type: ignore[attr-defined]
