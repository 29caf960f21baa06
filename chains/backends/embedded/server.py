"""Runs and watches the process that holds the model."""

import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from chains.errors import ConfigurationError

__all__ = ["ModelServer", "ModelServerParameters"]

_log = logging.getLogger("copydesk.backends.embedded")

_LONGEST_SOCKET_PATH = 100
_STOP_S = 3.0
_ANSWER_S = 5.0
_WATCH_S = 0.2
_STEADY_AFTER_S = 60.0
_LONGEST_BACKOFF_S = 30.0


@dataclass(frozen=True, slots=True)
class ModelServerParameters:
    """How llama.cpp runs. Tokens, counts and seconds as the names say.

    `threads` generate, `batch_threads` read prompts. One thread that generates and every core for prompts is what
    a busy second core harms least: docs/adr/0002-embedded-model.md.
    """

    file: Path
    context_tokens: int = 8192
    slots: int = 2
    threads: int = 1
    batch_threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    batch_tokens: int = 64
    start_timeout_s: float = 60.0
    health_every_s: float = 5.0
    hung_after_s: float = 30.0


class ModelServer:
    """One model in one child process, restarted after a crash or a hang, stopped with this process.

    `start` returns when the model answers, and raises ConfigurationError where it cannot be loaded. `socket` stays
    the same over restarts. Use it as a context manager.
    """

    def __init__(self, name: str, parameters: ModelServerParameters) -> None:
        self._name = name
        self._parameters = parameters
        self._folder = Path(tempfile.mkdtemp(prefix="copydesk-"))
        self.socket = self._folder / "model.sock"
        self.restarts = 0
        self._child: subprocess.Popen[str] | None = None
        self._last_words: deque[str] = deque(maxlen=20)
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name=f"watch-{name}", daemon=True)

    def __enter__(self) -> "ModelServer":
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process that holds the model now."""
        return self._child.pid if self._child else 0

    def start(self) -> None:
        """Load the model and begin to watch it."""
        if len(os.fsencode(self.socket)) > _LONGEST_SOCKET_PATH:
            raise ConfigurationError(f"the socket path {self.socket} is too long; set TMPDIR to a shorter folder")
        self._spawn()
        self._watcher.start()

    def close(self) -> None:
        """Stop the process and remove the socket. May be called more than once."""
        self._stopping.set()
        self._kill()
        if self._watcher.is_alive():
            self._watcher.join(_STOP_S)
        self._kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _spawn(self) -> None:
        start = time.monotonic()
        self.socket.unlink(missing_ok=True)
        # OpenMP's threads spin while they wait unless told otherwise, and starve each other on a busy machine.
        child = subprocess.Popen(
            # By its path, not as a module: importing this package would cost the child a second.
            [sys.executable, "-P", str(Path(__file__).with_name("child.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
            # Ctrl-C in a terminal is for the service, which then finishes its requests with the model alive.
            start_new_session=True,
        )
        self._child = child
        self._last_words.clear()
        listener = threading.Thread(target=self._listen, args=(child.stderr,), daemon=True)
        listener.start()
        answer = self._introduce(child)
        if answer != "ready":
            self._kill()
            listener.join(1)
            raise ConfigurationError(self._why(answer, time.monotonic() - start))
        self._check_context()
        p = self._parameters
        _log.info(
            "backend %r: %s loaded in %.1f s (pid %d, %d slots, %d tokens of context, %d+%d threads)",
            *(self._name, p.file.name, time.monotonic() - start, child.pid),
            *(p.slots, p.context_tokens, p.threads, p.batch_threads),
        )

    def _introduce(self, child: subprocess.Popen[str]) -> str:
        """Tell the child what to load; return its one line of answer, empty where it ended without one."""
        assert child.stdin is not None
        assert child.stdout is not None
        wanted = {**asdict(self._parameters), "file": str(self._parameters.file), "socket": str(self.socket)}
        timer = threading.Timer(self._parameters.start_timeout_s, child.kill)
        timer.start()
        try:
            child.stdin.write(json.dumps(wanted) + "\n")
            child.stdin.flush()
            return child.stdout.readline().strip()
        except BrokenPipeError:
            return ""
        finally:
            timer.cancel()

    def _listen(self, stderr: IO[str]) -> None:
        with stderr:
            for line in stderr:
                self._last_words.append(line.strip()[:300])

    def _check_context(self) -> None:
        """llama.cpp gives a slot no more context than the model was trained for, and says so only in its log."""
        wanted = self._parameters.context_tokens
        try:
            given = json.loads(self._get("/props"))["default_generation_settings"]["n_ctx"]
        except (OSError, ValueError, KeyError) as error:
            self._kill()
            raise ConfigurationError(f"backends.{self._name}: the model process does not answer: {error}") from error
        if given < wanted:
            self._kill()
            raise ConfigurationError(
                f"backends.{self._name}.context_tokens: {wanted} is more than the {given} that "
                f"{self._parameters.file.name} takes; set it to {given} or less"
            )

    def _why(self, answer: str, seconds: float) -> str:
        reason = answer.removeprefix("failed: ") or "the process ended while it loaded the model"
        if seconds >= self._parameters.start_timeout_s:
            reason = f"it was not loaded within {self._parameters.start_timeout_s:g} s (start_timeout_s)"
        words = [line for line in self._last_words if "error" in line.lower() or "failed" in line.lower()]
        said = f"; llama.cpp said: {' | '.join(words[:3])}" if words else ""
        return f"backends.{self._name}: the model file {self._parameters.file} cannot be loaded: {reason}{said}"

    def _watch(self) -> None:
        """Restart the child whenever it ends or hangs, later each time that it fails soon."""
        backoff, started, checked, answered = 0.0, time.monotonic(), time.monotonic(), time.monotonic()
        while not self._stopping.wait(_WATCH_S):
            now = time.monotonic()
            if self._child is not None and self._child.poll() is None:
                if now - checked > self._parameters.health_every_s:
                    checked = now
                    answered = now if self._is_healthy() else answered
                if now - answered < self._parameters.hung_after_s:
                    continue
                _log.warning("backend %r: the model process hangs and is killed", self._name)
            self._kill()
            code = self._child.returncode if self._child else None
            backoff = 0.0 if now - started > _STEADY_AFTER_S else min(backoff * 2 + 0.1, _LONGEST_BACKOFF_S)
            _log.warning("backend %r: the model process ended (%s); restart in %.1f s", self._name, code, backoff)
            if self._stopping.wait(backoff):
                return
            self.restarts += 1
            started = checked = answered = time.monotonic()
            self._respawn()

    def _respawn(self) -> None:
        try:
            self._spawn()
        except (ConfigurationError, OSError) as error:
            _log.error("backend %r: the restart failed: %s", self._name, error)

    def _is_healthy(self) -> bool:
        try:
            return bool(self._get("/health"))
        except (OSError, ValueError):
            return False

    def _get(self, path: str) -> bytes:
        """The body of a page of the model server. Raises OSError or ValueError where it doesn't give one."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_ANSWER_S)
            connection.connect(str(self.socket))
            connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            with connection.makefile("rb") as answer:
                head, _, body = answer.read().partition(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise ValueError(f"{path} was refused")
        return body

    def _kill(self) -> None:
        child = self._child
        if child is None:
            return
        if child.stdin is not None:
            # It may have ended before it read its one line.
            with suppress(BrokenPipeError):
                child.stdin.close()
        try:
            child.wait(_STOP_S if child.returncode is None else 0)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout is not None:
            child.stdout.close()
