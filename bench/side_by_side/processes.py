"""Programs that a run starts: each in a session of its own, whose processes are counted and stopped together."""

import ctypes
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from bench.side_by_side.subjects.subject import MissingSubject

__all__ = ["Process", "cpu_seconds", "free_port", "handed_on", "listening", "members", "output_of", "resident_mib"]
__all__ += ["started"]

_NOT_HANDED_ON = re.compile(
    r"COPYDESK_|PYTHONDONTWRITEBYTECODE$|OPENAI_|LITELLM_|LANGSMITH_|LANGCHAIN_|(HTTPS?|ALL|NO|FTP)_PROXY$",
    re.IGNORECASE,
)
"""Variables of whoever measures that would tell subjects apart: settings of one of them, keys with which some report
each request to somebody, proxies that some ask for their backend. Who compiles all of its modules at each start isn't
measured as it is installed."""
_PORT_IS_TAKEN = re.compile("address already in use|EADDRINUSE", re.IGNORECASE)
_LIBC = ctypes.CDLL(None)
_TICKS = os.sysconf("SC_CLK_TCK")


class Process:
    """A started program."""

    def __init__(self, popen: subprocess.Popen[bytes], log: Path, began: float) -> None:
        self._popen = popen
        self._log = log
        self._began = began
        self.pid = popen.pid

    def seconds(self) -> float:
        """Since its start."""
        return time.perf_counter() - self._began

    def must_run(self) -> None:
        """Raises MissingSubject with the end of its log where it has ended."""
        if self._popen.poll() is not None:
            raise MissingSubject(f"it ended with {self._popen.returncode}: {self.last_words()}")

    def last_words(self) -> str:
        """The last line of its log that has any."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "it wrote nothing")

    def listens(self, port: int, limit_s: float = 120) -> None:
        """Wait for that. Raises MissingSubject where it ends before, or takes longer."""
        while self.seconds() < limit_s:
            self.must_run()
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
            time.sleep(0.02)
        raise MissingSubject(f"it doesn't listen after {limit_s:.0f} s: {self.last_words()}")


def output_of(what: str, command: Sequence[str], folder: Path, limit_s: float) -> str:
    """What a command of the project writes, which runs in the folder. Raises MissingSubject, which says `what` it was
    for, where it fails or takes longer."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=handed_on(os.environ),
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MissingSubject(f"{what} takes more than {limit_s} s") from error
    if done.returncode:
        raise MissingSubject(f"{what} failed ({done.returncode}): {done.stderr.strip()[-300:]}")
    return done.stdout


@contextmanager
def started(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> Iterator[Process]:
    """With output and errors in the log. In the end each process of its session is stopped; the first one is asked to
    end also where this process is killed, or its terminal closes.

    Raises MissingSubject where it can't be started.
    """
    with log.open("wb") as output:
        began = time.perf_counter()
        try:
            popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**handed_on(os.environ), **(environment or {})},
                cwd=folder,
                start_new_session=True,
                preexec_fn=_ends_with_us,
            )
        except OSError as error:
            raise MissingSubject(f"{command[0]} can't be started: {error.strerror}") from error
        try:
            yield Process(popen, log, began)
        finally:
            _stop(popen)


@contextmanager
def listening(
    command: Callable[[int], Sequence[str]], log: Path, environment: Mapping[str, str], folder: Path
) -> Iterator[tuple[Process, int]]:
    """As `started`, with a free port, where it listens by then. Where somebody else was quicker to take the port it is
    started once more, with another one."""
    with ExitStack() as stack:
        try:
            found = _listening(stack, command, log, environment, folder)
        except MissingSubject:
            if _PORT_IS_TAKEN.search(log.read_text(encoding="utf-8", errors="replace")) is None:
                raise
            stack.close()
            found = _listening(stack, command, log, environment, folder)
        yield found


def _listening(
    stack: ExitStack,
    command: Callable[[int], Sequence[str]],
    log: Path,
    environment: Mapping[str, str],
    folder: Path,
) -> tuple[Process, int]:
    port = free_port()
    process = stack.enter_context(started(command(port), log, environment, folder))
    process.listens(port)
    return process, port


def handed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """Of these variables those that every program gets that a run starts; a subject's own come beside them."""
    return {name: value for name, value in environment.items() if not _NOT_HANDED_ON.match(name)}


def _ends_with_us() -> None:
    """Called in a new process, before it is the program (PR_SET_PDEATHSIG, prctl(2))."""
    _LIBC.prctl(1, signal.SIGTERM)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def members(session: int) -> list[int]:
    """The ids of its processes that run."""
    return [pid for pid, fields in _all() if int(fields[3]) == session and fields[0] != "Z"]


def cpu_seconds(session: int) -> float:
    """CPU time so far, in user mode and in the kernel, of its processes and of their children that have ended.

    proc(5), the fields 14 to 17 of stat.
    """
    ticks = (sum(int(each) for each in fields[11:15]) for _, fields in _all() if int(fields[3]) == session)
    return sum(ticks) / _TICKS


def resident_mib(session: int) -> float:
    """Memory of its processes; a page that several share counts once (proc(5): Pss of smaps_rollup)."""
    found = 0
    for pid in members(session):
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            found += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return found / 1024


def _all() -> Iterator[tuple[int, list[str]]]:
    """Each process with the fields of its stat from the third on: what follows its name, which may hold anything."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                yield int(entry.name), (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()


def _stop(popen: subprocess.Popen[bytes]) -> None:
    """The first process is asked, then whatever of its session is left is made to."""
    if popen.poll() is None:
        popen.terminate()
    with suppress(subprocess.TimeoutExpired):
        popen.wait(10)
    for how in (signal.SIGTERM, signal.SIGKILL):
        for pid in members(popen.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, how)
        if _gone(popen.pid, 2):
            break
    with suppress(subprocess.TimeoutExpired):
        popen.wait(5)


def _gone(session: int, limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if not members(session):
            return True
        time.sleep(0.05)
    return False
