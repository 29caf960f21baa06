"""How long the service takes from its start to ready on an installed tree, and the memory it then holds.

Starts `copydesk serve` five times on the embedded model, and five times on an Ollama server alone (the test kit's, in
this process), asks it for one summary each, and prints seconds and MiB.
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
from tempfile import TemporaryDirectory

from tests.backends.ollama_server import canned_server

ROUNDS = 5
ROOT = Path(__file__).parents[1]
BACKENDS = "backends: {{gpu: {{kind: ollama, base_url: {server.base_url}, model: {server.model_name}}}}}\n"


def main() -> None:
    told("embedded model", [measured() for _ in range(ROUNDS)])
    with canned_server(["A", " summary."]) as server, TemporaryDirectory() as folder:
        path = Path(folder, "copydesk.yaml")
        path.write_text(BACKENDS.format(server=server))
        told("Ollama alone", [measured("--config", str(path)) for _ in range(ROUNDS)])


def told(name: str, rounds: list[tuple[float, float, float]]) -> None:
    seconds, service, model = (statistics.median(column) for column in zip(*rounds, strict=True))
    all_seconds = ", ".join(f"{one[0]:.1f}" for one in sorted(rounds))
    print(f"{name}: ready after {seconds:.1f} s (median of {all_seconds})")
    beside = f", model process {model:.0f} MiB" if model else ""
    print(f"{name}: resident after one summary: service {service:.0f} MiB{beside}", flush=True)


def measured(*arguments: str) -> tuple[float, float, float]:
    """Seconds until ready; MiB of the service and of the model's process, 0 where it has none."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "serve", "--port", "0", *arguments],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr is not None
        url = next(found[1] for line in process.stderr if (found := re.search(r"serving on (http://\S+)", line)))
        wait_until_ready(url)
        seconds = time.perf_counter() - start
        body = b'{"text": "The office closes at noon on Friday.", "max_words": 10}'
        request = urllib.request.Request(f"{url}/v1/summarize", body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=60).read()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        memory = resident_mib(process.pid), sum(resident_mib(int(child)) for child in children)
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
