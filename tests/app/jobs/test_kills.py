"""Processes that are killed lose nothing: every item ends, none whose result was stored is asked for again."""

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.app.jobs.holding import HoldingModel
from tests.app.jobs.killing import PARALLEL, Ledger, Site, check, note
from tests.app.jobs.kit import CountingModel, counting_server, ended, job_items, results, submit, write_configuration
from tests.backends.ollama_server import canned_server
from tests.conftest import wait_until
from tests.servers import PostgresServer

pytestmark = pytest.mark.e2e

SEED = 20261130
Moment = Callable[[], object]
"""Waits for the moment of a kill."""
Run = Callable[[Site, CountingModel, int, int, Moment], dict[str, int]]


def asked(model: CountingModel) -> None:
    """Wait until the model server is asked for something more: a kill when the job is over would prove nothing."""
    before = model.calls.total()
    assert wait_until(lambda: model.calls.total() > before)


def sooner_or_later(model: CountingModel, longest_s: float) -> Moment:
    """Some time after the model server was asked for something more."""
    dice = random.Random(SEED)

    def moment() -> None:
        asked(model)
        time.sleep(dice.uniform(0.0, longest_s))

    return moment


def in_the_middle(model: HoldingModel, answers: int) -> Moment:
    """When so many answers more were given, and the model server works on as many as one worker asks for at once."""

    def moment() -> None:
        wanted = model.calls.total() + answers
        model.allow(answers)
        assert wait_until(lambda: model.calls.total() >= wanted and len(model.held) >= PARALLEL)

    return moment


def alone(site: Site, model: CountingModel, count: int, kills: int, moment: Moment) -> dict[str, int]:
    """One process, killed and started again, so often."""
    ledger, job_id = Ledger(), ""
    for _ in range(kills):
        with site.service() as service, service.client() as client:
            job_id = job_id or submit(client, job_items(count))
            moment()
            service.process.kill()
            service.process.wait()
            assert wait_until(lambda: model.in_flight == 0)
        note(ledger, site, job_id, model)
    model.let_all_go()
    with site.service() as service, service.client() as client:
        assert ended(client, job_id, 900)["counts"]["succeeded"] == count
        return check(ledger, model, count, results(client, job_id))


def in_turn(site: Site, model: CountingModel, count: int, kills: int, moment: Moment) -> dict[str, int]:
    """Two services on one database, of which one and then the other is killed and started again."""
    ledger = Ledger()
    with ExitStack() as stack:
        services = [stack.enter_context(site.service()) for _ in range(2)]
        with services[0].client() as client:
            job_id = submit(client, job_items(count))
        for turn in range(kills):
            moment()
            services[turn % 2].process.kill()
            services[turn % 2].process.wait()
            note(ledger, site, job_id, model)
            asked(model)  # by the one that is left
            services[turn % 2] = stack.enter_context(site.service())
        model.let_all_go()
        with services[0].client() as client:
            assert ended(client, job_id, 900)["counts"]["succeeded"] == count
            return check(ledger, model, count, results(client, job_id))


def workers(site: Site, model: CountingModel, count: int, kills: int, moment: Moment) -> dict[str, int]:
    """One service with two workers, of which one after the other is killed; the service starts a new one."""
    ledger = Ledger()
    with site.service() as service, service.client() as client:
        job_id = submit(client, job_items(count))
        for turn in range(kills):
            moment()
            assert wait_until(lambda: len(children(service.process.pid)) == 2)
            os.kill(children(service.process.pid)[turn % 2], signal.SIGKILL)
            time.sleep(0.2)
            note(ledger, site, job_id, model)
        model.let_all_go()
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
    model = HoldingModel(first_s=0.1)
    with canned_server(model, parallel=64) as server, model.holding():
        site = Site(write_configuration(tmp_path, server), f"sqlite:///{tmp_path}/copydesk.db")
        figures = alone(site, model, 60, 2, in_the_middle(model, 10))
    assert figures["kills"] == 2


@pytest.mark.soak
def test_twenty_kills_of_one_process(tmp_path: Path) -> None:
    with counting_server(0.05) as (server, model):
        site = Site(write_configuration(tmp_path, server), f"sqlite:///{tmp_path}/copydesk.db")
        figures = alone(site, model, 2000, 20, sooner_or_later(model, 1.5))
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
    with counting_server(0.8) as (server, model):  # long enough for twenty restarts
        site = Site(write_configuration(tmp_path, server), postgres_server.new_database(), arguments)
        figures = run(site, model, 2000, 20, sooner_or_later(model, 1.5))
    print(figures)
    assert figures["kills"] == 20


def test_a_survivor_takes_over(tmp_path: Path, postgres_server: PostgresServer) -> None:
    model = HoldingModel(first_s=0.1)
    with canned_server(model, parallel=64) as server, model.holding():
        site = Site(write_configuration(tmp_path, server), postgres_server.new_database(), ("--workers", "2"))
        assert workers(site, model, 80, 1, in_the_middle(model, 20))["kills"] == 1
