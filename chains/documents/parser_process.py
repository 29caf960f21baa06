"""The service's side of the fork server (chains/parsing/server.py): started with the first document, ended with us."""

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import chains
from chains.documents.errors import DocumentsBusy, DocumentsUnavailable
from chains.parsing.wire import Limits

__all__ = ["ParserProcess"]

_log = logging.getLogger("copydesk.documents")

_START_S = 60.0
_STOP_S = 2.0
_LONGEST_ANSWER = 1000
_PASSED_ON = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONUSERBASE", "TMPDIR")
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class ParserProcess:
    """A process that has imported the parsers and forks a child for each document. Use it within one event loop.

    A process that died is replaced when it is needed again. `variables` are added to its environment.
    """

    def __init__(self, limits: Limits, variables: Mapping[str, str] | None = None) -> None:
        self._limits = limits
        self._variables = dict(variables or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._missing = ""
        self._starting: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """The process that runs now; 0 where none does."""
        return self._process.pid if self._process else 0

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def connect(self) -> socket.socket:
        """A connection to a new child; it dies when the connection is closed.

        Raises DocumentsUnavailable where a package is absent, DocumentsBusy where no process can be started.
        """
        for _ in range(2):
            await self._ready()
            control = self._control
            ours, theirs = socket.socketpair()
            with theirs:
                if control is not None and _was_sent(control, theirs):
                    ours.setblocking(False)
                    return ours
            ours.close()
            if self._control is control:  # it died since it was looked at
                self._control = None
        raise DocumentsBusy("The process that reads documents broke down twice.", 1)

    async def _ready(self) -> None:
        if self._missing:
            raise DocumentsUnavailable(self._missing)
        if self._control is None or not self.is_alive:
            if self._starting is None:
                self._starting = asyncio.create_task(asyncio.to_thread(self._start))
                self._starting.add_done_callback(self._started)
            # Whoever gives up meanwhile leaves the start to the others.
            await asyncio.shield(self._starting)

    def _started(self, task: asyncio.Task[None]) -> None:
        self._starting = None
        if not task.cancelled():
            task.exception()  # whoever still waits for it is told; else nobody asks

    def _start(self) -> None:
        """Start the process and wait until it has its packages. In a thread."""
        self._end()
        begun = time.monotonic()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "chains.parsing.server", str(theirs.fileno()), self._packed_limits()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=self._environment(),
                # Ctrl-C in a terminal is for the service, and the whole group can be killed at once.
                start_new_session=True,
            )
        answer = self._answer(ours)
        if answer != {}:
            ours.close()
            self._end()
            if answer is None:
                raise DocumentsBusy("The process that reads documents could not be started.", 1)
            self._missing = answer["missing"]
            raise DocumentsUnavailable(self._missing)
        self._control = ours
        _log.info("documents: parsers loaded in %.1f s (pid %d)", time.monotonic() - begun, self.pid)

    def _packed_limits(self) -> str:
        return json.dumps(asdict(self._limits))

    def _environment(self) -> dict[str, str]:
        # The packages are those of this process, wherever it found them. numpy's threads would not survive a fork.
        # Nothing else of the environment: it may hold keys, and a parser that is taken over could read them.
        folder = str(Path(chains.__file__).parents[1])
        paths = [path for path in (os.environ.get("PYTHONPATH"), folder) if path]
        return {
            **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            **dict.fromkeys(_ONE_THREAD, "1"),
            "PYTHONPATH": os.pathsep.join(paths),
            **self._variables,
        }

    def _answer(self, control: socket.socket) -> dict[str, str] | None:
        """The process's one line; None where it ended without one, or is too slow."""
        control.settimeout(_START_S)
        line = b""
        with suppress(OSError):
            while not line.endswith(b"\n") and len(line) < _LONGEST_ANSWER:
                piece = control.recv(_LONGEST_ANSWER)
                if not piece:
                    break
                line += piece
        if not line.endswith(b"\n"):
            return None
        answer: dict[str, str] = json.loads(line)
        control.setblocking(False)
        return answer

    async def aclose(self) -> None:
        """End the process and its children. It may be used again afterwards."""
        if self._starting is not None:
            await asyncio.wait({self._starting})
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        control, self._control = self._control, None
        process, self._process = self._process, None
        if control is not None:
            control.close()  # by which it ends itself
        if process is None:
            return
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _was_sent(control: socket.socket, connection: socket.socket) -> bool:
    try:
        socket.send_fds(control, [b"+"], [connection.fileno()])
    except OSError:
        return False
    return True
