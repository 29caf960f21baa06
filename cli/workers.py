"""The parent of several worker processes: starts them, replaces those that die, and ends them together.

uvicorn's own parent (0.54) keeps the port open while its workers end, so that callers connect to nobody; it waits for
ever for a worker that hangs; it hears no second signal; and its workers outlive it when it is killed.
"""

import logging
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

__all__ = ["Work", "Workers"]

_log = logging.getLogger("copydesk.workers")

Work = Callable[[socket.socket, Connection], None]
"""What a worker process does with the port and the line to its parent. It can be pickled."""

LOOK_S = 0.2
ANSWER_S = 10.0
MARGIN_S = 13.0
"""Beyond the grace period: for those who are told, and for the end of the application. Then a worker is killed."""
FORCED_S = 3.0
_STEADY_AFTER_S = 10.0
_LONGEST_BACKOFF_S = 10.0


class _Worker:
    """One process. It answers each `ping` with whether it serves, and hears `stop` and `now`."""

    def __init__(self, work: Work, listener: socket.socket) -> None:
        context = get_context("spawn")
        self._line, other = context.Pipe()
        self.process: SpawnProcess = context.Process(target=work, args=(listener, other))
        self.process.start()
        other.close()  # so that each end sees when the other process is gone
        self.begin = time.monotonic()
        self.has_served = False
        self._asked: float | None = None

    def is_well(self, answer_s: float) -> bool:
        """Whether it lives, and answers within so many seconds once it serves. Looks, and waits for nothing."""
        if not self.process.is_alive():
            return False
        try:
            if self._asked is None:
                self._line.send("ping")
                self._asked = time.monotonic()
            elif self._line.poll():
                self.has_served = self._line.recv() or self.has_served
                self._asked = None
        except (OSError, EOFError):
            return self.process.is_alive()
        return self._asked is None or time.monotonic() - self._asked < answer_s or not self.has_served

    def tell(self, word: str) -> None:
        with suppress(OSError):  # it has ended
            self._line.send(word)

    def end(self, seconds: float) -> bool:
        """Wait for its end, then make one. Whether it ended by itself, and well."""
        self.process.join(max(0.0, seconds))
        by_itself = not self.process.is_alive()
        if not by_itself:
            _log.error("worker %d did not end in time and is killed", self.process.pid)
            self.process.kill()
            self.process.join()
        return by_itself and self.process.exitcode == 0


class Workers:
    """So many of them on one port. `run` returns when they have ended after a signal."""

    def __init__(
        self,
        work: Work,
        listener: socket.socket,
        count: int,
        grace_s: float,
        *,
        margin_s: float = MARGIN_S,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._work = work
        self._listener = listener
        self._count = count
        self._end_s = grace_s + margin_s
        self._answer_s = answer_s
        self._signals: list[int] = []
        self._backoff = 0.0
        self._has_served = False
        self._workers: list[_Worker] = []

    def run(self) -> int:
        """The status to exit with: 0 where every worker ended well. SIGHUP replaces the workers, one by one."""
        heard = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = [signal.signal(number, lambda got, _: self._signals.append(got)) for number in heard]
        try:
            self._workers = [self._start() for _ in range(self._count)]
            while not self._is_told_to_end():
                if signal.SIGHUP in self._signals:
                    self._signals.remove(signal.SIGHUP)
                    self._replace_all()
                if not self._look():
                    return 1
                time.sleep(LOOK_S)
            return self._end_all()
        finally:
            for worker in self._workers:
                worker.process.kill()
                worker.process.join()
            for number, handler in zip(heard, before, strict=True):
                signal.signal(number, handler)

    def _is_told_to_end(self) -> bool:
        return any(number != signal.SIGHUP for number in self._signals)

    def _start(self) -> _Worker:
        return _Worker(self._work, self._listener)

    def _look(self) -> bool:
        """Replace who died. False where none ever began, and one found that it cannot."""
        for place, worker in enumerate(self._workers):
            if worker.is_well(self._answer_s):
                continue
            worker.process.kill()
            worker.process.join()
            _log.warning("worker %d ended (%s) and is replaced", worker.process.pid, worker.process.exitcode)
            self._has_served = self._has_served or any(other.has_served for other in self._workers)
            if not self._has_served and (worker.process.exitcode or 0) > 0:
                _log.error("no worker could begin")
                return False
            steady = time.monotonic() - worker.begin > _STEADY_AFTER_S
            self._backoff = 0.0 if steady else min(self._backoff * 2 + 0.2, _LONGEST_BACKOFF_S)
            self._wait(self._backoff)
            self._workers[place] = self._start()
        return True

    def _replace_all(self) -> None:
        """Each by one that serves already; where that cannot begin, the old one stays."""
        for place, old in enumerate(self._workers):
            new = self._start()
            while (
                new.process.is_alive()
                and new.is_well(self._answer_s)
                and not new.has_served
                and not self._is_told_to_end()
            ):
                time.sleep(LOOK_S)
            if not new.has_served:
                new.process.kill()
                _log.error("a new worker could not begin: the others stay")
                return
            old.tell("stop")
            self._workers[place] = new
            old.end(self._end_s)

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._is_told_to_end():
            time.sleep(0.05)

    def _end_all(self) -> int:
        told = len(self._signals)
        self._listener.close()
        for worker in self._workers:
            worker.tell("stop")
        end = time.monotonic() + self._end_s
        while any(worker.process.is_alive() for worker in self._workers) and time.monotonic() < end:
            if len(self._signals) > told:
                told, end = len(self._signals), time.monotonic() + FORCED_S
                for worker in self._workers:
                    worker.tell("now")
            time.sleep(0.05)
        forced = self._signals[-1] if len(self._signals) > 1 else 0
        well = [worker.end(end - time.monotonic()) for worker in self._workers]
        return 128 + forced if forced else int(not all(well))
