"""Processes that are killed lose nothing: every item ends, none whose result was stored is asked for again."""

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.app.jobs.killing import Ledger, Site, check, note
from tests.app.jobs.kit import CountingModel, counting_server, ended, job_items, results, submit, write_configuration
from tests.conftest import wait_until
from tests.servers import PostgresServer

pytestmark = pytest.mark.e2e

SEED = 20261130
Run = Callable[[Site, CountingModel, int, int, Callable[[], float]], dict[str, int]]


def asked(model: CountingModel) -> None:
    """Wait until the model server is asked for something more: a kill when the job is over would prove nothing."""
    before = model.calls.total()
    assert wait_until(lambda: model.calls.total() > before)


def alone(site: Site, model: CountingModel, count: int, kills: int, pause: Callable[[], float]) -> dict[str, int]:
    """One process, killed and started again, so often."""
    ledger, job_id = Ledger(), ""
    for _ in range(kills):
        with site.service() as service, service.client() as client:
            job_id = job_id or submit(client, job_items(count))
            asked(model)
            time.sleep(pause())
            service.process.kill()
            service.process.wait()
            assert wait_until(lambda: model.in_flight == 0)
        note(ledger, site, job_id, model)
    with site.service() as service, service.client() as client:
        assert ended(client, job_id, 900)["counts"]["succeeded"] == count
        return check(ledger, model, count, results(client, job_id))


def in_turn(site: Site, model: CountingModel, count: int, kills: int, pause: Callable[[], float]) -> dict[str, int]:
    """Two services on one database, of which one and then the other is killed and started again."""
    ledger = Ledger()
    with ExitStack() as stack:
        services = [stack.enter_context(site.service()) for _ in range(2)]
        with services[0].client() as client:
            job_id = submit(client, job_items(count))
        for turn in range(kills):
            asked(model)
            time.sleep(pause())
            services[turn % 2].process.kill()
            services[turn % 2].process.wait()
            note(ledger, site, job_id, model)
            asked(model)  # by the one that is left
            services[turn % 2] = stack.enter_context(site.service())
        with services[0].client() as client:
            assert ended(client, job_id, 900)["counts"]["succeeded"] == count
            return check(ledger, model, count, results(client, job_id))


def workers(site: Site, model: CountingModel, count: int, kills: int, pause: Callable[[], float]) -> dict[str, int]:
    """One service with two workers, of which one after the other is killed; the service starts a new one."""
    ledger = Ledger()
    with site.service() as service, service.client() as client:
        job_id = submit(client, job_items(count))
        for turn in range(kills):
            asked(model)
            time.sleep(pause())
            assert wait_until(lambda: len(children(service.process.pid)) == 2)
            os.kill(children(service.process.pid)[turn % 2], signal.SIGKILL)
            time.sleep(0.2)
            note(ledger, site, job_id, model)
        assert ended(client, job_id, 900)["counts"]["succeeded"] == count
        return check(ledger, model, count, results(client, job_id))


def children(parent: int) -> list[int]:
    """The processes that a process has started, the oldest first; those of multiprocessing's own are left out."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_text()
            except OSError:
                continue
            if int(fields[1]) == parent and fields[0] != "Z" and "resource_tracker" not in command:
                found.append(int(entry.name))
    return sorted(found)


def test_a_killed_process_goes_on_where_it_was(tmp_path: Path) -> None:
    with counting_server(0.1) as (server, model):
        site = Site(write_configuration(tmp_path, server), f"sqlite:///{tmp_path}/copydesk.db")
        figures = alone(site, model, 60, 2, lambda: 0.4)
    assert figures["kills"] == 2


@pytest.mark.soak
def test_twenty_kills_of_one_process(tmp_path: Path) -> None:
    dice = random.Random(SEED)
    with counting_server(0.05) as (server, model):
        site = Site(write_configuration(tmp_path, server), f"sqlite:///{tmp_path}/copydesk.db")
        figures = alone(site, model, 2000, 20, lambda: dice.uniform(0.0, 1.5))
    print(figures)
    assert figures["kills"] == 20


@pytest.mark.parametrize(
    ("run", "arguments"),
    [pytest.param(in_turn, (), id="two services"), pytest.param(workers, ("--workers", "2"), id="two workers")],
)
@pytest.mark.soak
def test_twenty_kills_on_postgresql(
    tmp_path: Path, postgres_server: PostgresServer, run: Run, arguments: tuple[str, ...]
) -> None:
    dice = random.Random(SEED)
    with counting_server(0.8) as (server, model):  # long enough for twenty restarts
        site = Site(write_configuration(tmp_path, server), postgres_server.new_database(), arguments)
        figures = run(site, model, 2000, 20, lambda: dice.uniform(0.0, 1.5))
    print(figures)
    assert figures["kills"] == 20


def test_a_survivor_takes_over(tmp_path: Path, postgres_server: PostgresServer) -> None:
    with counting_server(0.1) as (server, model):
        site = Site(write_configuration(tmp_path, server), postgres_server.new_database(), ("--workers", "2"))
        assert workers(site, model, 80, 1, lambda: 0.5)["kills"] == 1
