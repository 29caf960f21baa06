"""Processes that are killed lose nothing: every item ends, none whose result was stored is asked for again."""

import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.app.jobs.killing import Ledger, Site, check, note
from tests.app.jobs.kit import CountingModel, counting_server, ended, job_items, results, submit, write_configuration
from tests.conftest import Service, wait_until

pytestmark = pytest.mark.e2e

SEED = 20261130


def kill(service: Service, model: CountingModel, pids: Sequence[int]) -> int:
    """Kill processes and wait until the model server has heard of it; how many requests were in flight."""
    in_flight = model.in_flight
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    return in_flight


def alone(site: Site, model: CountingModel, count: int, kills: int, pause: Callable[[], float]) -> dict[str, int]:
    """One process, killed and started again, so often."""
    ledger, job_id = Ledger(), ""
    for _ in range(kills):
        with site.service() as service, service.client() as client:
            job_id = job_id or submit(client, job_items(count))
            begun = model.calls.total()
            wait_until(lambda begun=begun: model.calls.total() > begun, 30)
            time.sleep(pause())
            in_flight = kill(service, model, [service.process.pid])
            service.process.wait()
            assert wait_until(lambda: model.in_flight == 0)
        note(ledger, site, job_id, model, in_flight)
    with site.service() as service, service.client() as client:
        job = ended(client, job_id, 300)
        assert job["counts"]["succeeded"] == count
        return check(ledger, model, count, results(client, job_id))


def test_a_killed_process_goes_on_where_it_was(tmp_path: Path) -> None:
    with counting_server(0.1) as (server, model):
        site = Site(write_configuration(tmp_path, server), f"sqlite:///{tmp_path}/copydesk.db")
        figures = alone(site, model, 60, 2, lambda: 0.4)
    assert figures["kills"] == 2


@pytest.mark.soak
def test_twenty_kills_of_one_process(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    dice = random.Random(SEED)
    with counting_server(0.05) as (server, model):
        site = Site(write_configuration(tmp_path, server), f"sqlite:///{tmp_path}/copydesk.db")
        figures = alone(site, model, 2000, 20, lambda: dice.uniform(0.0, 1.5))
    print(figures)
    record_property("figures", figures)
    assert figures["kills"] == 20
