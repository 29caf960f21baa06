"""The machine of a run, and whether it does nothing else."""

import os
import platform
from pathlib import Path

from bench.side_by_side.results import Machine

__all__ = ["machine", "warning"]

_IDLE = 0.5
"""More processes than that wanted the processor, on average over the last minute: it is not idle."""


def machine() -> Machine:
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        kernel=platform.release(),
        python=platform.python_version(),
        load=round(os.getloadavg()[0], 2),
    )


def warning(found: Machine) -> str | None:
    """None where the machine was idle."""
    if found.load <= _IDLE:
        return None
    return (
        f"this machine isn't idle: {found.load} processes wanted its {found.cores} cores over the last minute. "
        "Ratios bear that better than times, but a run to keep needs a machine that does nothing else."
    )


def _processor() -> str:
    """Its name where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
