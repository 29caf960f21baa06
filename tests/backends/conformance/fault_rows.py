"""What may go wrong, and which error it must become, whole and streamed, for every kind."""

from collections.abc import Mapping
from dataclasses import dataclass

from chains.errors import (
    BackendBusy,
    BackendProtocolError,
    BackendRejected,
    BackendTimeout,
    BackendUnavailable,
    ContextExceeded,
    CopydeskError,
)
from tests.backends.conformance.situations import Door, Situation

__all__ = ["FAULT_ROWS", "FaultRow"]

_SLOW = {"first_token_timeout_s": 0.3, "idle_timeout_s": 0.3}
_SILENT = {"first_token_timeout_s": 20, "idle_timeout_s": 0.3}
_ENDLESS = ("word", *[" word and"] * 400)
# A name server that is far away takes longer than the wait for a first token here.
_PATIENT = {"first_token_timeout_s": 20, "connect_timeout_s": 0.4}


@dataclass(frozen=True, slots=True)
class FaultRow:
    """`error` is the class, or the classes where two say it equally well; `says` stands in the message."""

    situation: Situation
    error: type[CopydeskError] | tuple[type[CopydeskError], ...]
    is_retryable: bool
    says: str = ""
    retry_after_s: float | None = None


def _status(status: int, error: type[CopydeskError], *, is_retryable: bool) -> FaultRow:
    return FaultRow(Situation(status=status), error, is_retryable)


FAULT_ROWS: Mapping[str, FaultRow] = {
    "connection_refused": FaultRow(Situation(door=Door.REFUSED, keys=_PATIENT), BackendUnavailable, True),
    "unknown_host": FaultRow(
        Situation(door=Door.NO_SUCH_HOST, keys=_PATIENT), BackendUnavailable, True, "can't be resolved"
    ),
    "no_tls": FaultRow(Situation(door=Door.NO_TLS, keys=_PATIENT), BackendUnavailable, True, "TLS"),
    "connect_timeout": FaultRow(
        Situation(door=Door.NO_ANSWER, keys=_PATIENT), BackendTimeout, True, "within 0.4 s (connect_timeout_s)"
    ),
    "first_token_timeout": FaultRow(
        Situation(stall_after=0, keys=_SLOW), BackendTimeout, True, "within 0.3 s (first_token_timeout_s)"
    ),
    "idle_timeout": FaultRow(
        Situation(stall_after=2, keys=_SILENT), BackendTimeout, True, "within 0.3 s (idle_timeout_s)"
    ),
    "total_timeout": FaultRow(
        Situation(tokens=_ENDLESS, token_s=0.02, keys={"timeout_s": 0.4}),
        *(BackendTimeout, True, "within 0.4 s (timeout_s)"),
    ),
    "status_400": _status(400, BackendRejected, is_retryable=False),
    "status_401": _status(401, BackendRejected, is_retryable=False),
    "status_403": _status(403, BackendRejected, is_retryable=False),
    "status_404": _status(404, BackendRejected, is_retryable=False),
    "status_408": _status(408, BackendTimeout, is_retryable=True),
    "status_429": FaultRow(Situation(status=429, retry_after="7"), BackendBusy, True, retry_after_s=7),
    "status_499": _status(499, BackendUnavailable, is_retryable=True),
    "status_500": _status(500, BackendUnavailable, is_retryable=True),
    "status_502": _status(502, BackendUnavailable, is_retryable=True),
    "status_503": FaultRow(Situation(status=503, retry_after="2"), BackendBusy, True, retry_after_s=2),
    "malformed_body": FaultRow(Situation(malformed_after=1), BackendProtocolError, True),
    "wrong_content_type": FaultRow(Situation(content_type="text/html"), BackendProtocolError, True),
    "connection_cut": FaultRow(Situation(cut_after=2), (BackendUnavailable, BackendProtocolError), True),
    "end_without_mark": FaultRow(Situation(end_after=3), BackendProtocolError, True),
    "end_without_anything": FaultRow(Situation(end_after=0), BackendProtocolError, True),
    "error_after_200": FaultRow(Situation(error_after=2), BackendUnavailable, True),
    "repeat_guard": FaultRow(Situation(repeats=True), BackendProtocolError, True),
    "too_long_for_the_server": FaultRow(Situation(too_long=True), ContextExceeded, False),
}
