"""Programs that a run starts: what they take is counted for all of their processes, and none of these is left."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.side_by_side.processes import cpu_seconds, handed_on, listening, members, resident_mib, started
from bench.side_by_side.subjects.subject import MissingSubject
from tests.conftest import ROOT, wait_until

CHILD = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
held = b"x" * (64 << 20)
sum(range(10**7))
print("up", flush=True)
time.sleep(60)
"""
PARENT = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {CHILD!r}]).wait()"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("PATH", True),
        ("LC_ALL", True),
        ("PROXY_MODE", True),
        ("PYTHONPATH", True),
        ("COPYDESK_CONFIG", False),
        ("PYTHONDONTWRITEBYTECODE", False),
        ("HTTP_PROXY", False),
        ("https_proxy", False),
        ("ALL_PROXY", False),
        ("no_proxy", False),
        ("OPENAI_API_KEY", False),
        ("OPENAI_BASE_URL", False),
        ("LANGSMITH_TRACING", False),
        ("LANGCHAIN_TRACING_V2", False),
        ("LITELLM_LOG", False),
    ],
)
def test_variables_that_tell_subjects_apart_are_not_handed_on(name: str, kept: bool) -> None:
    assert handed_on({name: "x"}) == ({name: "x"} if kept else {})


def is_up(log: Path) -> bool:
    return "up" in log.read_text()


@pytest.mark.e2e
def test_a_session_is_counted_and_stopped_with_children_that_ignore_the_signal(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with started([sys.executable, "-c", PARENT], log) as process:
        assert wait_until(lambda: is_up(log))
        assert len(members(process.pid)) == 2
        assert cpu_seconds(process.pid) > 0.02
        assert resident_mib(process.pid) > 64
    assert members(process.pid) == []


@pytest.mark.e2e
def test_a_program_that_ends_is_told_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such model')"]
    refused = pytest.raises(MissingSubject, match="it ended with 1: no such model")
    with started(command, tmp_path / "log") as process, refused:
        process.listens(1)


def test_a_program_that_does_not_exist_is_told(tmp_path: Path) -> None:
    refused = pytest.raises(MissingSubject, match="nothing-there can't be started: No such file")
    with refused, started(["/nothing-there"], tmp_path / "log"):
        pass


@pytest.mark.e2e
def test_a_program_that_never_listens_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    refused = pytest.raises(MissingSubject, match="it doesn't listen after 0 s: it wrote nothing")
    with started(command, tmp_path / "log") as process, refused:
        process.listens(1, limit_s=0.2)


SERVER = """
import socket, sys, time
if sys.argv[2] == "1":
    raise SystemExit("OSError: [Errno 98] error while attempting to bind: address already in use")
with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
    time.sleep(60)
"""


@pytest.mark.e2e
def test_a_program_whose_port_was_taken_is_started_once_more_on_another(tmp_path: Path) -> None:
    ports: list[int] = []

    def command(port: int) -> list[str]:
        ports.append(port)
        return [sys.executable, "-c", SERVER, str(port), str(len(ports))]

    with listening(command, tmp_path / "log", {}, tmp_path) as (process, port):
        assert ports[1:] == [port]
        assert members(process.pid) == [process.pid]


@pytest.mark.e2e
def test_a_program_that_ends_for_another_reason_is_started_once(tmp_path: Path) -> None:
    ports: list[int] = []

    def command(port: int) -> list[str]:
        ports.append(port)
        return [sys.executable, "-c", "raise SystemExit('no such model')"]

    refused = pytest.raises(MissingSubject, match="no such model")
    with refused, listening(command, tmp_path / "log", {}, tmp_path):
        pass
    assert len(ports) == 1


@pytest.mark.e2e
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGHUP])
def test_a_program_ends_where_whoever_started_it_is_killed(tmp_path: Path, how: signal.Signals) -> None:
    asks = f"""
import sys, time
from pathlib import Path
from bench.side_by_side.processes import started
with started([sys.executable, "-c", "import time; time.sleep(60)"], Path({str(tmp_path / "log")!r})) as process:
    print(process.pid, flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", asks], cwd=ROOT, stdout=subprocess.PIPE, text=True) as popen:
        assert popen.stdout is not None
        pid = int(popen.stdout.readline())
        assert members(pid) == [pid]
        popen.send_signal(how)
        popen.wait(10)
    assert wait_until(lambda: members(pid) == [])
