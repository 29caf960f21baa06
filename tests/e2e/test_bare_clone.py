"""The README's first command in an empty folder: it sets everything up and the service becomes ready."""

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT, program

pytestmark = pytest.mark.e2e


class MakeServe:
    """`make serve` in a folder, with all that it prints."""

    def __init__(self, folder: Path) -> None:
        self.output: list[str] = []
        environment = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "MAKEFLAGS"}}
        self.process = subprocess.Popen(
            [program("make", "make"), "serve", "ARGS=--port 0"],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        self.output += self.process.stdout

    def summarize(self, seconds: float) -> httpx.Response:
        """Wait until the service is ready, and ask it for a summary."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            found = re.search(r"serving on (http://\S+)", "".join(self.output))
            if found:
                try:
                    if httpx.get(found[1] + "/readyz", trust_env=False).status_code == 200:
                        body = {"text": "The office closes at noon on Friday.", "max_words": 15}
                        return httpx.post(found[1] + "/v1/summarize", json=body, timeout=60, trust_env=False)
                except httpx.TransportError:
                    pass
            time.sleep(0.1)
        pytest.fail("not ready: " + "".join(self.output[-30:]))

    def stop(self) -> None:
        """Ctrl-C, as a terminal sends it: to everything that make started."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(30)
        self._listener.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


def test_make_serve_does_all_the_set_up_once(tmp_path: Path) -> None:
    git = program("git", "git")
    listed = subprocess.run(
        [git, "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)

    first = MakeServe(tmp_path)
    try:
        assert first.summarize(600).status_code == 200
    finally:
        first.stop()
    assert "Setting up .venv" in "".join(first.output)
    assert "Traceback" not in "".join(first.output)

    second = MakeServe(tmp_path)
    try:
        assert second.summarize(60).status_code == 200
    finally:
        second.stop()
    assert "Setting up" not in "".join(second.output)
    assert "Collecting" not in "".join(second.output)
