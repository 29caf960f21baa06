"""Every request is counted, traced and logged with one line, as plain ASGI around all else."""

from starlette.types import ASGIApp, Receive, Scope, Send

from app.metrics import Metrics
from app.telemetry.access_line import fields_of, log_line
from app.telemetry.bodies import Bodies
from app.telemetry.request_record import UNMATCHED, RequestRecord, recording
from app.telemetry.routes import sought_route
from app.telemetry.tracing import Tracing

__all__ = ["Access"]


class Access:
    """`texts` is whether the log holds bodies too."""

    def __init__(self, app: ASGIApp, metrics: Metrics, tracing: Tracing, *, texts: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._tracing = tracing
        self._texts = texts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = RequestRecord(scope)
        scope.setdefault("state", {})["record"] = record
        receive, send = record.counted(receive), record.watched(send)
        bodies = Bodies() if self._texts else None
        if bodies is not None:
            receive, send = bodies.kept(receive, send)
        self._metrics.in_flight(+1)
        try:
            with recording(record), self._tracing.request(record):
                try:
                    await self._app(scope, receive, send)
                finally:
                    self._tell(record, bodies)
        finally:
            self._metrics.in_flight(-1)

    def _tell(self, record: RequestRecord, bodies: Bodies | None) -> None:
        if record.operation == UNMATCHED:
            record.sought = sought_route(record.scope)
        self._metrics.served(record)
        fields = fields_of(record)
        if bodies is not None:
            fields |= bodies.fields()
        log_line(fields)
