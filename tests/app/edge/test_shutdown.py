"""The end of the service: nobody is cut off in the middle of a response, and the port closes at once."""

import asyncio
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import uvicorn
import yaml

from app.edge.edge import Edge
from app.edge.server import EdgeServer
from app.service import create_app
from app.settings import load_settings
from tests.app.raw_http import connected, exchange, read_answer
from tests.backends.ollama_server import HeldModel, OllamaServer, canned_server
from tests.conftest import Service, serving, wait_until
from tests.workers import workers_of

pytestmark = pytest.mark.e2e

SCRIPT = [{"answer": "A short answer.", "delay_ms": 20}]
HEAD = b"POST /v1/summarize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
both = pytest.mark.parametrize("workers", [1, 2])


@pytest.fixture(scope="module")
def upstream() -> Iterator[OllamaServer]:
    with canned_server(HeldModel(), parallel=64) as server:
        yield server


@pytest.fixture
def model(upstream: OllamaServer) -> Iterator[HeldModel]:
    """What answers `hold` at the end of the test, or when it is told to."""
    assert isinstance(upstream.model, HeldModel)
    with upstream.model.holding():
        yield upstream.model


def configured(folder: Path, upstream: OllamaServer | None = None, **server: Any) -> Path:
    """A configuration that answers soon, or when the upstream server does."""
    path = folder / "copydesk.yaml"
    backends: dict[str, Any] = {"script": {"kind": "scripted", "answers": SCRIPT, "concurrency": 64}}
    if upstream:
        of = {"base_url": upstream.base_url, "model": upstream.model_name, "concurrency": 64}
        backends = {"gpu": {"kind": "ollama", **of}}
    path.write_text(yaml.safe_dump({"backends": backends, "server": server}))
    return path


def summarize(text: str) -> bytes:
    body = b'{"text": "%s"}' % text.encode()
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


def refuses(service: Service) -> bool:
    try:
        with connected(service, 5):
            return False
    except ConnectionRefusedError:
        return True


@both
def test_the_port_closes_at_once_and_what_is_in_flight_is_finished(
    tmp_path: Path, upstream: OllamaServer, model: HeldModel, workers: int
) -> None:
    path = configured(tmp_path, upstream, workers=workers, shutdown_grace_s=20)
    with serving("--config", str(path)) as service, connected(service) as working, connected(service) as idle:
        idle.sendall(HEALTH)
        assert "connection" not in read_answer(idle).headers
        working.sendall(summarize("hold"))
        assert wait_until(lambda: model.held == 1)
        service.process.send_signal(signal.SIGTERM)
        assert wait_until(lambda: refuses(service))
        assert model.held == 1
        model.let_go()
        answer = read_answer(working)
        assert (answer.status, answer.json()["summary"]) == (200, "Hello there.")
        assert answer.headers["connection"] == "close"
        assert working.recv(1) == b""
        assert idle.recv(1) == b""
        assert service.process.wait(60) == 0


@both
def test_what_is_not_through_in_time_is_told(
    tmp_path: Path, upstream: OllamaServer, model: HeldModel, workers: int
) -> None:
    path = configured(tmp_path, upstream, workers=workers, shutdown_grace_s=1)
    with serving("--config", str(path)) as service, connected(service) as working, connected(service) as begun:
        begun.sendall(HEALTH[:-4])
        working.sendall(summarize("hold"))
        assert wait_until(lambda: model.held == 1)
        service.process.send_signal(signal.SIGTERM)
        for connection in (begun, working):
            answer = read_answer(connection)
            assert (answer.status, answer.json()["code"]) == (503, "shutting_down")
            assert answer.headers["connection"] == "close"
            assert answer.headers["retry-after"]
        assert service.process.wait(60) == 0


@both
@pytest.mark.parametrize("how", [pytest.param(signal.SIGTERM, marks=pytest.mark.soak), signal.SIGINT])
def test_a_second_signal_ends_it_at_once(
    tmp_path: Path, upstream: OllamaServer, model: HeldModel, workers: int, how: signal.Signals
) -> None:
    path = configured(tmp_path, upstream, workers=workers, shutdown_grace_s=60)
    with serving("--config", str(path)) as service, connected(service) as working:
        working.sendall(summarize("hold"))
        assert wait_until(lambda: model.held == 1)
        service.process.send_signal(how)
        assert wait_until(lambda: refuses(service))
        time.sleep(0.7)  # one that comes sooner is taken for the same
        assert service.process.poll() is None
        service.process.send_signal(how)
        assert service.process.wait(60) == 128 + how
        assert not [line for line in service.log if "Traceback" in line]


def test_what_never_ends_is_ended_by_force(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a thread is that waits for a database which is away."""
    statuses: list[int] = []
    monkeypatch.setattr("app.edge.server.os._exit", statuses.append)
    monkeypatch.setattr("app.edge.server.FORCED_S", 0.01)

    class Hanging:
        async def shutdown(self) -> None:
            await asyncio.sleep(60)

    async def ended() -> None:
        server = EdgeServer(uvicorn.Config(lambda: None))
        server.lifespan = cast(Any, Hanging())
        await server._end_the_application(asyncio.get_running_loop().time() + 0.1)

    asyncio.run(ended())
    assert wait_until(lambda: statuses == [1])


def test_a_signal_that_comes_twice_at_once_is_one(tmp_path: Path, upstream: OllamaServer, model: HeldModel) -> None:
    with serving("--config", str(configured(tmp_path, upstream))) as service, connected(service) as working:
        working.sendall(summarize("hold"))
        assert wait_until(lambda: model.held == 1)
        service.process.send_signal(signal.SIGINT)
        service.process.send_signal(signal.SIGINT)
        assert wait_until(lambda: refuses(service))
        model.let_go()
        assert read_answer(working).status == 200
        assert service.process.wait(60) == 0


def test_readiness_says_that_the_service_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app = create_app(load_settings(configured(tmp_path)))

    async def told() -> httpx.Response:
        async with app.router.lifespan_context(app) as state:
            assert state is not None
            edge = state["edge"]
            assert isinstance(edge, Edge)
            edge.stopping.set()
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.get("/readyz")

    response = asyncio.run(told())
    assert (response.status_code, response.json()["status"]) == (503, "stopping")


class Load:
    """Callers that ask without a pause, each on one connection as long as it lasts, and note how each request ended."""

    def __init__(self, address: tuple[str, int], callers: int) -> None:
        self._address = address
        self._over = threading.Event()
        self.ends: Counter[str] = Counter()
        self._threads = [threading.Thread(target=self._ask) for _ in range(callers)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._over.is_set():
            try:
                with socket.create_connection(self._address, 20) as connection:
                    self._ask_on(connection)
            except ConnectionRefusedError:
                self.ends["refused"] += 1
                time.sleep(0.05)

    def _ask_on(self, connection: socket.socket) -> None:
        while not self._over.is_set():
            try:
                connection.sendall(summarize("x"))
                first = connection.recv(1, socket.MSG_PEEK)
            except OSError:
                first = b""
            if not first:  # before any answer: the caller may ask again
                self.ends["unanswered"] += 1
                return
            try:
                answer = read_answer(connection)
            except (EOFError, OSError):
                self.ends["broken off"] += 1
                return
            known = answer.status == 200 or answer.json()["code"] == "shutting_down"
            self.ends[str(answer.status) if known else answer.body.decode()] += 1
            if answer.headers.get("connection") == "close":
                return


def address(service: Service) -> tuple[str, int]:
    url = httpx.URL(service.url)
    assert url.port
    return url.host, url.port


@both
def test_a_load_sees_whole_answers_or_a_closed_port(tmp_path: Path, workers: int) -> None:
    with serving("--config", str(configured(tmp_path, workers=workers))) as service:
        with Load(address(service), 8) as load:
            assert wait_until(lambda: load.ends["200"] > 50)
            service.process.send_signal(signal.SIGTERM)
            assert service.process.wait(60) == 0
            assert wait_until(lambda: load.ends["refused"] > 0)
        assert load.ends.keys() <= {"200", "503", "refused"}, load.ends


def test_a_restart_behind_a_shared_port_loses_nothing(tmp_path: Path) -> None:
    """The next service begins on the same port; then the first one ends. No request needs a second try."""
    path = configured(tmp_path, reuse_port=True)
    with serving("--config", str(path)) as first, Load(address(first), 4) as load:
        assert wait_until(lambda: load.ends["200"] > 20)
        with serving("--config", str(path), "--port", str(address(first)[1]), wait=False) as second:
            assert wait_until(lambda: second.url and listens(second, address(first)[1]))
            first.process.send_signal(signal.SIGTERM)
            assert first.process.wait(60) == 0
            before = load.ends["200"]
            assert wait_until(lambda: load.ends["200"] > before + 20)
            load.__exit__()
    assert load.ends.keys() == {"200"}, load.ends


def listens(service: Service, port: int) -> bool:
    """Whether this process, and not only another one, listens on the port."""
    inodes = set()
    for entry in Path(f"/proc/{service.process.pid}/fd").iterdir():
        try:
            inodes.add(str(entry.readlink()).removeprefix("socket:[").removesuffix("]"))
        except OSError:
            continue
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(line[1].endswith(f":{port:04X}") and line[3] == "0A" and line[9] in inodes for line in lines)


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_a_worker_that_dies_is_replaced_and_its_port_stays(tmp_path: Path) -> None:
    with serving("--config", str(configured(tmp_path, workers=2))) as service:
        old = workers_of(service)
        assert len(old) == 2
        os.kill(old[0], signal.SIGKILL)
        assert wait_until(lambda: len(workers_of(service)) == 2 and old[0] not in workers_of(service))
        assert exchange(service, HEALTH).status == 200
        assert service.stop() == 0
    assert any("is replaced" in line for line in service.log)


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    with serving("--config", str(configured(tmp_path, workers=2))) as service:
        pids = workers_of(service)
        service.process.kill()
        assert wait_until(lambda: not any(alive(pid) for pid in pids))


@pytest.mark.soak
def test_workers_are_replaced_one_by_one_at_a_hang_up(tmp_path: Path) -> None:
    with serving("--config", str(configured(tmp_path, workers=2))) as service:
        old = set(workers_of(service))
        with Load(address(service), 4) as load:
            service.process.send_signal(signal.SIGHUP)
            assert wait_until(lambda: len(workers_of(service)) == 2 and not old & set(workers_of(service)))
        assert load.ends.keys() == {"200"}, load.ends
        assert service.stop() == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.soak)])
def test_a_group_that_is_told_as_a_whole_ends_in_good_order(
    tmp_path: Path, upstream: OllamaServer, model: HeldModel, how: signal.Signals
) -> None:
    """systemd tells every process of a service, and a terminal does too: workers hear of it twice."""
    path = configured(tmp_path, upstream, workers=2)
    with serving("--config", str(path)) as service, ExitStack() as stack:
        working = [stack.enter_context(connected(service)) for _ in range(4)]
        for number, connection in enumerate(working):
            connection.sendall(summarize(f"hold {number}"))
        assert wait_until(lambda: model.held == 4)
        for pid in [*workers_of(service), service.process.pid, *workers_of(service)]:
            os.kill(pid, how)
        assert wait_until(lambda: refuses(service))
        model.let_go()
        assert [read_answer(connection).status for connection in working] == [200] * 4
        assert service.process.wait(60) == 0
