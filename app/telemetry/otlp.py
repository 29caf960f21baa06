"""Traces for OpenTelemetry, sent by OTLP over HTTP. Imported only where an endpoint is configured.

A span for each request follows the semantic conventions for HTTP servers, one for each call of a model those for
generative AI (both of OpenTelemetry). No span holds a text, a prompt, or what a caller wrote in a path.
"""

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, format_trace_id, use_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers

from app.settings import Settings
from app.telemetry.access_line import fields_of
from app.telemetry.request_record import GONE_CODE, OK, RequestRecord
from chains.traffic.meter import CallReport

__all__ = ["OtlpTracing"]

_PATH = "/v1/traces"
_EXPORT_TIMEOUT_S = 5
_LAST_WAIT_S = 2
_WORTH_A_SPAN_S = 0.001
_NANOSECONDS = 1_000_000_000
_PORTS = {"http": 80, "https": 443}

# What the log line calls by other names than a span does, and of which a span says nothing else.
_OWN = {
    "request_id": "copydesk.request_id",
    "key_id": "copydesk.key_id",
    "code": "copydesk.code",
    "task": "copydesk.task",
    "prompt": "copydesk.prompt.name",
    "version": "copydesk.prompt.version",
    "digest": "copydesk.prompt.digest",
    "label": "copydesk.prompt.label",
    "backend": "copydesk.backend",
    "cache": "copydesk.cache",
    "items": "copydesk.items",
    "queue_ms": "copydesk.queue_ms",
    "ttft_ms": "copydesk.first_piece_ms",
    "request_bytes": "http.request.body.size",
    "response_bytes": "http.response.body.size",
}


class OtlpTracing:
    """A `Tracing` (app/telemetry/tracing.py). Spans are sent by a thread of their own; where nobody takes them they
    are dropped."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.telemetry
        self._servers = {name: _server_of(config.model_dump()) for name, config in settings.backends.items()}
        self._propagator = TraceContextTextMapPropagator()
        self._provider: TracerProvider | None = None
        self._tracer: Tracer | None = None

    def start(self) -> None:
        named = {
            "service.name": os.environ.get("OTEL_SERVICE_NAME", "copydesk"),
            "service.version": version("copydesk"),
            "service.instance.id": f"{os.uname().nodename}-{os.getpid()}",
        }
        sampler = ParentBased(TraceIdRatioBased(self._settings.sample_ratio))
        self._provider = TracerProvider(sampler=sampler, resource=Resource.create(named), shutdown_on_exit=False)
        exporter = OTLPSpanExporter(_endpoint(self._settings.otlp_endpoint or ""), timeout=_EXPORT_TIMEOUT_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("copydesk", version("copydesk"))

    def stop(self) -> None:
        if self._provider is not None:
            ending = threading.Thread(target=self._provider.shutdown, daemon=True)  # it would wait for half a minute
            ending.start()
            ending.join(_LAST_WAIT_S)

    @contextmanager
    def request(self, record: RequestRecord) -> Iterator[None]:
        if self._tracer is None:
            yield
            return
        headers = Headers(scope=record.scope)
        parent = self._propagator.extract(dict(headers))
        span = self._tracer.start_span("HTTP", context=parent, kind=SpanKind.SERVER)
        record.trace_id = format_trace_id(span.get_span_context().trace_id)
        try:
            with use_span(span, end_on_exit=False, record_exception=False, set_status_on_exception=False):
                yield
        finally:
            if span.is_recording():
                _describe_request(span, record)
            span.end()

    def called(self, call: CallReport) -> None:
        if self._tracer is None:
            return
        end = time.time_ns()
        start = end - round(call.seconds * _NANOSECONDS)
        if call.queued_s > _WORTH_A_SPAN_S:
            queued = self._tracer.start_span(
                f"queue {call.backend}", attributes={"copydesk.backend": call.backend}, start_time=_before(start, call)
            )
            queued.end(start)
        span = self._tracer.start_span(
            f"chat {call.model}".rstrip(), kind=SpanKind.CLIENT, attributes=self._of(call), start_time=start
        )
        if call.code != OK:
            span.set_status(Status(StatusCode.ERROR))
        span.end(end)

    def _of(self, call: CallReport) -> dict[str, Any]:
        usage = call.usage
        found = {
            "gen_ai.operation.name": "chat",
            **self._servers.get(call.backend, {}),
            "gen_ai.request.model": call.model or None,
            "gen_ai.response.model": call.answered_by,
            "gen_ai.response.finish_reasons": (call.finish_reason,) if call.finish_reason else None,
            "gen_ai.response.time_to_first_chunk": call.first_token_s,
            "gen_ai.usage.input_tokens": usage.input_tokens if usage else None,
            "gen_ai.usage.cache_read.input_tokens": usage.cached_input_tokens if usage else None,
            "gen_ai.usage.output_tokens": usage.output_tokens if usage else None,
            "error.type": None if call.code == OK else call.code,
            "copydesk.backend": call.backend,
            "copydesk.task": call.task,
        }
        return {name: value for name, value in found.items() if value is not None}


def _before(start: int, call: CallReport) -> int:
    return start - round(call.queued_s * _NANOSECONDS)


def _endpoint(address: str) -> str:
    """As OTEL_EXPORTER_OTLP_ENDPOINT has it: the path for traces is added where it isn't there."""
    return address if address.rstrip("/").endswith(_PATH) else address.rstrip("/") + _PATH


def _server_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Whose server it is, and where. A kind that speaks another one's protocol is named for the protocol."""
    kind = config["kind"]
    provider = {"openai": "openai", "ollama": "ollama", "embedded": "llama.cpp"}.get(kind, kind)
    if kind == "langchain":
        provider = str(config["model"]).partition(":")[0]
    found: dict[str, Any] = {"gen_ai.provider.name": provider}
    address = urlsplit(config.get("base_url") or "")
    if address.hostname:
        found["server.address"] = address.hostname
        found["server.port"] = address.port or _PORTS.get(address.scheme, 0)
    return found


def _describe_request(span: Span, record: RequestRecord) -> None:
    fields, scope = fields_of(record), record.scope
    span.update_name(f"{fields['method']} {fields['path']}" if fields["path"] != "-" else fields["method"])
    server = scope.get("server") or (None, None)
    found = {
        "http.request.method": fields["method"] if fields["method"] != "-" else "_OTHER",
        "http.route": None if fields["path"] == "-" else fields["path"],
        "http.response.status_code": record.status or None,
        "url.scheme": scope.get("scheme", "http"),
        "url.path": fields["path"] if "{" not in fields["path"] and fields["path"] != "-" else None,
        "network.protocol.version": scope.get("http_version"),
        "server.address": server[0],
        "server.port": server[1],
        "error.type": None if fields["code"] in (OK, GONE_CODE) else fields["code"],
    }
    found |= {_OWN[name]: value for name, value in fields.items() if name in _OWN}
    span.set_attributes({name: value for name, value in found.items() if value is not None})
    if record.status >= 500 or (record.status < 400 and fields["code"] not in (OK, GONE_CODE)):
        span.set_status(Status(StatusCode.ERROR))
