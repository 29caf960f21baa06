"""The durable queue: dbos, which keeps the order of work and whose it is. It knows ids only; texts stay in our tables.

A workflow is a chunk of one job's items. One that no living process runs is put back into the queue, so that a killed
process loses none. dbos is imported and started when there is a job, and never before: it takes a second.
"""

import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.store.database import Database
from chains.terms import Priority

if TYPE_CHECKING:
    from dbos import DBOS

__all__ = ["Chunk", "Engine", "HandedBackError"]

_VERSION = "1"
"""Pinned: work that was queued under another version is never taken from the queue. Whoever changes it migrates."""

_QUEUE, _WORKFLOW = "jobs", "run_chunk"
_CHUNKS_AT_ONCE, _CHUNKS_OF_A_KEY = 16, 2
_POLL_S = 0.25
_URGENCY = {Priority.HIGH: 1, Priority.NORMAL: 2, Priority.LOW: 3}
_UNFINISHED = ["ENQUEUED", "PENDING"]
_FINISHED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
_DELETED_AT_ONCE = 500


class HandedBackError(BaseException):
    """Raised by a chunk's work that goes on elsewhere. No Exception: dbos would count the chunk as done."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Items `first` to `last` of a job, both included."""

    job_id: str
    first: int
    last: int

    @property
    def workflow_id(self) -> str:
        return f"{self.job_id}.{self.first}"


class Engine:
    """dbos in this process, under an id that no other process has. `work` runs a chunk in a thread, to its end.

    All its methods block: they belong into `threads`, which are its own.
    """

    def __init__(self, database: Database, executor_id: str, work: Callable[[Chunk], None]) -> None:
        self.threads = ThreadPoolExecutor(1, thread_name_prefix="copydesk-jobs")
        self._database = database
        self._executor_id = executor_id
        self._work = work
        self._dbos: type[DBOS] | None = None
        self._workflow: Callable[[str, int, int], None]

    @property
    def is_launched(self) -> bool:
        return self._dbos is not None

    def launch(self) -> None:
        """Import and start it, if that wasn't done. Its tables are made or upgraded first."""
        if self._dbos is not None:
            return
        _quieten()
        from dbos import DBOS, DBOSConfig
        from dbos._serialization import DBOSPortableJSONSerializer

        if self._database.is_sqlite:
            _make_private(_system_file(self._database))
        config: DBOSConfig = {
            "name": "copydesk",
            "system_database_url": _system_url(self._database),
            "dbos_system_schema": "dbos",
            "executor_id": self._executor_id,
            "application_version": _VERSION,
            "serializer": DBOSPortableJSONSerializer(),
            "use_listen_notify": False,
            "log_level": "WARNING",
            "sys_db_pool_size": 5,
            "max_executor_threads": _CHUNKS_AT_ONCE + 8,
            "scheduler_polling_interval_sec": 3600.0,
            "notification_listener_polling_interval_sec": 0.5,
        }
        DBOS(config=config)

        @DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=None)
        def run_chunk(job_id: str, first: int, last: int) -> None:
            self._work(Chunk(job_id, first, last))

        DBOS.launch()
        DBOS.register_queue(
            _QUEUE,
            worker_concurrency=_CHUNKS_AT_ONCE,
            partition_worker_concurrency=_CHUNKS_OF_A_KEY,
            polling_interval_sec=_POLL_S,
        )
        self._dbos, self._workflow = DBOS, run_chunk

    def enqueue(self, chunks: Sequence[Chunk], key_id: str, priority: Priority) -> None:
        """Queue chunks behind those of the same key and priority. What is queued or runs already stays as it is."""
        from dbos import SetEnqueueOptions, SetWorkflowID

        dbos = self._running()
        queued = {
            status.workflow_id
            for job_id in {chunk.job_id for chunk in chunks}
            for status in dbos.list_workflows(
                workflow_id_prefix=f"{job_id}.", status=_UNFINISHED, load_input=False, load_output=False
            )
        }
        for chunk in chunks:
            if chunk.workflow_id in queued:
                continue
            with (
                SetWorkflowID(chunk.workflow_id),
                SetEnqueueOptions(queue_partition_key=key_id, priority=_URGENCY[priority]),
            ):
                dbos.enqueue_workflow(_QUEUE, self._workflow, chunk.job_id, chunk.first, chunk.last)

    def executors(self) -> set[str]:
        """The ids of all processes, living and dead, that have taken a chunk and not ended it."""
        pending = self._running().list_workflows(status="PENDING", load_input=False, load_output=False)
        return {status.executor_id for status in pending if status.executor_id}

    def recover(self, dead: set[str]) -> int:
        """Put what dead processes have left back into the queue; how many chunks. Several may do so at once."""
        if not dead:
            return 0
        return len(self._running()._recover_pending_workflows(sorted(dead)))

    def sweep(self) -> None:
        """Delete chunks that have ended."""
        dbos = self._running()
        ended = dbos.list_workflows(status=_FINISHED, limit=_DELETED_AT_ONCE, load_input=False, load_output=False)
        if ended:
            dbos.delete_workflows([status.workflow_id for status in ended])

    def close(self) -> None:
        """Take nothing more. Chunks whose work has not ended stay those of this process."""
        if self._dbos is not None:
            self._dbos.destroy(destroy_registry=True)
            self._dbos = None

    def _running(self) -> "type[DBOS]":
        assert self._dbos is not None, "launch comes first"
        return self._dbos


def _quieten() -> None:
    """Its log goes where ours goes: with a handler in place it adds none of its own."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def _system_url(database: Database) -> str:
    if database.is_sqlite:
        return f"sqlite:///{_system_file(database)}"
    return database.url.render_as_string(hide_password=False)


def _system_file(database: Database) -> Path:
    """Beside ours: so its writes needn't wait for ours."""
    path = Path(database.url.database or "")
    return path.with_name(f"{path.stem}.queue{path.suffix}")


def _make_private(path: Path) -> None:
    """As our own file; and readers needn't wait for writers."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()
