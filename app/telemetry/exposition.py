"""What /metrics shows: the counts of all workers, and what is read when somebody asks."""

import os
import platform
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

__all__ = ["FOLDER_VARIABLE", "exposed", "live_processes"]

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_DIGEST_METRIC = "copydesk_prompts_info"


def exposed(registry: CollectorRegistry) -> bytes:
    """All metrics in Prometheus' text format: of this process alone, or of all workers where they share a folder."""
    folder = os.environ.get(FOLDER_VARIABLE)
    whole = CollectorRegistry()
    if folder is None:
        whole.register(_Served(registry.collect))
    else:
        _forget_the_dead(Path(folder))
        workers = CollectorRegistry()
        MultiProcessCollector(workers, folder)  # type: ignore[no-untyped-call]
        whole.register(_Served(workers.collect))
    whole.register(_Now(live_processes()))
    return generate_latest(whole)


def live_processes() -> list[int]:
    """The processes that serve, by their ids."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder is None:
        return [os.getpid()]
    found = {int(path.stem.rpartition("_")[2]) for path in Path(folder).glob("gauge_live*.db")}
    return sorted(pid for pid in found if Path("/proc", str(pid)).exists())


def _forget_the_dead(folder: Path) -> None:
    """Take the gauges of workers that ended out of the sums."""
    for pid in {path.stem.rpartition("_")[2] for path in folder.glob("gauge_live*.db")}:
        if not Path("/proc", pid).exists():
            with suppress(FileNotFoundError):  # somebody else is being told at the same time
                mark_process_dead(int(pid), str(folder))  # type: ignore[no-untyped-call]


class _Served(Collector):
    """The metrics, without the digests of prompt sets that no worker serves any more, and without the times at which
    counters began, which several workers couldn't tell."""

    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterator[Metric]:
        for metric in self._collect():
            if metric.name == _DIGEST_METRIC:
                metric.samples = [sample for sample in metric.samples if sample.value > 0]
            elif metric.type in ("counter", "histogram"):
                metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


class _Now(Collector):
    """The build, and what the processes that serve use together."""

    def __init__(self, pids: list[int]) -> None:
        self._pids = pids

    def collect(self) -> Iterator[Metric]:
        build = GaugeMetricFamily("copydesk_build_info", "1; its labels say what runs.", labels=["version", "python"])
        build.add_metric([version("copydesk"), platform.python_version()], 1)
        yield build
        yield GaugeMetricFamily("copydesk_workers", "Processes that serve.", value=len(self._pids))
        yield from self._processes()

    def _processes(self) -> Iterator[Metric]:
        sums: dict[str, float] = {}
        starts: list[float] = []
        for pid in self._pids:
            for metric in ProcessCollector(pid=partial(int, pid), registry=None).collect():
                for sample in metric.samples:
                    if sample.name == "process_start_time_seconds":
                        starts.append(sample.value)
                    sums[sample.name] = sums.get(sample.name, 0) + sample.value
        cpu = "User and system CPU time of all workers in seconds."
        yield CounterMetricFamily("process_cpu_seconds", cpu, value=sums.get("process_cpu_seconds_total", 0))
        for name, about in _PROCESS_GAUGES.items():
            yield GaugeMetricFamily(name, about, value=sums.get(name, 0))
        about = "When the oldest worker began, in seconds since the epoch."
        yield GaugeMetricFamily("process_start_time_seconds", about, value=min(starts, default=0))


_PROCESS_GAUGES = {
    "process_resident_memory_bytes": "Resident memory of all workers in bytes.",
    "process_open_fds": "Open file descriptors of all workers.",
}
