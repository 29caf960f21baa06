"""Traces, if any: what the service calls, whether or not they are recorded."""

import re
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from starlette.datastructures import Headers

from app.telemetry.request_record import RequestRecord
from chains.errors import ConfigurationError
from chains.traffic.meter import CallReport

if TYPE_CHECKING:
    from app.settings import Settings

__all__ = ["NO_FASTAPI_TELEMETRY", "NoTracing", "Tracing", "build_tracing", "foreign_trace_id"]

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_PACKAGES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


NO_FASTAPI_TELEMETRY = dict.fromkeys(("tracing", "metrics", "logs", "operation_spans", "auto_configure"), False)
"""FastAPI's own telemetry is never on, whatever the environment says, and whoever sets a global provider: its records
hold bodies that were refused, and messages of exceptions."""


class Tracing(Protocol):
    """Never raises, and never waits for whoever receives the traces."""

    def start(self) -> None:
        """Begin to record, in the process that serves."""

    def stop(self) -> None:
        """Send what is still to be sent, for two seconds at most. Blocks."""

    def request(self, record: RequestRecord) -> AbstractContextManager[None]:
        """The request is served inside; the record's `trace_id` is set at once."""

    def called(self, call: CallReport) -> None:
        """A call of a model has ended."""


class NoTracing:
    """Records nothing. A trace that a caller began is still named in the log."""

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def request(self, record: RequestRecord) -> AbstractContextManager[None]:
        record.trace_id = foreign_trace_id(Headers(scope=record.scope))
        return nullcontext()

    def called(self, call: CallReport) -> None:
        pass


def foreign_trace_id(headers: Headers) -> str | None:
    """The trace that the caller's `traceparent` (W3C Trace Context) names; None where there is none or a wrong one."""
    found = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    return found[1] if found else None


def build_tracing(settings: "Settings") -> Tracing:
    """Tracing as it is configured; nothing is imported for it, and nothing begins, before `start`.

    Raises ConfigurationError where its packages are not installed.
    """
    if settings.telemetry.otlp_endpoint is None:
        return NoTracing()
    if not all(_is_installed(package) for package in _PACKAGES):
        raise ConfigurationError(
            "telemetry.otlp_endpoint: the packages that send traces are not installed. Install them with "
            "`pip install 'copydesk[telemetry]'`, or leave the endpoint out."
        )
    from app.telemetry.otlp import OtlpTracing

    return OtlpTracing(settings)


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # of a package around it
        return False
