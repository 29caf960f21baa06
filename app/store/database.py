"""Connections to the service's database: SQLite in a file by default, PostgreSQL by its URL.

Work on it is short and runs in threads of its own, so that the event loop never waits for a disk or a network.
"""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event

from app.sections import DatabaseSettings
from app.store.address import database_url
from chains.errors import ConfigurationError

__all__ = ["Database", "insert_into", "metadata", "now_ms"]

T = TypeVar("T")

metadata = sa.MetaData()
"""All tables. Each feature defines its own on it; a test compares them with what the migrations make."""

_THREADS = 4
_LOCK_TIMEOUT_S = 30


def now_ms() -> int:
    """Epoch milliseconds: how every time is stored."""
    return time.time_ns() // 1_000_000


def insert_into(connection: sa.Connection, table: sa.Table) -> Any:
    """An insert that knows `on_conflict_do_nothing` and `on_conflict_do_update`, in the connection's dialect. Ask with
    `returning` whether a row came of it: psycopg's `rowcount` is -1 after an insert, whatever it did."""
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)


class Database:
    """The database that the settings name. Nothing is opened before it is used; `upgrade` comes first.

    Raises ConfigurationError where the settings name none that can be reached.
    """

    def __init__(self, settings: DatabaseSettings) -> None:
        self.url = database_url(settings)
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="copydesk-database")

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file of this machine."""
        return self.url.get_backend_name() == "sqlite"

    @cached_property
    def engine(self) -> sa.Engine:
        if not self.is_sqlite:
            pool: dict[str, Any] = {"pool_pre_ping": True, "pool_size": _THREADS}
            return sa.create_engine(self.url, hide_parameters=True, connect_args=_POSTGRES, **pool)
        _make_private(Path(self.url.database or ""))
        options = {"timeout": _LOCK_TIMEOUT_S, "check_same_thread": False}
        engine = sa.create_engine(self.url, hide_parameters=True, connect_args=options)  # no text in an error's words
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """One transaction, which commits at the end of the block. For commands, and inside `run`.

        With SQLite it holds the file's only lock for writing from its beginning, so that it never fails half-way.
        """
        with self.engine.begin() as connection:
            yield connection

    async def run(self, work: Callable[[sa.Connection], T]) -> T:
        """Do the work in one transaction, in a thread. Raises what the work raises, and sqlalchemy.exc.DBAPIError.

        Once begun it is done to its end, also where its caller is cancelled.
        """

        def in_transaction() -> T:
            with self.transaction() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._pool, in_transaction)

    def close(self) -> None:
        """Wait for what runs, and close all connections."""
        self._pool.shutdown()
        if "engine" in self.__dict__:
            self.engine.dispose()


_POSTGRES = {"connect_timeout": 10, "application_name": "copydesk"}


def _make_private(path: Path) -> None:
    """Texts of callers are in it: nobody else on the machine may read it. Its other files get the same mode."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        path.chmod(0o600)
    except OSError as error:
        raise ConfigurationError(
            f"database.url: the file {path} cannot be written: {error.strerror}. Name another file, or a PostgreSQL "
            "server, in database.url (or COPYDESK_DATABASE__URL)."
        ) from error


def _prepare_sqlite(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say, and not where the driver guesses
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # what was deleted is gone from the file too


def _begin_sqlite(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
