"""What Prometheus is told. Labels come from the configuration and from closed lists, never from a caller.

With several workers each writes its values into files of one folder, which PROMETHEUS_MULTIPROC_DIR names, and
whichever worker is asked sums them up; `copydesk serve` makes the folder.
"""

import os
from contextlib import suppress
from pathlib import Path

from fastapi import APIRouter, Depends
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from starlette.responses import Response

from app.caller import needs
from chains.result import CacheState, Usage
from chains.traffic.meter import CallReport

__all__ = ["FOLDER_VARIABLE", "Metrics", "metrics_router"]

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_WAITS = (0.001, 0.005, 0.02, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_ANSWERS = (0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160)


class Metrics:
    """A `Meter` (chains/traffic/meter.py) on a registry of its own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        backend = ("backend",)

        def gauge(name: str, about: str, labels: tuple[str, ...] = backend, how: str = "livesum") -> Gauge:
            return Gauge(name, about, labels, registry=registry, multiprocess_mode=how)  # type: ignore[arg-type]

        def counter(name: str, about: str, *labels: str) -> Counter:
            return Counter(name, about, ("backend", *labels), registry=registry)

        def histogram(name: str, about: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(name, about, ("backend", *labels), registry=registry, buckets=buckets)

        self._slots = gauge("copydesk_backend_slots", "Requests that may run at once.")
        self._in_use = gauge("copydesk_backend_slots_in_use", "Requests that run.")
        self._queued = gauge("copydesk_backend_queue_length", "Requests that wait for a slot.")
        self._breaker = gauge("copydesk_backend_breaker_open", "1 while calls are refused or probed.", how="livemax")
        self._streams = gauge("copydesk_streams_open", "Streams that are being sent.", ())
        self._waited = histogram("copydesk_backend_queue_wait_seconds", "The wait for a slot.", _WAITS)
        self._seconds = histogram("copydesk_backend_call_seconds", "How long a call held its slot.", _ANSWERS, "task")
        self._first = histogram(
            "copydesk_backend_first_token_seconds", "From the slot to the first token of a stream.", _ANSWERS, "task"
        )
        self._refused = counter("copydesk_backend_refusals", "Requests that were refused here.", "reason")
        self._calls = counter("copydesk_backend_calls", "Calls that ended, by outcome.", "task", "priority", "code")
        self._retried = counter("copydesk_backend_retries", "Failed calls that were tried again.", "code")
        self._fell_back = counter("copydesk_backend_fallbacks", "Requests that another backend took.", "task", "code")
        self._answers = counter("copydesk_answers", "Answers, by whence they came.", "task", "cache")
        self._alone = Counter(
            "copydesk_limits_redis_failures",
            "Calls of Redis that failed: each worker counts limits.",
            registry=registry,
        )
        self._tokens = counter("copydesk_tokens", "Tokens, as the servers counted them.", "task", "kind")

    def sized(self, backend: str, slots: int) -> None:
        self._slots.labels(backend).set(slots)

    def queued(self, backend: str, n: int) -> None:
        self._queued.labels(backend).set(n)

    def in_use(self, backend: str, n: int) -> None:
        self._in_use.labels(backend).set(n)

    def waited(self, backend: str, seconds: float) -> None:
        self._waited.labels(backend).observe(seconds)

    def refused(self, backend: str, reason: str) -> None:
        self._refused.labels(backend, reason).inc()

    def called(self, call: CallReport) -> None:
        self._calls.labels(call.backend, call.task, call.priority.value, call.code).inc()
        self._seconds.labels(call.backend, call.task).observe(call.seconds)
        if call.first_token_s is not None:
            self._first.labels(call.backend, call.task).observe(call.first_token_s)

    def retried(self, backend: str, code: str) -> None:
        self._retried.labels(backend, code).inc()

    def fell_back(self, backend: str, task: str, code: str) -> None:
        self._fell_back.labels(backend, task, code).inc()

    def answered(self, backend: str, task: str, source: CacheState, usage: Usage) -> None:
        self._answers.labels(backend, task, source.value).inc()
        self._tokens.labels(backend, task, "input").inc(usage.input_tokens)
        self._tokens.labels(backend, task, "cached_input").inc(usage.cached_input_tokens)
        self._tokens.labels(backend, task, "output").inc(usage.output_tokens)

    def breaker(self, backend: str, state: str) -> None:
        self._breaker.labels(backend).set(state != "closed")

    def streams(self, change: int) -> None:
        """So many streams more, or fewer."""
        self._streams.inc(change)

    def counted_alone(self) -> None:
        """Redis failed, so that this worker counts a key's limits for itself."""
        self._alone.inc()

    def text(self) -> bytes:
        """All metrics of all workers in Prometheus' text format."""
        folder = os.environ.get(FOLDER_VARIABLE)
        if folder is None:
            return generate_latest(self._registry)
        _forget_the_dead(Path(folder))
        everyone = CollectorRegistry()
        MultiProcessCollector(everyone, folder)  # type: ignore[no-untyped-call]
        return generate_latest(everyone)


def _forget_the_dead(folder: Path) -> None:
    """Take the gauges of workers that ended out of the sums."""
    for pid in {path.stem.rpartition("_")[2] for path in folder.glob("gauge_live*.db")}:
        if not Path("/proc", pid).exists():
            with suppress(FileNotFoundError):  # somebody else is being told at the same time
                mark_process_dead(int(pid), str(folder))  # type: ignore[no-untyped-call]


def metrics_router(metrics: Metrics) -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.get(
        "/metrics",
        operation_id="metrics",
        summary="What Prometheus scrapes",
        dependencies=[Depends(needs("metrics"))],
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "All workers'."}},
    )
    def scrape() -> Response:  # in a thread: the files of several workers take a while to read
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return router
