"""What is known of a request while it is served: its log line, its metrics and its trace are made from it.

The record travels in a context variable, so that whatever happens on behalf of a request can be told from the rest.
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # The log begins before LangChain is imported.
    from starlette.types import Message, Receive, Scope, Send

    from chains.account import Account
    from chains.result import Usage

__all__ = [
    "GONE_CODE",
    "OK",
    "OTHER",
    "UNMATCHED",
    "RecordBooks",
    "RequestRecord",
    "current_record",
    "note_item",
    "recording",
]

OK, GONE_CODE, OTHER = "ok", "caller_gone", "other"
"""The codes beside those of the closed list of problems: served, nobody there any more, an error without a problem."""

UNMATCHED = "unmatched"
"""The operation of a path that doesn't exist."""

_CLIENT_GONE = 499
_FIRST_PIECE = b"event: delta\n"
_LOOKED_AT = 64


class RequestRecord:
    """One request. Sizes are bytes of the bodies, times seconds by `time.perf_counter`.

    method        as the caller sent it
    status        of the response, 0 while there is none
    code          of the last problem that was told to the caller; None where none was
    account       that of the last task that ran for it; None where none did
    items         how many tasks ran for it
    batched       the items of a batch by pairs of a task and `ok` or the code of the item's problem
    usage         of all of them; None where none ran
    queue_ms      that of all of them, as `model_ms`
    first_piece   seconds from the request to the first piece of a stream; None where there was none
    trace_id      32 hex digits, where the request belongs to a trace
    sought        the route that it was meant for, where it was refused before it got there
    """

    def __init__(self, scope: "Scope") -> None:
        self.scope = scope
        self.method = str(scope["method"])
        self.start = time.perf_counter()
        self.status = 0
        self.code: str | None = None
        self.account: Account | None = None
        self.items = 0
        self.batched: Counter[tuple[str, str]] = Counter()
        self.usage: Usage | None = None
        self.queue_ms = self.model_ms = 0
        self.received = self.sent = 0
        self.first_piece: float | None = None
        self.trace_id: str | None = None
        self.sought: Any = None
        self._is_stream = False

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.scope["state"]
        return found

    @property
    def operation(self) -> str:
        """The operation's id in the API document, or the name of a page; never what a caller wrote."""
        route, endpoint = self.scope.get("route", self.sought), self.scope.get("endpoint")
        found = getattr(route, "operation_id", None) or getattr(route, "name", None)
        if not isinstance(found, str):
            found = None if endpoint is None else getattr(endpoint, "__name__", "static")
        return found or UNMATCHED

    @property
    def path(self) -> str:
        """The operation's path with its parameters as names; `-` for a path that doesn't exist, and for files."""
        found = getattr(self.scope.get("route", self.sought), "path_format", None)
        if isinstance(found, str):
            return found
        # A page that the framework adds: where its path has no parameters, it is the one that was called.
        is_page = self.operation not in (UNMATCHED, "static") and not self.scope.get("path_params")
        return str(self.scope["path"]) if is_page else "-"

    @property
    def is_replay(self) -> bool:
        """Whether the response was kept under an Idempotency-Key."""
        return bool(self.state.get("replayed"))

    @property
    def outcome(self) -> str:
        """`ok`, the code of a problem, `caller_gone`, `slow_reader` for one who took nothing for too long, or `other`
        for a failure without a problem."""
        if left := self.state.get("left"):
            return str(left)
        if self.status == _CLIENT_GONE or self._left_alone:
            return GONE_CODE
        if self.code is not None:
            return self.code
        return OK if 0 < self.status < 400 else OTHER

    @property
    def _left_alone(self) -> bool:
        was_cut = self.account is not None and self.account.code == "cancelled"
        return was_cut and bool(self.state.get("gone"))

    def seconds(self) -> float:
        return time.perf_counter() - self.start

    def settle(self, account: "Account") -> None:
        """Add what a task that ran for the request came to."""
        self.usage = account.usage if self.usage is None else self.usage + account.usage
        if account.is_late:
            return
        self.account = account
        self.items += 1
        self.queue_ms += account.timing.queue_ms
        self.model_ms += account.timing.model_ms

    def counted(self, receive: "Receive") -> "Receive":
        """The same, with the body's bytes counted."""

        async def counting() -> "Message":
            message = await receive()
            self.received += len(message.get("body", b""))
            return message

        return counting

    def watched(self, send: "Send") -> "Send":
        """The same, with status, bytes and the first piece noted when they are out."""

        async def watching(message: "Message") -> None:
            await send(message)
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self._is_stream = _is_stream(message)
                return
            body = message.get("body", b"")
            self.sent += len(body)
            if self._is_stream and self.first_piece is None and _FIRST_PIECE in body[:_LOOKED_AT]:
                self.first_piece = self.seconds()

        return watching


def _is_stream(message: "Message") -> bool:
    return any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in message["headers"])


_current: ContextVar[RequestRecord | None] = ContextVar("copydesk_request", default=None)


@contextmanager
def recording(record: RequestRecord) -> Iterator[None]:
    """What is done inside is done for this request."""
    token = _current.set(record)
    try:
        yield
    finally:
        _current.reset(token)


def current_record() -> RequestRecord | None:
    """That of the request for which something is being done; None where it is for none."""
    return _current.get()


def note_item(task: str, code: str) -> None:
    """An item of the batch that is being served ended with `ok` or the code of its problem."""
    record = _current.get()
    if record is not None:
        record.batched[task, code] += 1


class RecordBooks:
    """Tells the record of a request what its tasks came to. What runs in the background belongs to no request."""

    def settled(self, account: "Account") -> None:
        record = _current.get()
        if record is not None and not account.background:
            record.settle(account)
