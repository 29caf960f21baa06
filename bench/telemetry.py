"""What telemetry costs a request: the record, the metrics, the log line and the spans, in microseconds.

    python bench/telemetry.py

The same trivial ASGI application is called without and with the middleware; the difference is what a request pays. The
log goes to a file that is thrown away. For comparison: a request of the scripted backend takes some 3,000 microseconds.
"""

import asyncio
import io
import json
import logging
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.metrics import Metrics
from app.settings import Settings
from app.telemetry.access import Access
from app.telemetry.formats import JsonFormatter, TextFormatter
from app.telemetry.otlp import OtlpTracing
from app.telemetry.request_record import RecordBooks
from app.telemetry.secrets import Secrets
from app.telemetry.tracing import NoTracing, Tracing
from chains.account import Account
from chains.result import CacheState, PromptIdentity, Timing, Usage
from chains.terms import Priority
from chains.traffic.meter import CallReport

REQUESTS, ROUNDS = 3000, 7
BODY = json.dumps({"text": "x" * 300}).encode()


class Route:
    operation_id = "summarize"
    path_format = "/v1/summarize"


class Desk:
    """An application that answers at once, and tells what a task would have told."""

    def __init__(self, metrics: Metrics | None) -> None:
        self._metrics = metrics
        self._books = RecordBooks()
        usage = Usage(400, 0, 60, 1)
        self._call = CallReport("gpu", "summarize", Priority.NORMAL, "ok", 0.8, 0.1, 0.01, "m", "m", usage, "stop")
        prompt = PromptIdentity("summarize", "1.0.0", "sha256:" + "0" * 64, "production")
        pair = "gpu", "m"
        self._account = Account(
            caller="app1",
            request_id="r",
            task="summarize",
            prompt=prompt,
            code="ok",
            shares={pair: usage},
            seconds={pair: 0.8},
            last=pair,
            timing=Timing(10, 800, 812),
            cache=CacheState.MISS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        scope["route"] = Route
        if self._metrics is not None:
            self._metrics.called(self._call)
            self._metrics.settled(self._account)
            self._books.settled(self._account)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b"{}"})


async def seconds_for(app: ASGIApp) -> float:
    """The CPU time of one request, in seconds, of all threads: another process on the machine costs nothing."""

    async def receive() -> Message:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: Message) -> None:
        pass

    start = time.process_time()
    for number in range(REQUESTS):
        scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": "/v1/summarize",
            "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
            "state": {"request_id": f"r-{number}"},
        }
        await app(scope, receive, send)
    return (time.process_time() - start) / REQUESTS


def measured(app: ASGIApp) -> float:
    """Microseconds for one request: the median of the rounds."""
    return statistics.median(asyncio.run(seconds_for(app)) for _ in range(ROUNDS)) * 1e6


def watched(formatter: logging.Formatter | None, tracing: Callable[[], Tracing] = NoTracing) -> float:
    handler: logging.Handler = logging.NullHandler()
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w") as file:
        if formatter is not None:
            handler = logging.StreamHandler(file)
            handler.setFormatter(formatter)
        logging.basicConfig(level=logging.INFO if formatter else logging.WARNING, handlers=[handler], force=True)
        traces = tracing()
        traces.start()
        metrics = Metrics(listeners=[traces.called])
        found = measured(Access(Desk(metrics), metrics, traces, texts=False))
        traces.stop()
    return found


def spans(ratio: float) -> Tracing:
    telemetry = {"otlp_endpoint": "http://127.0.0.1:9", "sample_ratio": ratio}
    return OtlpTracing(Settings.model_validate({"telemetry": telemetry}))


def main() -> None:
    logging.getLogger("opentelemetry").addHandler(logging.StreamHandler(io.StringIO()))
    logging.getLogger("opentelemetry").propagate = False
    secrets = Secrets(["sk-0123456789", "hush-hush-hush"])
    bare = measured(Desk(None))
    rows = {
        "no telemetry at all": bare,
        "metrics": watched(None),
        "metrics, JSON line": watched(JsonFormatter(secrets, texts=False)),
        "metrics, line for people": watched(TextFormatter(secrets, texts=False)),
        "metrics, JSON line, traced, not sampled": watched(JsonFormatter(secrets, texts=False), lambda: spans(0)),
        "metrics, JSON line, traced, sampled": watched(JsonFormatter(secrets, texts=False), lambda: spans(1)),
    }
    for name, microseconds in rows.items():
        print(f"{name:42} {microseconds:8.1f} us   + {microseconds - bare:6.1f}")


if __name__ == "__main__":
    main()
