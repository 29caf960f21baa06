"""Callers that hold connections: slow headers, slow bodies, slow readers, idle ones. Others don't notice."""

import resource
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.app.raw_http import Answer, connected, exchange, read_answer
from tests.conftest import SCRIPT, Service, serving, wait_until

pytestmark = pytest.mark.e2e

HOLDERS = 60
HEAD = b"POST /v1/summarize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
PAGE = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
LIMITS = {
    "max_connections": 40,
    "header_timeout_s": 1.5,
    "body_timeout_s": 1.5,
    "write_timeout_s": 1.5,
    "keep_alive_s": 1.5,
    "max_body_bytes": 4 << 20,
    "max_inflight_body_bytes": 64 << 20,
}
SOON_S = 15
"""Far more than any limit: what is tested is that there is an end, and not how busy this machine is."""


def configured(folder: Path, **server: Any) -> Path:
    path = folder / "copydesk.yaml"
    backends = {"script": {"kind": "scripted", "answers": SCRIPT, "concurrency": 64}}
    path.write_text(yaml.safe_dump({"backends": backends, "server": {**LIMITS, **server}}))
    return path


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving("--config", str(configured(tmp_path_factory.mktemp("slow")))) as running:
        yield running


def silent(_: socket.socket) -> None:
    pass


def slow_headers(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"X-Slow: a")


def slow_body(connection: socket.socket) -> None:
    connection.sendall(HEAD + b'Content-Length: 100000\r\n\r\n{"text": "')


def slow_reader(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.sendall(PAGE * 50)


def idle(connection: socket.socket) -> None:
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert read_answer(connection).status == 200


def refused_body(connection: socket.socket) -> None:
    """Refused before its body came, of which a little comes for ever."""
    connection.sendall(HEAD + b"Content-Length: 99999999\r\n\r\n")
    assert read_answer(connection).status == 413
    connection.sendall(b"x")


WAYS: dict[str, Callable[[socket.socket], None]] = {
    "silent": silent,
    "slow headers": slow_headers,
    "slow body": slow_body,
    "slow reader": slow_reader,
    "idle": idle,
    "a refused body": refused_body,
}
ways = pytest.mark.parametrize("hold", [pytest.param(hold, id=name) for name, hold in WAYS.items()])


def sockets(service: Service) -> int:
    """How many the service has open."""
    count = 0
    for entry in Path(f"/proc/{service.process.pid}/fd").iterdir():
        with suppress(OSError):
            count += str(entry.readlink()).startswith("socket:")
    return count


def asks(service: Service) -> int:
    """A caller as any other, on a connection of its own: it asks once more after a refusal, as it is told to."""
    for _ in range(2):
        with service.client() as client:
            answer = client.post("/v1/summarize", json={"text": "x"})
        if answer.status_code != 503:
            break
        time.sleep(float(answer.headers["retry-after"]))
    return answer.status_code


@ways
def test_more_than_there_may_be_lock_nobody_out(service: Service, hold: Callable[[socket.socket], None]) -> None:
    before = sockets(service)
    with ExitStack() as stack:
        for number in range(HOLDERS):
            hold(stack.enter_context(connected(service)))
            if number % 20 == 19:
                assert asks(service) == 200
        assert [asks(service) for _ in range(2)] == [200] * 2
        assert wait_until(lambda: sockets(service) <= before)


def ended(service: Service, *pieces: bytes, every_s: float = 0.2) -> tuple[Answer | None, float]:
    """Send the pieces one by one, the last one again and again: the answer, and seconds until the end."""
    begin = time.monotonic()
    with connected(service) as connection:
        for piece in pieces:
            connection.sendall(piece)
        connection.settimeout(every_s)
        while time.monotonic() - begin < SOON_S:
            try:
                connection.recv(1, socket.MSG_PEEK)
                break
            except TimeoutError:
                connection.sendall(pieces[-1])
        connection.settimeout(SOON_S)
        try:
            answer = read_answer(connection)
        except (EOFError, ConnectionResetError):
            return None, time.monotonic() - begin
        assert connection.recv(1) == b""
        return answer, time.monotonic() - begin


def test_headers_that_drip_are_answered(service: Service) -> None:
    answer, seconds = ended(service, HEAD, b"X-A: 1\r\n")
    assert answer is not None
    assert (answer.status, answer.json()["code"]) == (408, "headers_timeout")
    assert seconds >= 1.5


def test_a_body_that_drips_is_answered(service: Service) -> None:
    answer, seconds = ended(service, HEAD + b"Content-Length: 100000\r\n\r\n", b"x")
    assert answer is not None
    assert (answer.status, answer.json()["code"]) == (408, "body_timeout")
    assert seconds >= 1.5


def test_a_large_body_over_a_slow_line_has_more_time(tmp_path: Path) -> None:
    """1.2 MB in 2 seconds, where a small one has 0.5 s."""
    path = configured(tmp_path, body_timeout_s=0.5, body_bytes_per_s=100_000)
    body = b'{"none": "' + b"x" * 1_200_000 + b'"}'
    with serving("--config", str(path)) as service, connected(service) as connection:
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body))
        for start in range(0, len(body), 30_000):
            connection.sendall(body[start : start + 30_000])
            time.sleep(0.05)
        assert read_answer(connection).status == 422


def test_where_all_work_new_ones_are_refused_but_not_health(tmp_path: Path) -> None:
    path = configured(tmp_path, max_connections=8)
    settings = yaml.safe_load(path.read_text())
    settings["backends"]["script"]["answers"] = [{"when": "long", "answer": "x", "delay_ms": 60_000}, {"answer": "x"}]
    path.write_text(yaml.safe_dump(settings))
    refused: list[Answer] = []
    with serving("--config", str(path)) as service:

        def is_full() -> bool:
            answer = exchange(service, HEAD + b'Content-Length: 13\r\n\r\n{"text": "x"}')
            refused.append(answer)
            return answer.status == 503

        with ExitStack() as stack:
            for number in range(8):
                connection = stack.enter_context(connected(service))
                connection.sendall(HEAD + b'Content-Length: 18\r\n\r\n{"text": "long %d"}' % number)
            assert wait_until(is_full)
            assert refused[-1].json()["code"] == "overloaded"
            assert refused[-1].headers["retry-after"] == "1"
            assert exchange(service, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 200
        assert wait_until(lambda: not is_full())


def resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def test_bodies_that_come_at_once_take_no_more_memory_than_they_may(tmp_path: Path) -> None:
    """60 bodies of 4 MiB, all but their last byte: 240 MiB, where 64 may be held."""
    size = 4 << 20
    path = configured(tmp_path, max_connections=200, body_timeout_s=30)
    with serving("--config", str(path)) as service, ExitStack() as stack:
        before = resident_bytes(service.process.pid)
        held = [stack.enter_context(connected(service)) for _ in range(60)]
        body = b'{"none": "' + b"x" * (size - 13)
        for connection in held:
            with suppress(BrokenPipeError, ConnectionResetError):  # refused before all of it was sent
                connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % size + body)
        most: float = SOON_S
        refused: list[socket.socket] = []
        while found := select.select([each for each in held if each not in refused], [], [], most)[0]:
            refused += found
            most = 0.5 if len(refused) >= 60 - 17 else SOON_S  # a busy machine takes its time between two of them
        assert resident_bytes(service.process.pid) - before < 200 << 20
        assert len(refused) >= 60 - 17
        assert {read_answer(connection).json()["code"] for connection in refused} == {"overloaded"}
        assert asks(service) == 200
        whole = [connection for connection in held if connection not in refused]
        for connection in whole:
            connection.sendall(b'"} ')
        assert {read_answer(connection).status for connection in whole} == {422}


def test_limits_that_the_system_cannot_hold_are_refused(copydesk: Any, tmp_path: Path) -> None:
    path = configured(tmp_path, max_connections=100_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard > 110_000:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 4096), 4096))
    done = copydesk("serve", "--config", str(path), "--port", "0")
    assert done.returncode == 2
    assert "server.max_connections: 100000 need" in done.stderr
    assert "ulimit -n" in done.stderr


def test_the_port_of_another_is_refused(service: Service, copydesk: Any) -> None:
    done = copydesk("serve", "--port", str(httpx.URL(service.url).port))
    assert "server.port" in done.stderr
