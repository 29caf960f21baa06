"""What a service holds: sockets, memory, slots. Read from Linux and from /metrics."""

import re
from dataclasses import dataclass
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

__all__ = ["Holdings", "holdings", "samples"]

_GAUGES = ("copydesk_backend_slots_in_use", "copydesk_backend_queue_length", "copydesk_streams_open")

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@dataclass(frozen=True)
class Holdings:
    """`files` are all open descriptors of the process, `to_callers` its connections from callers, `rss_mib` its
    memory. `gauges` are the sums of those metrics that must be 0 when nothing runs."""

    files: int
    to_callers: int
    rss_mib: float
    gauges: dict[str, float]


def holdings(pid: int, url: str) -> Holdings:
    """What the process holds now; asking for the metrics is a connection that is closed again."""
    found = samples(url)
    gauges = {name: sum(value for (name_of, _), value in found.items() if name_of == name) for name in _GAUGES}
    process = Path("/proc", str(pid))
    status = (process / "status").read_text()
    rss = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert rss is not None
    return Holdings(len(list((process / "fd").iterdir())), _to_callers(process, url), int(rss[1]) / 1024, gauges)


def samples(url: str) -> Samples:
    """The service's metrics: values by name and labels."""
    text = httpx.get(f"{url}/metrics", trust_env=False, timeout=30).raise_for_status().text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _to_callers(process: Path, url: str) -> int:
    """Connections that the process has on its own port, without the one that it listens at."""
    port = int(url.rpartition(":")[2])
    inodes = set()
    for entry in (process / "fd").iterdir():
        try:
            target = str(entry.readlink())
        except OSError:  # closed meanwhile
            continue
        if found := re.fullmatch(r"socket:\[(\d+)\]", target):
            inodes.add(found[1])
    count = 0
    for line in (process / "net" / "tcp").read_text().splitlines()[1:]:
        _, local, remote, _, *_, inode = line.split()[:10]
        is_ours = inode in inodes and int(local.rpartition(":")[2], 16) == port
        count += is_ours and not remote.endswith(":0000")
    return count
