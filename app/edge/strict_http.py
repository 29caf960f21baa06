"""HTTP/1.1 as h11 reads it, without what could be read in two ways.

RFC 9112: a message with both Content-Length and Transfer-Encoding, or with the latter in HTTP/1.0, is how requests
are smuggled past a proxy (6.1, 6.3): refused. The absolute form of a target is taken, and its host counts (3.2.2).
"""

import h11
from h11 import RemoteProtocolError

__all__ = ["StrictConnection"]

_LONGEST_REASON = 120


class StrictConnection(h11.Connection):
    """A server's side of one connection. `failure` is why the caller's bytes were refused."""

    def __init__(self, max_header_bytes: int) -> None:
        super().__init__(h11.SERVER, max_header_bytes)
        self._most = max_header_bytes
        self.failure: RemoteProtocolError | None = None

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """As h11's. Raises RemoteProtocolError with the status that fits in `error_status_hint`."""
        try:
            event = super().next_event()
            return self._checked(event) if isinstance(event, h11.Request) else event
        except RemoteProtocolError as error:
            self.failure = error
            raise

    @property
    def has_data(self) -> bool:
        """Whether a part of a request has come that isn't read yet."""
        return bool(self.trailing_data[0])

    def reason(self) -> str:
        """What was wrong, for the caller."""
        words = str(self.failure).strip()
        return words[:_LONGEST_REASON] if words.isprintable() else "a part of it could not be read"

    def _checked(self, request: h11.Request) -> h11.Request:
        size = len(request.target) + sum(len(name) + len(value) + 4 for name, value in request.headers)
        if size > self._most:  # what comes in one piece h11 takes at any length
            raise RemoteProtocolError("headers too long", error_status_hint=431)
        if request.http_version not in (b"1.0", b"1.1"):
            raise RemoteProtocolError("only HTTP/1.1 and HTTP/1.0 are spoken here")
        names = {name for name, _ in request.headers}
        if b"transfer-encoding" in names and (b"content-length" in names or request.http_version == b"1.0"):
            raise RemoteProtocolError("the length of the body is told in two ways")
        if request.method == b"CONNECT" or request.target == b"*":
            raise RemoteProtocolError("the service is no proxy", error_status_hint=405)
        if request.target.startswith(b"/"):
            return request
        return _in_origin_form(request)


def _in_origin_form(request: h11.Request) -> h11.Request:
    scheme, separator, rest = request.target.partition(b"://")
    if scheme.lower() not in (b"http", b"https") or not separator or not rest:
        raise RemoteProtocolError("the target is neither a path nor an address")
    end = min(position for position in (rest.find(b"/"), rest.find(b"?"), len(rest)) if position >= 0)
    authority, path = rest[:end], rest[end:]
    headers = [(name, value) for name, value in request.headers if name != b"host"]
    return h11.Request(
        method=request.method,
        target=path if path.startswith(b"/") else b"/" + path,
        headers=[(b"host", authority), *headers],
        http_version=request.http_version,
    )
