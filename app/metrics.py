"""What Prometheus is told. Labels come from the configuration and from closed lists, never from a caller.

With several workers each writes its values into files of one folder, which PROMETHEUS_MULTIPROC_DIR names, and
whichever worker is asked sums them up; `copydesk serve` makes the folder. docs/telemetry.md lists all metrics.
"""

import time
from collections.abc import Callable, Sequence

from fastapi import APIRouter, Depends
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry
from starlette.responses import Response

from app.caller import needs
from app.problem_codes import CODES
from app.telemetry.exposition import FOLDER_VARIABLE, exposed
from app.telemetry.families import ServiceFamilies, TrafficFamilies
from app.telemetry.request_record import GONE_CODE, OK, OTHER, UNMATCHED, RequestRecord
from app.telemetry.version_labels import VersionLabels
from chains.account import Account
from chains.result import CacheState, Usage
from chains.traffic.meter import CallReport

__all__ = ["FOLDER_VARIABLE", "Metrics", "metrics_router"]

_CODES = {OK, GONE_CODE, *CODES}


class Metrics:
    """A `Meter` (chains/traffic/meter.py) and `Books` (chains/account.py) on a registry of its own. `listeners` also
    hear of each call of a model."""

    def __init__(self, listeners: Sequence[Callable[[CallReport], None]] = ()) -> None:
        self.registry = CollectorRegistry()
        self._traffic = TrafficFamilies(self.registry)
        self._service = ServiceFamilies(self.registry)
        self._listeners = tuple(listeners)
        self._versions = VersionLabels()
        self._digest: str | None = None

    def sized(self, backend: str, slots: int) -> None:
        self._traffic.slots(backend).set(slots)

    def queued(self, backend: str, n: int) -> None:
        self._traffic.queued(backend).set(n)

    def in_use(self, backend: str, n: int) -> None:
        self._traffic.in_use(backend).set(n)

    def waited(self, backend: str, seconds: float) -> None:
        self._traffic.waited(backend).observe(seconds)

    def refused(self, backend: str, reason: str) -> None:
        self._traffic.refused(backend, reason).inc()

    def called(self, call: CallReport) -> None:
        self._traffic.calls(call.backend, call.task, call.priority.value, call.code).inc()
        self._traffic.seconds(call.backend, call.task).observe(call.seconds)
        if call.first_token_s is not None:
            self._traffic.first(call.backend, call.task).observe(call.first_token_s)
        for listener in self._listeners:
            listener(call)

    def retried(self, backend: str, code: str) -> None:
        self._traffic.retried(backend, code).inc()

    def fell_back(self, backend: str, task: str, code: str) -> None:
        self._traffic.fell_back(backend, task, code).inc()

    def answered(self, backend: str, task: str, source: CacheState, usage: Usage) -> None:
        self._traffic.answers(backend, task, source.value).inc()
        self._traffic.tokens(backend, task, "input").inc(usage.input_tokens)
        self._traffic.tokens(backend, task, "cached_input").inc(usage.cached_input_tokens)
        self._traffic.tokens(backend, task, "output").inc(usage.output_tokens)

    def breaker(self, backend: str, state: str) -> None:
        self._traffic.breaker(backend).set(state != "closed")

    def usable(self, backend: str, is_usable: bool) -> None:
        """What the last probe of the backend found."""
        self._traffic.usable(backend).set(is_usable)

    def ready(self, is_ready: bool) -> None:
        """Whether every task has a backend that can be expected to answer."""
        self._service.ready.set(is_ready)

    def streams(self, change: int) -> None:
        """So many streams more, or fewer."""
        self._service.streams.inc(change)

    def in_flight(self, change: int) -> None:
        """So many requests more, or fewer."""
        self._service.in_flight.inc(change)

    def served(self, record: RequestRecord) -> None:
        """A request has ended, however."""
        operation, status = record.operation, f"{record.status // 100}xx" if record.status else "none"
        outcome = record.outcome
        self._service.requests(operation, status, outcome if outcome in _CODES else OTHER).inc()
        self._service.durations(operation, status).observe(record.seconds())
        if record.first_piece is not None:
            self._service.first_piece(operation).observe(record.first_piece)
        if record.is_replay:
            self._service.replays(operation).inc()
        for (task, code), count in record.batched.items():
            self._service.batch_items(task, code if code in _CODES else OTHER).inc(count)

    def refused_unread(self, status: int, code: str) -> None:
        """What came over a connection was refused before it was a request that any operation could see."""
        self._service.requests(UNMATCHED, f"{status // 100}xx", code if code in _CODES else OTHER).inc()

    def settled(self, account: Account) -> None:
        task, version, answered_by = account.task, self._versions.label(account.prompt), account.last[0] or "none"
        service = self._service
        if not account.is_late:
            service.task_requests(task, answered_by, version, account.code).inc()
            service.task_seconds(task, answered_by, version).observe(account.timing.total_ms / 1000)
        for (backend, _), usage in account.shares.items():
            service.task_tokens(task, backend, version, "input").inc(usage.input_tokens)
            service.task_tokens(task, backend, version, "cached_input").inc(usage.cached_input_tokens)
            service.task_tokens(task, backend, version, "output").inc(usage.output_tokens)
            service.task_calls(task, backend, version).inc(usage.model_calls)

    def prompts_served(self, digest: str) -> None:
        """A prompt set was loaded and serves, another one or the same as before."""
        if self._digest not in (None, digest):
            self._service.prompt_digest(self._digest).set(0)
        self._digest = digest
        self._service.prompt_digest(digest).set(1)
        self._service.prompts_refused.set(0)
        self._service.prompts_loaded.set(time.time())

    def prompts_reloaded(self, *, refused: bool) -> None:
        """An edited prompt set was taken over, or was refused, and the one before serves on."""
        self._service.reloads("refused" if refused else "taken_over").inc()
        self._service.prompts_refused.set(refused)

    def job_item(self, task: str, outcome: str) -> None:
        """An item of a job ended with `ok` or the code of its problem, and that was kept."""
        self._service.job_items(task, outcome if outcome in _CODES else OTHER).inc()

    def jobs_waiting(self, items: int, oldest_s: float = 0.0, running: int = 0) -> None:
        """So many items of jobs wait, of all workers together, the oldest of them for so long; so many run."""
        self._service.jobs_waiting.set(items)
        self._service.jobs_oldest.set(oldest_s)
        self._service.jobs_running.set(running)

    def counted_alone(self) -> None:
        """Redis failed, so that this worker counts a key's limits for itself."""
        self._service.counted_alone.inc()

    def text(self) -> bytes:
        """All metrics of all workers in Prometheus' text format."""
        return exposed(self.registry)


def metrics_router(metrics: Metrics) -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.get(
        "/metrics",
        operation_id="metrics",
        summary="What Prometheus scrapes",
        dependencies=[Depends(needs("metrics"))],
        response_class=Response,
        responses={
            200: {
                "content": {"text/plain": {"schema": {"type": "string"}}},
                "description": "The metrics of all workers.",
            }
        },
    )
    def scrape() -> Response:  # in a thread: the files of several workers take a while to read
        """Those of all workers together, in Prometheus' text format. It needs the scope `metrics`."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return router
