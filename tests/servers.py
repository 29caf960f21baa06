"""PostgreSQL and Redis for tests: real servers of their Debian packages, each started once for the whole run.

Both refuse root, or warn of it: as root they run as `nobody`, in a folder of their own that goes when they end.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import pytest
import redis

from tests.programs import program

__all__ = ["PostgresServer", "RedisServer", "free_port", "postgres_server", "postgres_url", "redis_server", "redis_url"]

_START_S = 60
_NUMBERS = count(1)


@dataclass
class PostgresServer:
    """A running PostgreSQL, whose user `copydesk` needs no password."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Of the database `postgres`, which is there from the start."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        return f"postgresql://copydesk@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Make an empty database; its URL."""
        name = f"test_{next(_NUMBERS)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url_of(name)


@dataclass
class RedisServer:
    """A running Redis without a password. `stop` and `start` are for tests of its absence."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        settings = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
        self.process = _started(
            [program("redis-server", "redis-server"), *settings, "--dir", str(self.folder)], self.folder
        )
        with redis.Redis(port=self.port) as client:
            _wait(self.process, client.ping, redis.RedisError)

    def stop(self) -> None:
        if self.process is not None:
            _stop(self.process)
            self.process = None


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL for the whole run; `new_database` gives a test one of its own."""
    initdb, postgres = (_postgres_program(name) for name in ("initdb", "postgres"))
    with _own_folder("copydesk-postgres-") as folder:
        data = folder / "data"
        _run(
            [initdb, "-D", str(data), "-U", "copydesk", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"], folder
        )
        port = free_port()
        # What is written needn't survive the machine: nothing waits for the disk.
        quick = [word for name in ("fsync", "synchronous_commit", "full_page_writes") for word in ("-c", f"{name}=off")]
        place = ["-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", str(folder), "-N", "200"]
        server = PostgresServer(port, _started([postgres, *place, *quick], folder))
        try:
            _wait(server.process, lambda: psycopg.connect(server.url).close(), psycopg.OperationalError)
            yield server
        finally:
            _stop(server.process)


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer) -> str:
    """An empty database, which the tests of the whole run share."""
    return postgres_server.new_database()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One Redis for the whole run. A test that stops it starts it again."""
    with _own_folder("copydesk-redis-") as folder:
        server = RedisServer(free_port(), folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def redis_url(redis_server: RedisServer) -> str:
    """The address of Redis' database 0."""
    return redis_server.url


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _postgres_program(name: str) -> str:
    """Debian keeps them out of PATH, in a folder for each version."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return str(places[-1]) if places else program(name, "postgresql")


def _user() -> str | None:
    return "nobody" if os.geteuid() == 0 else None


@contextmanager
def _own_folder(prefix: str) -> Iterator[Path]:
    """A folder of the user that the server runs as. Its path is short: one of a socket has 107 bytes at most."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    try:
        user = _user()
        if user:
            shutil.chown(folder, user)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, user=_user(), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _started(command: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(command, cwd=folder, user=_user(), stdout=log, stderr=log)


def _wait(process: subprocess.Popen[bytes], answers: Callable[[], object], missing: type[Exception]) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            answers()
        except missing:
            assert process.poll() is None, f"the server ended with {process.returncode}"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.05)
        else:
            return


def _stop(process: subprocess.Popen[bytes]) -> None:
    """SIGINT is PostgreSQL's fast shutdown; Redis ends on it too."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
