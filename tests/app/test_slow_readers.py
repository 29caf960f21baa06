"""A caller that takes no data, on a connection that holds little: an answer of usual length fits into the buffers of
any connection, whether or not it is read."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import pytest
import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import Response

from app.edge.edge import Edge
from app.edge.protocol import EdgeProtocol
from app.event_stream import EventStream, Say
from app.sections import ServerSettings, StreamSettings
from tests.conftest import wait_until

pytestmark = pytest.mark.e2e

WRITE_TIMEOUT_S = 0.5
EVENT = b"data: " + b"x" * 10_000 + b"\n\n"
ENDLESS = 10_000


@dataclass
class Told:
    """What a stream has said, and how its request ended."""

    events: int = 0
    stopped: bool = False
    state: dict[str, object] = field(default_factory=dict)


@contextmanager
def flooding(
    told: Told, events: int, *, severable: bool = True, write_timeout_s: float = WRITE_TIMEOUT_S
) -> Iterator[int]:
    """The port of a server with one stream of so many events, on connections whose buffers are small."""
    edge = Edge(ServerSettings())  # whose own limits are far longer

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Edge]]:
        yield {"edge": edge}

    app = FastAPI(lifespan=lifespan)

    @app.post("/stream")
    async def stream(request: Request) -> Response:
        told.state = request.scope["state"]

        async def tell(say: Say) -> None:
            try:
                for _ in range(events):
                    await say(EVENT)
                    told.events += 1
            finally:
                told.stopped = True

        return EventStream(request, tell, StreamSettings(heartbeat_s=0.2, write_timeout_s=write_timeout_s))

    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32_768)
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, http=EdgeProtocol if severable else "h11", log_level="error"))
        thread = threading.Thread(target=asyncio.run, args=(server.serve([listener]),))
        thread.start()
        try:
            assert wait_until(lambda: server.started)
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(10)


@contextmanager
def asking(port: int) -> Iterator[socket.socket]:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
        connection.settimeout(60)
        connection.connect(("127.0.0.1", port))
        connection.sendall(b"POST /stream HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        yield connection


def test_a_caller_that_reads_nothing_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    told = Told()
    with flooding(told, ENDLESS) as port, asking(port) as connection:
        assert wait_until(lambda: told.stopped)
        assert wait_until(lambda: told.state["left"] == "slow_reader")
        assert told.events * len(EVENT) < 1 << 20, "more was kept for the caller than its connection holds"
        got = b""
        while piece := connection.recv(1 << 16):  # what the system's buffers held; then the connection is closed
            got += piece
        assert not got.endswith(b"0\r\n\r\n"), "the response looks whole"
    assert not caplog.records, "the server complains"


def test_where_the_connection_cannot_be_cut_the_stream_stops_too() -> None:
    told = Told()
    with flooding(told, ENDLESS, severable=False) as port, asking(port):
        assert wait_until(lambda: told.stopped)
        assert wait_until(lambda: told.state["left"] == "slow_reader")


def test_a_caller_that_reads_in_time_gets_all() -> None:
    """All of it takes longer than a single event may, and no event nearly as long, on a busy machine either."""
    told, events, begin = Told(), 60, time.monotonic()
    with flooding(told, events, write_timeout_s=2) as port, asking(port) as connection:
        got = b""
        while not got.endswith(b"0\r\n\r\n"):
            piece = connection.recv(30_000)
            assert piece, "the connection ended early"
            got += piece
            time.sleep(0.1)
    assert got.count(b"data: ") == events
    assert told.stopped
    assert time.monotonic() - begin > 2
