"""From an edit of the prompt folder to its being served by every worker, over a running service. Prints milliseconds.

Run it on a machine that does nothing else: `python bench/reload.py`. It takes about three minutes. Beside each
figure stands how long /healthz took meanwhile: loading a set shares the interpreter with the requests.
"""

import json
import math
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory

from chains.prompts import load_prompt_set
from chains.prompts.lock import write_text

ROOT = Path(__file__).parents[1]
MANY = 500
RELEASED, DRAFT = ("98.0.0", "99.0.0"), "99.1.0"
CONFIGURATION = {"backends": {"script": {"kind": "scripted", "answers": [{"answer": "A short answer."}]}}}
SETTLED_S = 0.4

Edit = Callable[[Path, int], None]


def main() -> int:
    print("| files | workers | edit | to being served: median, worst | /healthz meanwhile: p99, worst |")
    print("| --- | --- | --- | --- | --- |")
    for files, rounds in ((None, 20), (MANY, 10)):
        for workers in (1, 2):
            with TemporaryDirectory() as place:
                folder = prepared(Path(place), files)
                with service(Path(place), folder, workers) as address:
                    for name, edit in (("label", move_label), ("draft", edit_draft)):
                        report(folder, address, workers, name, edit, rounds)
    return 0


def prepared(place: Path, files: int | None) -> Path:
    """The repository's prompts with three more versions of one, and copies until there are so many files."""
    folder = place / "prompts"
    shutil.copytree(ROOT / "prompts", folder)
    template = (folder / "summarize" / "1.0.0.j2").read_text()
    for version in (*RELEASED, DRAFT):
        (folder / "summarize" / f"{version}.j2").write_text(template)
    present = len(list(folder.glob("*/*.j2")))
    for number in range(max(0, (files or 0) - present)):
        path = folder / f"copy-{number // 5}" / f"1.{number % 5}.0.j2"
        path.parent.mkdir(exist_ok=True)
        path.write_text(template)
    prompts = load_prompt_set(folder)
    lock = prompts.lock
    for version in RELEASED:
        lock = lock.with_version(
            f"summarize@{version}",
            prompts.get("summarize", version).digest,
            prompts.get("summarize", version).ingredients.files,
        )
    write_text(folder / "prompts.lock", lock.text())
    move_label(folder, 0)
    return folder


def move_label(folder: Path, number: int) -> None:
    path = folder / "labels.yaml"
    text = re.sub(r"(?m)^(summarize:\n  production:).*$", rf"\1 {RELEASED[number % 2]}", path.read_text())
    write_text(path, text)


def edit_draft(folder: Path, number: int) -> None:
    path = folder / "summarize" / f"{DRAFT}.j2"
    write_text(path, f"{path.read_text()}Edit {number}.\n")


@contextmanager
def service(place: Path, folder: Path, workers: int) -> Iterator[str]:
    """The address of a running service."""
    configuration = place / "copydesk.yaml"
    configuration.write_text(json.dumps({**CONFIGURATION, "prompts": {"dir": str(folder), "allow_drafts": True}}))
    command = [sys.executable, "-m", "cli.main", "serve", "--port", "0", "--workers", str(workers)]
    process = subprocess.Popen(
        [*command, "--config", str(configuration)], cwd=ROOT, stderr=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "serving on" in line)
        threading.Thread(target=lambda: [None for _ in process.stderr or ()], daemon=True).start()
        address = line.split("http://")[1].split()[0]
        while True:
            try:
                digest(address)
                break
            except OSError:
                time.sleep(0.05)
        time.sleep(5)  # every worker has begun, and the first looks at the folder are over
        yield address
    finally:
        process.terminate()
        process.wait(30)


def get(connection: HTTPConnection, path: str) -> bytes:
    connection.request("GET", path)
    return connection.getresponse().read()


def digest(address: str) -> str:
    """The digest of the set that one of the workers serves, over a new connection."""
    connection = HTTPConnection(address, timeout=30)
    try:
        found: str = json.loads(get(connection, "/readyz"))["prompts"]["digest"]
        return found
    finally:
        connection.close()


def report(folder: Path, address: str, workers: int, name: str, edit: Edit, rounds: int) -> None:
    health: list[float] = []
    with asking_for_health(address, health):
        times = [served_after(folder, address, edit, number) for number in range(1, rounds + 1)]
    files = len(list(folder.glob("*/*.j2")))
    health.sort()
    print(
        f"| {files} | {workers} | {name} | {statistics.median(times):.0f}, {max(times):.0f} "
        f"| {health[math.ceil(len(health) * 0.99) - 1]:.0f}, {health[-1]:.0f} |",
        flush=True,
    )


def served_after(folder: Path, address: str, edit: Edit, number: int) -> float:
    """Milliseconds until the last worker has given up the old set."""
    old = digest(address)
    start = time.perf_counter()
    edit(folder, number)
    served = math.inf
    while time.perf_counter() < served + SETTLED_S:
        served = math.inf if digest(address) == old else min(served, time.perf_counter())
        time.sleep(0.002)
    return (served - start) * 1000


@contextmanager
def asking_for_health(address: str, times: list[float]) -> Iterator[None]:
    """Milliseconds of requests one after another, a hundred a second at most, over one connection."""
    over = threading.Event()

    def ask() -> None:
        connection = HTTPConnection(address, timeout=30)
        while not over.wait(0.01):
            start = time.perf_counter()
            get(connection, "/healthz")
            times.append((time.perf_counter() - start) * 1000)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        over.set()
        asking.join()


if __name__ == "__main__":
    sys.exit(main())
