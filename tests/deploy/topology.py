"""What docker-compose.yml runs with the profile `scale`, as processes of this machine, on the very files of deploy/.

Two hosts of `copydesk serve` on one PostgreSQL (with a password), one Redis (started as compose starts it, with a
password) and one server that speaks Ollama's protocol, behind HAProxy. The names of hosts and the paths of secrets are
replaced by environment variables, as an operator would.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import redis

from tests.backends.ollama_server import Canned, OllamaServer, canned_server
from tests.conftest import ROOT, Service, serving
from tests.deploy.composition import GPU, composition
from tests.programs import program
from tests.servers import PostgresServer, free_port

__all__ = ["CONFIGURATION", "Host", "Topology", "balancer", "redis_of_compose", "running", "secrets_in"]

CONFIGURATION = ROOT / "deploy" / "copydesk.scale.yaml"
_WAIT_S = 30


@dataclass
class Host:
    """One `copydesk serve`, which can be killed, stopped and started again at its port."""

    name: str
    environment: dict[str, str]
    port: int = field(default_factory=free_port)
    service: Service | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        arguments = ("--config", str(CONFIGURATION), "--port", str(self.port))
        self.service = self._stack.enter_context(serving(*arguments, environment=self.environment))

    def stop(self) -> int:
        """As compose, systemd and Kubernetes do; its exit status."""
        assert self.service
        status = self.service.stop()
        self._stack.close()
        return status

    def kill(self) -> None:
        """All its processes at once, as when the machine loses its power."""
        assert self.service
        for process in [self.service.process.pid, *_descendants(self.service.process.pid)]:
            os.kill(process, signal.SIGKILL)
        self.service.process.wait(_WAIT_S)
        self._stack.close()


@dataclass
class Topology:
    """`hosts` are there behind `url`, which is the balancer's."""

    hosts: list[Host]
    url: str
    ollama: OllamaServer
    environment: dict[str, str]
    first_key: str

    def client(self, key: str | None = None, url: str | None = None) -> httpx.Client:
        """A client of the balancer, or of one host, with the first key or another one."""
        headers = {"authorization": f"Bearer {key or self.first_key}"}
        return httpx.Client(base_url=url or self.url, headers=headers, timeout=60, trust_env=False)

    def command(self, *arguments: str) -> str:
        """What `copydesk` prints, run as `docker compose exec copydesk copydesk ...` runs it."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("COPYDESK_")}
        command = [sys.executable, "-m", "cli.main", *arguments]
        environment = {**clean, **self.environment, "COPYDESK_CONFIG": str(CONFIGURATION)}
        done = subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def running(folder: Path, postgres: PostgresServer, workers: int) -> Iterator[Topology]:
    """Start all of it; every host has so many workers."""
    secrets = secrets_in(folder)
    with (
        redis_of_compose(folder, secrets) as redis_port,
        canned_server(Canned(context=131_072), model_name="llama3.1:8b", parallel=_parallel()) as ollama,
    ):
        environment = {
            "COPYDESK_SERVER__WORKERS": str(workers),
            "COPYDESK_BACKENDS__GPU__BASE_URL": ollama.base_url,
            "COPYDESK_DATABASE__URL": _database(postgres, secrets),
            "COPYDESK_DATABASE__PASSWORD_FILE": str(secrets / "postgres_password"),
            "COPYDESK_LIMITS__REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
            "COPYDESK_LIMITS__REDIS_PASSWORD_FILE": str(secrets / "redis_password"),
            "COPYDESK_KEYS__FIRST_KEY_FILE": str(secrets / "first_api_key"),
        }
        hosts = [Host(name, environment) for name in ("a", "b")]
        with ExitStack() as stack:
            for host in hosts:
                stack.callback(host._stack.close)
                host.start()
            url = stack.enter_context(balancer(folder, [host.port for host in hosts]))
            yield Topology(hosts, url, ollama, environment, (secrets / "first_api_key").read_text().strip())


def secrets_in(folder: Path) -> Path:
    """The secrets that `make secrets` writes."""
    subprocess.run([ROOT / "deploy" / "make-secrets", folder / "secrets"], check=True, capture_output=True)
    return folder / "secrets"


@contextmanager
def redis_of_compose(folder: Path, secrets: Path) -> Iterator[int]:
    """Redis by the very command of docker-compose.yml; its port."""
    port = free_port()
    shell, option, script = composition(GPU).services["redis"]["command"]
    script = script.replace("$$", "$").replace("/run/secrets", str(secrets))
    script = script.replace("save ", f"port {port}\nbind 127.0.0.1\nsave ", 1)
    program("redis-server", "redis-server")
    with (folder / "redis.log").open("wb") as log:
        process = subprocess.Popen([shell, option, script], cwd=folder, stdout=log, stderr=log)
    try:
        password = (secrets / "redis_password").read_text().strip()
        with redis.Redis(port=port, password=password) as client:
            _until(lambda: _answers(client), "Redis", process)
        yield port
    finally:
        process.terminate()
        process.wait(_WAIT_S)


@contextmanager
def balancer(folder: Path, ports: list[int]) -> Iterator[str]:
    """HAProxy by deploy/haproxy/haproxy.cfg; its URL. Its servers are ports of this machine."""
    port, health = free_port(), free_port()
    text = (ROOT / "deploy" / "haproxy" / "haproxy.cfg").read_text(encoding="utf-8")
    servers = "".join(f"    server {position} 127.0.0.1:{one}\n" for position, one in enumerate(ports))
    for pattern, replacement in (
        (r"^    server-template .*\n", servers),
        (r"^    bind :8080$", f"    bind 127.0.0.1:{port}"),
        (r"^    bind 127\.0\.0\.1:8404$", f"    bind 127.0.0.1:{health}"),
    ):
        text, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
        assert count == 1, pattern
    path = folder / "haproxy.cfg"
    path.write_text(text, encoding="utf-8")
    with (folder / "haproxy.log").open("wb") as log:
        command = [program("haproxy", "haproxy"), "-f", str(path)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        _until(lambda: _status(f"http://127.0.0.1:{health}/up") == 200, "HAProxy", process)
        _until(lambda: _status(f"{url}/readyz") == 200, "a host behind HAProxy", process)
        yield url
    finally:
        process.terminate()
        process.wait(_WAIT_S)


def _parallel() -> int:
    return int(composition(GPU).services["ollama"]["environment"]["OLLAMA_NUM_PARALLEL"])


def _database(postgres: PostgresServer, secrets: Path) -> str:
    """A new database, whose owner needs the password; its URL."""
    url = postgres.new_database()
    password = (secrets / "postgres_password").read_text().strip()
    with psycopg.connect(url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"CREATE USER \"{name}\" PASSWORD '{password}'")
        connection.execute(f'ALTER DATABASE "{name}" OWNER TO "{name}"')
        connection.execute(f'ALTER SCHEMA public OWNER TO "{name}"')
        found = connection.execute("SHOW hba_file").fetchone()
        assert found
        rules = Path(found[0])
        rules.write_text(f"host {name} {name} 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
        connection.execute("SELECT pg_reload_conf()")
    return url.replace("copydesk@", f"{name}@")


def _descendants(parent: int) -> list[int]:
    found = []
    for children in Path(f"/proc/{parent}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            found += [child, *_descendants(child)]
    return found


def _status(url: str) -> int | None:
    try:
        return httpx.get(url, trust_env=False, timeout=5).status_code
    except httpx.TransportError:
        return None


def _answers(client: "redis.Redis") -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def _until(condition: Callable[[], object], what: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _WAIT_S
    while not condition():
        assert process.poll() is None, f"{what} ended with {process.returncode}"
        assert time.monotonic() < deadline, f"{what} does not answer"
        time.sleep(0.05)
