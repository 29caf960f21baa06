"""What a process took."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Spent", "spent_by"]


@dataclass(frozen=True, slots=True)
class Spent:
    """Wall and processor time in seconds, the largest resident memory in MiB; `said` is what it wrote to stdout and
    stderr, `code` its exit code."""

    seconds: float
    cpu_seconds: float
    peak_mib: float
    code: int
    said: str


def spent_by(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> Spent:
    """Run a command in a folder to its end; its variables are those of this process and these. Linux counts this
    process's memory at the start as the command's: ask from a small one."""
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **(environment or {})}, stdout=said, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)  # else Popen would wait for it once more
        said.seek(0)
        text = said.read().decode(errors="replace")
    unit = 1 if sys.platform == "darwin" else 1024
    peak = usage.ru_maxrss * unit / 2**20
    return Spent(seconds, usage.ru_utime + usage.ru_stime, peak, process.returncode, text)
