"""The profile: whose a function is, how shares add up, and that the sampler sees what uses CPU time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.side_by_side.profiling import package, table
from tests.conftest import ROOT

BUSY = """
import os, signal, time

def burn():
    begin = time.process_time()
    while time.process_time() - begin < 0.5:
        sum(range(1000))

def rest():
    time.sleep(0.5)

def before():
    begin = time.process_time()
    while time.process_time() - begin < 0.1:
        pass

before()
os.kill(os.getpid(), signal.SIGUSR1)
rest()
burn()
raise SystemExit(3)
"""


@pytest.mark.parametrize(
    ("file", "whose"),
    [
        (str(ROOT / "app" / "edge" / "server.py"), "app"),
        (str(ROOT / ".venv" / "lib" / "site-packages" / "aiohttp" / "client.py"), "aiohttp"),
        ("/usr/lib/python3/asyncio/runners.py", "standard library"),
        ("<frozen runpy>", "standard library"),
    ],
)
def test_each_function_is_somebodys(file: str, whose: str) -> None:
    assert package(file) == whose


def test_shares_are_of_functions_themselves_and_with_all_that_they_call() -> None:
    loop, outer, inner = ("/a/loop.py", 1, "run"), ("/a/outer.py", 1, "outer"), ("/a/inner.py", 1, "inner")
    lines = list(table([([inner, outer, loop], 3), ([inner, inner, outer, loop], 1), ([loop], 6)], 2.0))
    assert "| standard library | 2.000 | 100.0% |" in lines
    itself = lines[lines.index("| function, itself | ms of a request | share |") + 2 :]
    within = lines[lines.index("| function, with all that it calls | ms of a request | share |") + 2 :]
    assert itself[0] == "| standard library, loop.py:1 `run` | 1.200 | 60.0% |"
    assert itself[1] == "| standard library, inner.py:1 `inner` | 0.800 | 40.0% |"
    assert within == [  # what everything runs in is left out, and a function that calls itself counts once
        "| standard library, inner.py:1 `inner` | 0.800 | 40.0% |",
        "| standard library, outer.py:1 `outer` | 0.800 | 40.0% |",
    ]


@pytest.mark.e2e
def test_the_sampler_sees_what_uses_the_processor_from_the_signal_on(tmp_path: Path) -> None:
    (tmp_path / "busy.py").write_text(BUSY)
    command = [sys.executable, "-m", "bench.side_by_side.sampler", str(tmp_path / "out"), "-m", "busy"]
    done = subprocess.run(command, env={"PYTHONPATH": f"{ROOT}:{tmp_path}"}, cwd=tmp_path, timeout=60, check=False)
    assert done.returncode == 3
    stacks = json.loads((tmp_path / "out").read_text())
    seen = {
        name: sum(count for stack, count in stacks if any(name == each[2] for each in stack))
        for name in ("burn", "rest", "before")
    }
    assert seen["burn"] >= 20
    assert seen["before"] == 0
    assert seen["rest"] < seen["burn"] / 10
