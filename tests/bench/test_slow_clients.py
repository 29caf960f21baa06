"""500 slow callers beside normal ones, in full: with room for all of them, and with room for a fifth."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bench import slow_callers
from bench.slow_clients import HOLDERS, Outcome, block, quantile, tell
from tests.conftest import serving

pytestmark = [pytest.mark.e2e, pytest.mark.soak]


@pytest.mark.parametrize("most_connections", [1000, 100])
def test_slow_callers_lock_nobody_out(tmp_path: Path, most_connections: int) -> None:
    path = tmp_path / "copydesk.yaml"
    backend = {"kind": "scripted", "answers": [{"answer": "done"}], "concurrency": 64}
    path.write_text(yaml.safe_dump({"backends": {"gpu": backend}, "server": {"max_connections": most_connections}}))
    with serving("--config", str(path)) as service:
        host, port = service.url.removeprefix("http://").split(":")
        command = [sys.executable, slow_callers.__file__, host, port, str(HOLDERS)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as slow:
            alone, beside = Outcome(), Outcome()
            for _ in range(3):
                asyncio.run(block((host, int(port)), 4, alone))
                told = tell(slow, "on")
                asyncio.run(block((host, int(port)), 4, beside))
                tell(slow, "off")
    assert alone.failed == 0
    # With fewer places than slow callers a request may find none in its first moment: then it needs a second try.
    allowed = 0 if most_connections > HOLDERS else len(beside.seconds) // 100
    assert beside.failed <= allowed, told
    if most_connections > HOLDERS:
        assert quantile(beside.seconds, 0.99) < 3 * quantile(alone.seconds, 0.99) + 100
        assert quantile(beside.health, 0.99) < 1000
