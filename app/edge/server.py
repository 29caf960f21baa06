"""uvicorn's server with an end that loses nothing: no caller is cut off in the middle of a response."""

import asyncio
import logging
import os
import signal
import socket
import threading
import time
from types import FrameType
from typing import Any

import uvicorn

from app.edge.edge import Edge
from app.edge.protocol import EdgeProtocol

__all__ = ["EdgeServer"]

_log = logging.getLogger("copydesk.serve")

LINGER_S = 0.5
"""How long idle connections stay open at the end: a request may be on its way on any of them."""
TOLD_S = 2.0
"""For those who are told that their requests came to nothing, to be told."""
LIFESPAN_S = 10.0
"""For the parts of the application to end after that: what requests cost is written, jobs are handed back."""
TWICE_S = 0.5
"""A signal that comes again so soon is the same one: wrappers pass on what the terminal told everybody."""
FORCED_S = 2.0


class EdgeServer(uvicorn.Server):
    """`is_relayed` says that a parent process passes signals on: the terminal's Ctrl-C reaches the parent too."""

    def __init__(self, config: uvicorn.Config, *, is_relayed: bool = False) -> None:
        super().__init__(config)
        self._is_relayed = is_relayed
        self.forced_by = 0
        self._told_at = 0.0

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal lets requests end, the second one ends the process."""
        if self._is_relayed:
            if sig != signal.SIGINT:
                self.should_exit = True
        elif not self.should_exit:
            self._captured_signals.append(sig)
            self._told_at = time.monotonic()
            self.should_exit = True
        elif time.monotonic() - self._told_at > TWICE_S:
            self.force(sig)

    def force(self, sig: int) -> None:
        """Wait for nothing any more, not even for what does not let itself be cancelled."""
        self.forced_by = sig
        self._captured_signals.clear()
        self.should_exit = self.force_exit = True
        _exit_soon(128 + sig)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        edge: Edge = self.lifespan.state["edge"]
        grace_s = float(self.config.timeout_graceful_shutdown or 0)
        end = asyncio.get_running_loop().time() + grace_s + TOLD_S + LIFESPAN_S
        edge.stopping.set()
        await self._stop_listening(sockets or [])
        if not self.force_exit:
            await self._finish(grace_s)
            await self._tell_the_rest()
        for connection in edge.connections:
            connection.abort()
        await self._end_the_application(end)

    async def _end_the_application(self, end: float) -> None:
        """Until the loop's time `end`: items of jobs may be in flight as long as requests may."""
        ending = asyncio.ensure_future(self.lifespan.shutdown())
        while not ending.done() and not self.force_exit and asyncio.get_running_loop().time() < end:
            await asyncio.wait([ending], timeout=0.05)
        if not ending.done():
            uvicorn.server.logger.disabled = True  # it would show a traceback of the cancelling
            _log.error("the service did not end in good order%s", "" if self.force_exit else " in time")
            if not self.force_exit:
                _exit_soon(1)  # Python waits for every thread, and one may wait for a database that is away

    async def _stop_listening(self, sockets: list[socket.socket]) -> None:
        """Close the port. Who has connected by then has its place."""
        waiting = [connection for listener in sockets for connection in _accepted(listener)]
        for server in self.servers:
            server.close()
        for listener in sockets:
            listener.close()
        loop = asyncio.get_running_loop()
        for connection in waiting:
            await loop.connect_accepted_socket(self._protocol, connection)

    def _protocol(self) -> asyncio.Protocol:
        return EdgeProtocol(self.config, self.server_state, self.lifespan.state)

    async def _finish(self, grace_s: float) -> None:
        clock = asyncio.get_running_loop().time
        begin = clock()
        linger = min(LINGER_S, grace_s)
        while self._protocols() and not self.force_exit and clock() - begin < grace_s:
            if clock() - begin >= linger:
                for protocol in self._protocols():
                    protocol.finish()
            await asyncio.sleep(0.02)

    async def _tell_the_rest(self) -> None:
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        clock = asyncio.get_running_loop().time
        end = clock() + TOLD_S
        while self._protocols() and not self.force_exit and clock() < end:
            for protocol in self._protocols():
                protocol.finish()
            await asyncio.sleep(0.02)

    def _protocols(self) -> list[Any]:
        return list(self.server_state.connections)


def _exit_soon(status: int) -> None:
    """Whatever still runs then."""
    killer = threading.Timer(FORCED_S, os._exit, (status,))
    killer.daemon = True
    killer.start()


def _accepted(listener: socket.socket) -> list[socket.socket]:
    """The connections that wait at the port: closing it would reset them."""
    found = []
    listener.setblocking(False)
    while True:
        try:
            found.append(listener.accept()[0])
        except OSError:
            return found
