"""How long the service takes from its start to ready on an installed tree, and the memory it then holds.

Starts `copydesk serve` five times on the embedded model and asks it for one summary. Prints seconds and MiB.
"""

import os
import re
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROUNDS = 5
ROOT = Path(__file__).parents[1]


def main() -> None:
    rounds = [measured() for _ in range(ROUNDS)]
    seconds, service, model = (statistics.median(column) for column in zip(*rounds, strict=True))
    all_seconds = ", ".join(f"{one[0]:.1f}" for one in sorted(rounds))
    print(f"ready after {seconds:.1f} s (median of {all_seconds})")
    print(f"resident after one summary: service {service:.0f} MiB, model process {model:.0f} MiB")


def measured() -> tuple[float, float, float]:
    """Seconds until ready; MiB of the service and of the model's process."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "serve", "--port", "0"], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stderr is not None
        url = next(found[1] for line in process.stderr if (found := re.search(r"serving on (http://\S+)", line)))
        wait_until_ready(url)
        seconds = time.perf_counter() - start
        body = b'{"text": "The office closes at noon on Friday.", "max_words": 10}'
        request = urllib.request.Request(f"{url}/v1/summarize", body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=60).read()
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        memory = resident_mib(process.pid), resident_mib(int(child))
        os.kill(process.pid, signal.SIGTERM)
        process.stderr.read()
    return seconds, *memory


def wait_until_ready(url: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{url}/readyz", timeout=5).close()
            return
        except OSError:
            time.sleep(0.02)
    raise SystemExit("the service does not become ready")


def resident_mib(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0


if __name__ == "__main__":
    main()
