"""A receiver of OTLP over HTTP that reads what it gets with OpenTelemetry's own protocol classes."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

__all__ = ["Received", "Receiver", "receiving"]


@dataclass(frozen=True)
class Received:
    """One span; ids are hex digits, times nanoseconds."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: int
    start: int
    end: int
    is_error: bool
    attributes: dict[str, Any]
    resource: dict[str, Any]


@dataclass
class Receiver:
    """`spans` are all that came, `paths` the paths of the requests, `raw` their bodies."""

    url: str
    spans: list[Received] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    def of(self, trace_id: str) -> dict[str, Received]:
        """The spans of a trace by their names' first words."""
        return {span.name.split(" ")[0]: span for span in self.spans if span.trace_id == trace_id}

    def take(self, path: str, body: bytes) -> None:
        self.paths.append(path)
        self.raw.append(body)
        message = ExportTraceServiceRequest.FromString(body)
        for resource in message.resource_spans:
            named = _values(resource.resource.attributes)
            for scope in resource.scope_spans:
                for span in scope.spans:
                    ids = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
                    times = span.start_time_unix_nano, span.end_time_unix_nano
                    is_error = span.status.code == span.status.STATUS_CODE_ERROR
                    values = _values(span.attributes)
                    self.spans.append(Received(span.name, *ids, span.kind, *times, is_error, values, named))


def _values(pairs: "Iterator[KeyValue] | Any") -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return None if kind is None else getattr(value, kind)


@contextmanager
def receiving(*, status: int = 200, delay_s: float = 0.0) -> Iterator[Receiver]:
    """A receiver that answers every request with the status, after the delay."""
    released = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            receiver.take(self.path, body)
            released.wait(delay_s)
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield receiver
        finally:
            released.set()
            server.shutdown()
            thread.join()
