"""All metrics, with their labels and buckets. docs/telemetry.md lists them, and a test compares the two."""

from collections.abc import Callable
from functools import cache
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["ServiceFamilies", "TrafficFamilies"]

_WAITS = (0.001, 0.005, 0.02, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_ANSWERS = (0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160)
_REQUESTS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160)

# How a gauge of several workers is one: their sum, the largest, the smallest, or what was said last.
_How = Literal["livesum", "livemax", "livemin", "livemostrecent"]


class _Families:
    """A metric with labels is a function of their values: it finds the child of the same values again in a tenth of the
    time that the library takes, which locks and writes each value as a text."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def _gauge(self, name: str, about: str, how: _How = "livesum") -> Gauge:
        return Gauge(name, about, registry=self._registry, multiprocess_mode=how)

    def _gauges(self, name: str, about: str, *labels: str, how: _How = "livesum") -> Callable[..., Gauge]:
        return cache(Gauge(name, about, labels, registry=self._registry, multiprocess_mode=how).labels)

    def _counter(self, name: str, about: str) -> Counter:
        return Counter(name, about, registry=self._registry)

    def _counters(self, name: str, about: str, *labels: str) -> Callable[..., Counter]:
        return cache(Counter(name, about, labels, registry=self._registry).labels)

    def _histograms(self, name: str, about: str, buckets: tuple[float, ...], *labels: str) -> Callable[..., Histogram]:
        return cache(Histogram(name, about, labels, registry=self._registry, buckets=buckets).labels)


class TrafficFamilies(_Families):
    """What passes to the backends."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        gauges, counters, histograms = self._gauges, self._counters, self._histograms
        backend, task = "backend", "task"
        self.slots = gauges("copydesk_backend_slots", "Requests that may run at once.", backend)
        self.in_use = gauges("copydesk_backend_slots_in_use", "Requests that run.", backend)
        self.queued = gauges("copydesk_backend_queue_length", "Requests that wait for a slot.", backend)
        self.breaker = gauges(
            "copydesk_backend_breaker_open", "1 while calls are refused or probed.", backend, how="livemax"
        )
        self.usable = gauges(
            "copydesk_backend_usable", "1 while the server answers and its model is loaded.", backend, how="livemin"
        )
        self.waited = histograms("copydesk_backend_queue_wait_seconds", "The wait for a slot.", _WAITS, backend)
        self.seconds = histograms(
            "copydesk_backend_call_seconds", "How long a call held its slot.", _ANSWERS, backend, task
        )
        self.first = histograms(
            "copydesk_backend_first_token_seconds", "From the slot to the first token.", _ANSWERS, backend, task
        )
        self.refused = counters("copydesk_backend_refusals", "Requests that were refused here.", backend, "reason")
        self.calls = counters(
            "copydesk_backend_calls", "Calls that ended, by outcome.", backend, task, "priority", "code"
        )
        self.retried = counters("copydesk_backend_retries", "Failed calls that were tried again.", backend, "code")
        self.fell_back = counters(
            "copydesk_backend_fallbacks", "Requests that another backend took.", backend, task, "code"
        )
        self.answers = counters("copydesk_answers", "Answers, by whence they came.", backend, task, "cache")
        self.tokens = counters(
            "copydesk_tokens", "Tokens of answers, as the servers counted them.", backend, task, "kind"
        )


class ServiceFamilies(_Families):
    """What callers see, and what the service does for them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        gauge, counters = self._gauge, self._counters
        self._requests()
        self._tasks()
        self._prompts()
        self.ready = gauge("copydesk_ready", "1 while every task has a usable backend.", how="livemin")
        self.batch_items = counters("copydesk_batch_items", "Items of batches that ended.", "task", "code")
        self.job_items = counters("copydesk_job_items", "Items of jobs that ended for good.", "task", "outcome")
        latest: _How = "livemostrecent"
        self.jobs_waiting = gauge("copydesk_job_items_waiting", "Items of jobs that wait.", how=latest)
        self.jobs_running = gauge("copydesk_job_items_running", "Items of jobs that run.", how=latest)
        self.jobs_oldest = gauge(
            "copydesk_job_oldest_waiting_seconds", "How long the oldest of them has waited.", how=latest
        )
        self.replays = counters("copydesk_idempotent_replays", "Kept replies that were sent again.", "operation")
        self.counted_alone = self._counter(
            "copydesk_limits_redis_failures", "Calls of Redis that failed: each worker counts limits."
        )

    def _requests(self) -> None:
        name, labels = "copydesk_http_request_duration_seconds", ("operation", "status")
        self.requests = self._counters("copydesk_http_requests", "Requests that ended, by outcome.", *labels, "code")
        self.durations = self._histograms(name, "From a request's head to the end of its response.", _REQUESTS, *labels)
        self.in_flight = self._gauge("copydesk_http_requests_in_flight", "Requests that are being served.")
        self.streams = self._gauge("copydesk_streams_open", "Streams that are being sent.")
        self.first_piece = self._histograms(
            "copydesk_stream_first_piece_seconds",
            "From a request to the first piece of its stream.",
            _REQUESTS,
            "operation",
        )

    def _tasks(self) -> None:
        labels = ("task", "backend", "version")
        self.task_requests = self._counters("copydesk_task_requests", "Tasks that ended, by outcome.", *labels, "code")
        self.task_seconds = self._histograms(
            "copydesk_task_seconds", "How long tasks took, with all waits and calls.", _ANSWERS, *labels
        )
        self.task_tokens = self._counters(
            "copydesk_task_tokens", "Tokens of tasks, also of calls that failed or were cancelled.", *labels, "kind"
        )
        self.task_calls = self._counters("copydesk_task_model_calls", "Calls of models for tasks.", *labels)

    def _prompts(self) -> None:
        self.reloads = self._counters(
            "copydesk_prompt_reloads", "Edited prompt sets that were taken over or refused.", "result"
        )
        self.prompts_refused = self._gauge(
            "copydesk_prompts_refused", "1 while the edited prompt set is refused.", how="livemax"
        )
        self.prompts_loaded = self._gauge(
            "copydesk_prompts_loaded_timestamp_seconds", "When the prompts were last found good.", how="livemin"
        )
        self.prompt_digest = self._gauges("copydesk_prompts_info", "Workers that serve the prompt set.", "digest")
