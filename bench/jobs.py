"""What a job of 10,000 items costs: its submission, other requests meanwhile, its run on an instant backend, memory.

Starts `copydesk serve` on the scripted backend, on SQLite or, with its URL as argument, on a PostgreSQL database.
"""

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

ITEMS = 10_000
QUIET_S = 5.0
ROOT = Path(__file__).parents[1]
TEXT = "The parcel number {0} came late, and nobody at the counter knew of it. " * 5
CONFIGURATION = """
backends: {{fast: {{kind: scripted, concurrency: 32, max_queue: 1000, answers: [{{answer: A short answer.}}]}}}}
database: {{url: "{url}"}}
jobs: {{parallel: 16}}
"""


def main() -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "copydesk.yaml")
        path.write_text(CONFIGURATION.format(url=sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder}/jobs.db"))
        command = [sys.executable, "-m", "cli.main", "serve", "--port", "0", "--config", str(path)]
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        with process:
            assert process.stderr is not None
            url = next(found[1] for line in process.stderr if (found := re.search(r"serving on (http://\S+)", line)))
            threading.Thread(target=process.stderr.read, daemon=True).start()
            try:
                measure(url, process.pid)
            finally:
                os.kill(process.pid, signal.SIGTERM)


def measure(url: str, pid: int) -> None:
    body = json.dumps({"task": "summarize", "items": [{"text": TEXT.format(n)} for n in range(ITEMS)]}).encode()
    with httpx.Client(base_url=url, timeout=120, trust_env=False) as client:
        wait_until_ready(url)
        client.post("/v1/summarize", json={"text": "Warm."}).raise_for_status()
        with Pulse(url) as quiet:
            time.sleep(QUIET_S)
        told("/healthz with nothing else to do", quiet)
        print(f"memory before: {resident_mib(pid):.0f} MiB", flush=True)
        with Pulse(url) as during:
            start = time.perf_counter()
            headers = {"content-type": "application/json"}
            accepted = client.post("/v1/jobs", content=body, headers=headers).raise_for_status()
            seconds = time.perf_counter() - start
        print(f"submission of {ITEMS} items, {len(body) / 2**20:.1f} MiB: {seconds:.2f} s", flush=True)
        told("/healthz meanwhile", during)
        with Pulse(url) as running:
            run(client, accepted.headers["location"])
        told("/healthz while the job ran", running)
        print(f"memory afterwards: {resident_mib(pid):.0f} MiB")


def run(client: httpx.Client, path: str) -> None:
    start = time.perf_counter()
    while (job := client.get(path).json())["status"] in ("queued", "running"):
        time.sleep(0.5)
    seconds = (job["ended_at"] - job["started_at"]) / 1000
    waited = time.perf_counter() - start - seconds
    print(f"run: {ITEMS / seconds:.0f} items/s, begun after {waited:.1f} s: {job['counts']}")


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


class Pulse:
    """Asks for /healthz every 20 ms, and keeps how long each answer took."""

    def __init__(self, url: str) -> None:
        self.ms: list[float] = []
        self._url = url
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat)

    def __enter__(self) -> "Pulse":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        with httpx.Client(base_url=self._url, timeout=60, trust_env=False) as client:
            while not self._over.wait(0.02):
                start = time.perf_counter()
                client.get("/healthz")
                self.ms.append((time.perf_counter() - start) * 1000)


def told(name: str, pulse: Pulse) -> None:
    ordered = sorted(pulse.ms) or [0.0]
    p99 = ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))]
    print(f"{name}: median {statistics.median(ordered):.1f} ms, p99 {p99:.1f} ms, {len(ordered)} requests", flush=True)


if __name__ == "__main__":
    main()
