"""The queue alone: what it runs, what it leaves to others, and what it keeps."""

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.jobs.engine import Chunk, Engine, HandedBackError
from app.sections import DatabaseSettings
from app.store import Database
from chains.terms import Priority
from tests.conftest import wait_until

CHUNKS = [Chunk("j1", 0, 4), Chunk("j1", 5, 9)]


class Work:
    """Notes the chunks, and hands them back where it is told to."""

    def __init__(self) -> None:
        self.done: list[Chunk] = []
        self.hands_back = False
        self._lock = threading.Lock()

    def __call__(self, chunk: Chunk) -> None:
        with self._lock:
            self.done.append(chunk)
        if self.hands_back:
            raise HandedBackError


@contextmanager
def engine(database: Database, executor_id: str, work: Work) -> Iterator[Engine]:
    found = Engine(database, executor_id, work)
    try:
        found.launch()
        yield found
    finally:
        found.close()
        found.threads.shutdown()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = Database(DatabaseSettings(url=f"sqlite:///{tmp_path}/copydesk.db"))
    yield found
    found.close()


def test_chunks_are_run_once_and_swept(database: Database, tmp_path: Path) -> None:
    work = Work()
    with engine(database, "one", work) as queue:
        queue.enqueue(CHUNKS, "key", Priority.NORMAL)
        queue.enqueue(CHUNKS, "key", Priority.NORMAL)
        assert wait_until(lambda: len(work.done) == 2 and not queue.executors())
        queue.sweep()
    assert sorted(chunk.first for chunk in work.done) == [0, 5]
    with sqlite3.connect(tmp_path / "copydesk.queue.db") as connection:
        assert connection.execute("SELECT count(*) FROM workflow_status").fetchone() == (0,)


def test_what_was_handed_back_goes_on_elsewhere(database: Database) -> None:
    first, second = Work(), Work()
    first.hands_back = True
    with engine(database, "one", first) as queue:
        queue.enqueue(CHUNKS, "key", Priority.NORMAL)
        assert wait_until(lambda: len(first.done) == 2)
    with engine(database, "two", second) as queue:
        assert queue.executors() == {"one"}
        assert second.done == []
        assert queue.recover({"one"}) == 2
        assert queue.recover({"one"}) == 0
        assert wait_until(lambda: len(second.done) == 2 and not queue.executors())


def test_the_queue_can_be_made_anew(database: Database, tmp_path: Path) -> None:
    first, second = Work(), Work()
    first.hands_back = True
    with engine(database, "one", first) as queue:
        queue.enqueue(CHUNKS[:1], "key", Priority.NORMAL)
        assert wait_until(lambda: len(first.done) == 1)
    for path in tmp_path.glob("copydesk.queue.db*"):
        path.unlink()
    with engine(database, "two", second) as queue:
        queue.enqueue(CHUNKS, "key", Priority.NORMAL)
        assert wait_until(lambda: len(second.done) == 2)


def test_its_log_is_ours(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    with engine(database, "one", Work()):
        handlers = logging.getLogger("dbos").handlers
    assert [type(handler) for handler in handlers] == [logging.NullHandler]
    assert [record.getMessage() for record in caplog.records if record.name == "dbos"] == []
