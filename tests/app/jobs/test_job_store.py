"""What is stored of jobs, on both databases: each item ends once, and what is over goes."""

import asyncio
import json
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa

from app.jobs.engine import Chunk
from app.jobs.leases import Lease
from app.jobs.progress import Progress
from app.jobs.store import JobStore
from app.jobs.submission import Item, Submission
from app.jobs.table import ItemState, JobStatus, items, jobs, workers
from app.problems import ProblemError, problem_of
from app.sections import DatabaseSettings
from app.store import Database
from app.store.upgrade import upgrade
from chains.choice import Choice
from chains.result import PromptIdentity
from chains.terms import Priority
from tests.servers import PostgresServer

T = TypeVar("T")

CHOICE = Choice(PromptIdentity("summarize", "1.0.0", "sha256:0", "production"), ("gpu",))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path}/copydesk.db"
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.new_database()
    found = Database(DatabaseSettings(url=url))
    upgrade(found)
    yield found
    found.close()


def done(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def submission(count: int) -> Submission:
    """So many items, and a wrong one behind them."""
    wrong = Item(problem=problem_of(ProblemError("invalid_request", "wrong"), "r", "/v1/jobs/j"))
    return Submission("summarize", [*(Item(json.dumps({"text": str(n)}), 0) for n in range(count)), wrong], {CHOICE: 0})


def test_an_item_ends_once(database: Database) -> None:
    store, progress = JobStore(database, 60), Progress(database, 60)
    done(store.add("j", "k", Priority.LOW, submission(2)))
    claim = done(progress.claim("j", 0))
    assert claim is not None
    assert (claim.choice, claim.request, claim.priority, claim.claims) == (CHOICE, '{"text": "0"}', Priority.LOW, 1)
    assert done(store.get("k", "j")).counts.running == 1
    again = done(progress.claim("j", 0))  # as after a crash
    assert again is not None
    assert again.claims == 2
    assert done(progress.store("j", 0, ItemState.SUCCEEDED, '{"a":1}')) is JobStatus.RUNNING
    assert done(progress.store("j", 0, ItemState.FAILED, "{}")) is None
    assert done(progress.claim("j", 0)) is None
    assert done(progress.open_items(Chunk("j", 0, 2))) == [1]
    assert done(progress.store("j", 1, ItemState.FAILED, '{"code":"x"}')) is JobStatus.SUCCEEDED
    page = json.loads(done(store.results("k", "j", 1, 10)))
    assert page == {"results": [{"index": 0, "result": {"a": 1}}, {"index": 1, "problem": {"code": "x"}}]}
    with database.transaction() as connection:
        assert connection.execute(sa.select(items.c.request).where(items.c.request.is_not(None))).all() == []


def test_a_cancelled_job_takes_no_outcome(database: Database) -> None:
    store, progress = JobStore(database, 60), Progress(database, 60)
    done(store.add("j", "k", Priority.NORMAL, submission(3)))
    assert done(progress.claim("j", 0)) is not None
    assert done(store.cancel("k", "j")).counts.cancelled == 3
    assert done(progress.store("j", 0, ItemState.SUCCEEDED, "{}")) is None
    assert done(progress.claim("j", 1)) is None
    assert done(progress.ended_among({"j", "gone"})) == {"j", "gone"}
    assert json.loads(done(store.results("k", "j", 0, 10)))["results"][0]["index"] == 3


def test_one_worker_sees_to_it_that_a_job_stands_in_the_queue(database: Database) -> None:
    store, progress = JobStore(database, 60), Progress(database, 60)
    done(store.add("j", "k", Priority.NORMAL, submission(11)))
    (due,) = done(progress.due(60))
    assert (due.key_id, due.chunks) == ("k", (Chunk("j", 0, 4), Chunk("j", 5, 9), Chunk("j", 10, 11)))
    assert done(progress.due(60)) == []
    assert done(progress.is_any_due())
    done(store.cancel("k", "j"))
    assert not done(progress.is_any_due())


def test_what_is_over_is_purged(database: Database) -> None:
    store = JobStore(database, 0.001)
    done(store.add("j", "k", Priority.NORMAL, submission(0)))
    done(store.add("going", "k", Priority.NORMAL, submission(1)))
    done(asyncio.sleep(0.01))
    done(store.purge())
    with database.transaction() as connection:
        assert connection.execute(sa.select(jobs.c.id)).scalars().all() == ["going"]
        assert set(connection.execute(sa.select(items.c.job_id)).scalars()) == {"going"}


def test_the_same_id_is_the_same_job_and_nobody_elses(database: Database) -> None:
    store = JobStore(database, 60)
    first = done(store.add("j", "k", Priority.NORMAL, submission(1)))
    assert done(store.add("j", "k", Priority.HIGH, submission(5))) == first
    with pytest.raises(ProblemError, match="no job"):
        done(store.add("j", "other", Priority.NORMAL, submission(1)))


@pytest.mark.parametrize("id", ["other", "", "\0", "j\0", "\ufffd"])
def test_an_id_that_is_no_job_is_unknown(database: Database, id: str) -> None:
    store = JobStore(database, 60)
    done(store.add("j", "k", Priority.NORMAL, submission(1)))
    for asked in (store.get("k", id), store.results("k", id, 0, 1), store.cancel("k", id), store.delete("k", id)):
        with pytest.raises(ProblemError, match="no job"):
            done(asked)


def test_who_is_gone_is_dead_at_once_and_who_is_silent_after_the_lease(database: Database) -> None:
    mine, other = Lease(database, 60), Lease(database, 60)
    assert done(mine.take())
    assert done(mine.take())
    assert done(other.take()) is not database.is_sqlite  # there is one for a SQLite file
    assert done(mine.dead_among({mine.executor_id, "unknown"})) == {"unknown"}
    with database.transaction() as connection:
        connection.execute(sa.update(workers).values(process="999999999@1"))
    assert done(mine.dead_among({mine.executor_id})) == {mine.executor_id}
    assert done(other.take())
    with database.transaction() as connection:
        connection.execute(sa.update(workers).values(seen_at=1))
    assert done(mine.dead_among({other.executor_id})) == {other.executor_id}
    done(other.give_up())


def test_a_lease_can_be_given_up_without_the_database(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    mine = Lease(database, 60)
    with database.transaction() as connection:
        connection.execute(sa.text("DROP TABLE workers"))
    done(mine.give_up())
    assert "the lease ends by itself" in caplog.text
