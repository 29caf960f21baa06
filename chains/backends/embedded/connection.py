"""The connection to the process that holds the model: HTTP over a Unix socket."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from chains.backends.embedded.wire import FINISHED, refusal, server_sent
from chains.backends.transport import error_body
from chains.errors import BackendProtocolError, BackendTimeout, BackendUnavailable, CopydeskError

__all__ = ["Connection"]

_LOADING = 503
_PROBE_S = 2.0


class Connection:
    """Requests to one ModelServer, from whatever event loop runs. The errors raised are BackendError's.

    `connect_s` is how long a process that is dead or loads its model is waited for.
    """

    def __init__(self, backend: str, socket: Path | None, connect_s: float) -> None:
        self._backend = backend
        self._socket = socket
        self._connect_s = connect_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: aiohttp.ClientSession | None = None

    async def probe(self) -> None:
        """Raises BackendUnavailable where the model server doesn't answer that it is well."""
        try:
            async with asyncio.timeout(_PROBE_S), self._http().get("http://model/health") as response:
                if response.status == 200:
                    return
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._unavailable("the model process does not answer", error) from error
        raise self._unavailable(f"the model process answers {response.status}", None)

    async def properties(self) -> dict[str, Any]:
        """What the server says of itself at /props. Raises BackendError."""
        async with self.within(_PROBE_S, "answer"), self.translated():
            async with self._http().get("http://model/props") as response:
                raw = await response.read()
            if response.status != 200:
                raise refusal(self._backend, response.status, raw)
            found: dict[str, Any] = json.loads(raw)
            return found

    async def ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to a question that costs nothing, so it is asked again until a dead process is back."""
        patience = asyncio.get_running_loop().time() + self._connect_s
        while True:
            is_last = asyncio.get_running_loop().time() > patience
            try:
                async with self._http().post(f"http://model/{path}", json=body) as response:
                    raw = await response.read()
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
                if is_last:
                    raise
            else:
                if response.status == 200:
                    answer: dict[str, Any] = json.loads(raw)
                    return answer
                if response.status != _LOADING or is_last:
                    raise refusal(self._backend, response.status, raw)
            await asyncio.sleep(0.05)

    @asynccontextmanager
    async def completion(self, body: dict[str, Any]) -> AsyncIterator[AsyncGenerator[dict[str, Any], None]]:
        """The events of a streamed completion, exactly the last of which has `stop: true`.

        Left early, the connection closes at once. Errors within the block are translated.
        """
        async with self.translated(), self._http().post("http://model/completion", json=body) as response:
            if response.status != 200:
                raw = await error_body(response)
                raise refusal(self._backend, response.status, raw, response.headers.get("retry-after"))
            async with aclosing(self._events(response.content)) as events:
                yield events

    async def _events(self, content: aiohttp.StreamReader) -> AsyncGenerator[dict[str, Any], None]:
        async with aclosing(server_sent(content)) as events:
            async for event in events:
                if "error" in event:
                    raise refusal(self._backend, 500, json.dumps(event).encode())
                if event["stop"] and event["stop_type"] not in FINISHED:
                    raise BackendProtocolError(f"the answer ended by {event['stop_type']!r}", backend=self._backend)
                yield event
                if event["stop"]:
                    return
        raise BackendProtocolError("the answer ended before it was complete", backend=self._backend)

    async def aclose(self) -> None:
        """Close the connections. It may be used again afterwards."""
        if self._session is not None:
            await self._session.close()
        self._session = None

    def _http(self) -> aiohttp.ClientSession:
        """The session of the running event loop."""
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            if self._socket is None:
                raise BackendUnavailable("its model process was not started", backend=self._backend)
            if self._session is not None:
                # Its event loop is not this one, so it cannot be closed here; it keeps no idle connections.
                self._session.detach()
            self._loop = loop
            # A kept connection would hold one of llama.cpp's HTTP threads, and it drops them without a word.
            connector = aiohttp.UnixConnector(path=str(self._socket), limit=0, force_close=True)
            self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(None))
        return self._session

    @asynccontextmanager
    async def within(self, seconds: float, what: str, setting: str = "") -> AsyncIterator[None]:
        """Raises BackendTimeout where the block takes longer: no `what` within so many seconds, by that setting."""
        try:
            async with asyncio.timeout(seconds) as limit:
                yield
        except TimeoutError as error:
            if not limit.expired():
                raise
            message = f"no {what} within {seconds:g} s" + (f" ({setting})" if setting else "")
            raise BackendTimeout(message, backend=self._backend, original=error) from error

    @asynccontextmanager
    async def translated(self) -> AsyncIterator[None]:
        """Every foreign error of the block as one of ours."""
        try:
            yield
        except CopydeskError:
            raise
        except (aiohttp.ClientError, OSError) as error:
            raise self._unavailable("the model process broke down; it is being restarted", error) from error
        except Exception as error:
            message = "the answer is malformed or incomplete"
            raise BackendProtocolError(message, backend=self._backend, original=error) from error

    def _unavailable(self, message: str, error: BaseException | None) -> BackendUnavailable:
        return BackendUnavailable(message, backend=self._backend, original=error)
