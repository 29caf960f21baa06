"""The parent of several workers, with workers that misbehave."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from cli.workers import Workers
from tests.conftest import wait_until

pytestmark = pytest.mark.e2e


def cannot_begin(_: socket.socket, line: Connection) -> None:
    sys.exit(3)


def obeys(_: socket.socket, line: Connection) -> None:
    while line.recv() == "ping":
        line.send(True)


def hangs_once(marker: Path, listener: socket.socket, line: Connection) -> None:
    """The first one answers twice and never again; those after it are well."""
    try:
        marker.mkdir()
    except FileExistsError:
        obeys(listener, line)
        return
    for _ in range(2):
        line.recv()
        line.send(True)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)


def never_ends(_: socket.socket, line: Connection) -> None:
    while line.recv():
        line.send(True)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as found:
        yield found


def after(seconds: float, number: int) -> None:
    """This process gets the signal later."""
    threading.Timer(seconds, os.kill, (os.getpid(), number)).start()


def once(condition: Callable[[], object], number: int) -> None:
    """This process gets the signal when the condition holds."""

    def look() -> None:
        if wait_until(condition):
            os.kill(os.getpid(), number)

    threading.Thread(target=look).start()


def test_where_none_can_begin_the_service_ends(listener: socket.socket) -> None:
    assert Workers(cannot_begin, listener, 2, 1).run() == 1


def test_the_signals_of_before_are_back_at_the_end(listener: socket.socket) -> None:
    before = signal.getsignal(signal.SIGTERM)
    after(3, signal.SIGTERM)
    assert Workers(obeys, listener, 2, 1).run() == 0
    assert signal.getsignal(signal.SIGTERM) is before


def test_one_that_hangs_is_replaced(listener: socket.socket, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def is_replaced() -> bool:
        return any("is replaced" in record.message for record in caplog.records)

    once(is_replaced, signal.SIGTERM)
    assert Workers(partial(hangs_once, tmp_path / "hung"), listener, 1, 5, answer_s=1).run() == 0
    assert is_replaced()


def test_one_that_does_not_end_is_killed_and_told(listener: socket.socket) -> None:
    after(3, signal.SIGTERM)
    assert Workers(never_ends, listener, 2, 0, margin_s=0.5).run() == 1
