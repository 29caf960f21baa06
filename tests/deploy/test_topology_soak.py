"""The topology for longer: both hosts with the workers that deploy/ gives them, killed again and again."""

import random
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.deploy.jobs import REWRITE, finished, submitted
from tests.deploy.topology import Topology, running
from tests.servers import PostgresServer

pytestmark = [pytest.mark.soak, pytest.mark.e2e]

ITEMS, KILLS, CALLERS = 2000, 8, 4


def test_hosts_are_killed_in_turn_and_nothing_is_lost(tmp_path: Path, postgres_server: PostgresServer) -> None:
    """A job of 2,000 items, and callers who send again what got no answer: all of it is answered, each request once."""
    draw, outcomes, stop = random.Random(6), Counter[str](), threading.Event()
    with running(tmp_path, postgres_server, workers=2) as topology:
        topology.ollama.model.first_s = 0.05  # type: ignore[attr-defined]
        with topology.client(url=topology.hosts[0].url) as client:
            job_id = submitted(client, ITEMS)
        callers = [threading.Thread(target=call, args=(topology, one, outcomes, stop)) for one in range(CALLERS)]
        for caller in callers:
            caller.start()
        try:
            for turn in range(KILLS):
                time.sleep(draw.uniform(0.5, 3))
                host = topology.hosts[turn % 2]
                host.kill()
                time.sleep(draw.uniform(0, 2))
                host.start()
        finally:
            stop.set()
            for caller in callers:
                caller.join(120)
        with topology.client(url=topology.hosts[1].url) as client:
            results = finished(client, job_id, 300)
        metrics = topology.ollama.counts
    assert [entry["index"] for entry in results] == list(range(ITEMS))
    assert {entry["result"]["text"] for entry in results} == {"Hello there."}
    assert outcomes["answered"] > 20
    assert outcomes["answered"] == outcomes["asked"], outcomes
    # An item in flight at a kill is asked of the model again: at most as many as a host works on, for each kill.
    assert metrics.requests["/api/chat"] < ITEMS + outcomes["tried"] + KILLS * 16 + 40


def call(topology: Topology, number: int, outcomes: Counter[str], stop: threading.Event) -> None:
    """Ask, and send the same again with the same Idempotency-Key until it is answered."""
    turn = 0
    with topology.client() as client:
        while not stop.is_set():
            turn += 1
            outcomes["asked"] += 1
            headers = {"idempotency-key": f"{number}-{turn}"}
            if any(answered(client, headers, outcomes) for _ in range(240)):
                outcomes["answered"] += 1


def answered(client: httpx.Client, headers: dict[str, str], outcomes: Counter[str]) -> bool:
    outcomes["tried"] += 1
    try:
        answer = client.post("/v1/rewrite", json=REWRITE, headers=headers)
    except httpx.TransportError:
        return False
    if answer.status_code == 200:
        return True
    outcomes[str(answer.status_code)] += 1
    time.sleep(0.25)
    return False
