"""HTTP to model servers: one session for each event loop, and one table of what can go wrong."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import nan
from typing import Any

import aiohttp

from chains.errors import (
    BackendBusy,
    BackendError,
    BackendProtocolError,
    BackendRejected,
    BackendTimeout,
    BackendUnavailable,
    CopydeskError,
)

__all__ = ["Transport", "error_body", "refusal", "retry_after"]

_LARGEST_ANSWER = 8 << 20
_LARGEST_ERROR = 64 << 10
_LONGEST_RETRY_AFTER_S = 3600.0

# By status: the class, and what to do about it. What isn't listed goes by its hundred.
_STATUSES: Mapping[int, tuple[type[BackendError], str]] = {
    400: (BackendRejected, "it takes the request for malformed: compare its version with what this service sends"),
    401: (BackendRejected, "it wants a valid key: set api_key_env to the variable that holds it"),
    403: (BackendRejected, "the key may not do this: use another one"),
    404: (BackendRejected, "it doesn't know the address or the model: check base_url and model"),
    408: (BackendTimeout, "it took the request for too slow"),
    413: (BackendRejected, "the request is larger than it takes"),
    425: (BackendBusy, "it isn't ready yet"),
    429: (BackendBusy, "it is asked too often"),
    499: (BackendUnavailable, "it took the request for cancelled"),
    503: (BackendBusy, "it is busy"),
    504: (BackendTimeout, "it waited too long for a server behind it"),
    529: (BackendBusy, "it is overloaded"),
}


async def error_body(response: aiohttp.ClientResponse) -> bytes:
    """The body of a refusal to its end, at most 64 KiB of it: one read gives no more than what has come so far."""
    raw = b""
    while len(raw) < _LARGEST_ERROR and (more := await response.content.read(_LARGEST_ERROR - len(raw))):
        raw += more
    return raw


class Transport:
    """Requests to one server. `base_url` has no slash at its end; `headers` may hold a key and are never shown.

    The errors raised are BackendError's; time limits other than that for connecting are the caller's to set.
    """

    def __init__(
        self, backend: str, base_url: str, headers: Mapping[str, str] | None = None, *, connect_timeout_s: float = 5
    ) -> None:
        self.backend = backend
        self.base_url = base_url
        self._headers = dict(headers or {})
        self._connect_timeout_s = connect_timeout_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def post(self, path: str, body: Mapping[str, Any]) -> AsyncIterator[aiohttp.ClientResponse]:
        """The response of whatever status; left early, its connection closes. Errors in the block are translated."""
        async with (
            self.translated(),
            self._http().post(self.base_url + path, json=body, allow_redirects=False) as response,
        ):
            yield response

    @asynccontextmanager
    async def get(self, path: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """As `post`."""
        async with self.translated(), self._http().get(self.base_url + path, allow_redirects=False) as response:
            yield response

    async def post_json(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON value that the server answers with 200. Raises BackendError.

        It is for questions that change nothing, which are asked once more where the connection ends before the answer
        does (RFC 9110, 9.2.2): a server may close an idle one just as it is used again. For GET aiohttp does so itself.
        """
        async with self.translated():
            try:
                return await self._posted(path, body)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                if isinstance(error, aiohttp.ClientConnectorError):
                    raise
                return await self._posted(path, body)

    async def _posted(self, path: str, body: Mapping[str, Any]) -> Any:
        async with self._http().post(self.base_url + path, json=body, allow_redirects=False) as response:
            return await self.json_of(response)

    async def get_json(self, path: str) -> Any:
        """The JSON value that the server answers with 200. Raises BackendError."""
        async with self.get(path) as response:
            return await self.json_of(response)

    async def json_of(self, response: aiohttp.ClientResponse) -> Any:
        """The JSON value of a response with status 200, which may not be endless. Raises BackendError for another
        status, ValueError or RecursionError, which are to be translated, for what is no JSON."""
        if response.status != 200:
            raise await self.refused(response)
        raw = await response.content.read(_LARGEST_ANSWER + 1)
        while len(raw) <= _LARGEST_ANSWER and (more := await response.content.read(_LARGEST_ANSWER)):
            raw += more
        if len(raw) > _LARGEST_ANSWER:
            raise ValueError("the answer is too large")
        return json.loads(raw)

    async def refused(self, response: aiohttp.ClientResponse) -> BackendError:
        """The error for a response that isn't 200; its body, bounded, stays in `original`."""
        raw = await error_body(response)
        return refusal(self.backend, response.status, raw, response.headers.get("retry-after"))

    async def aclose(self) -> None:
        """Close the connections. The transport may be used again afterwards."""
        if self._session is not None:
            await self._session.close()
        self._session = None

    def _http(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            if self._session is not None:
                # Its event loop is not this one, so it cannot be closed here.
                self._session.detach()
            self._loop = loop
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._connect_timeout_s)
            connector = aiohttp.TCPConnector(limit=0)
            # A cookie would tie the calls of one caller to those of another, and servers of models need none.
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=timeout, headers=self._headers, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session

    def translated(self) -> AbstractAsyncContextManager[None]:
        """Every foreign error of the block as one of ours: what isn't aiohttp's is an answer in a form that nobody
        expected."""
        return _Translation(self)

    def ours(self, error: Exception) -> BackendError:
        """What a foreign error means."""
        kind, message = self._meaning(error)
        return kind(message, backend=self.backend, original=error)

    def _meaning(self, error: Exception) -> tuple[type[BackendError], str]:
        # aiohttp's classes derive from one another: the most special ones come first.
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return BackendTimeout, f"no connection within {self._connect_timeout_s:g} s (connect_timeout_s)"
        if isinstance(error, TimeoutError):
            return BackendTimeout, "the server did not answer in time"
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            return BackendUnavailable, "the host name of base_url can't be resolved: check it"
        if isinstance(error, aiohttp.ClientSSLError):
            return BackendUnavailable, "no trusted TLS connection: check the server's certificate and base_url"
        if isinstance(error, aiohttp.ClientConnectorError):
            return BackendUnavailable, "nothing answers at base_url: start the server, or check the address"
        if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
            return BackendRejected, "base_url is no address of a server: check it"
        if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | OSError):
            return BackendUnavailable, "the server closed the connection before the answer was complete"
        if isinstance(error, aiohttp.ClientPayloadError):
            return BackendProtocolError, "the answer was cut off before it was complete"
        if isinstance(error, aiohttp.ClientError):
            return BackendProtocolError, f"the answer is no proper HTTP ({type(error).__name__})"
        return BackendProtocolError, "the answer is malformed or incomplete"


class _Translation:
    """Raises our errors for the foreign ones of its block."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, CopydeskError):
            raise self._transport.ours(error) from error


def refusal(backend: str, status: int, raw: bytes, retry_after_header: str | None = None) -> BackendError:
    """The error for an HTTP status. What the server said may quote the request: it stays in `original`."""
    kind, remedy = _STATUSES.get(status, (BackendUnavailable if status >= 500 else BackendRejected, ""))
    if status < 400:
        kind, remedy = BackendProtocolError, "that is no answer to a request of this kind"
    message = f"the server answered {status}" + (f": {remedy}" if remedy else "")
    original = ValueError(raw.decode(errors="replace"))
    return kind(message, backend=backend, original=original, retry_after_s=retry_after(retry_after_header))


def retry_after(header: str | None) -> float | None:
    """The seconds of a Retry-After header (RFC 9110, 10.2.3: seconds or a date), at most an hour; None without one."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        seconds = _seconds_until(header)
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER_S) if seconds == seconds else None


def _seconds_until(date: str) -> float:
    """NaN for what is no date. One without a zone, or with -0000, is in UTC."""
    try:
        when = parsedate_to_datetime(date)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return nan
