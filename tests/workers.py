"""The worker processes of a running service, and which of them gets a connection: the kernel gives it to anyone."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import Service

__all__ = ["halted", "workers_of"]


def workers_of(service: Service) -> list[int]:
    """The ids of the processes that serve, or begin to; of one that died as soon as another one replaces it."""
    children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children").read_text().split()
    return [int(pid) for pid in children if b"spawn_main" in _command(pid)]


@contextmanager
def halted(*pids: int) -> Iterator[None]:
    """These workers do nothing inside the block, so that the others get all connections. What they have accepted waits,
    and whoever doesn't answer for 10 s (cli/workers.py, ANSWER_S) is replaced: the block must be short."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def _command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""  # it has ended
