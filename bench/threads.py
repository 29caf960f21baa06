"""How fast the embedded model reads and writes, by its threads, with the machine idle and with one core busy.

Run it on a machine that does nothing else: `python bench/threads.py`. It takes about two minutes. The figures are
llama.cpp's own, in tokens per second; the best of three for each cell, so that a neighbour's burst is left out.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import aiohttp

from chains.backends.embedded import child
from chains.backends.embedded.model_file import model_file
from chains.backends.embedded.server import ModelServerParameters

CORES = os.cpu_count() or 1
SETTINGS = [(1, 1, "PASSIVE"), (CORES, CORES, "ACTIVE"), (CORES, CORES, "PASSIVE"), (1, CORES, "PASSIVE")]
PROMPT_TOKENS, ANSWER_TOKENS, ROUNDS = 256, 64, 3


def main() -> None:
    print("| threads that write / read | OpenMP | idle: read, write | one core busy: read, write |")
    print("| --- | --- | --- | --- |")
    for threads, batch_threads, waiting in SETTINGS:
        parameters = ModelServerParameters(model_file(None), 2048, 1, threads, batch_threads)
        with model_process(parameters, waiting) as socket:
            idle = asyncio.run(best(socket))
            with busy_core():
                busy = asyncio.run(best(socket))
        print(f"| {threads} / {batch_threads} | {waiting.lower()} | {idle} | {busy} |", flush=True)


@contextmanager
def model_process(parameters: ModelServerParameters, waiting: str) -> Iterator[Path]:
    """The model's process, which ModelServer would start with passive waiting."""
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder) / "model.sock"  # llama.cpp knows a socket by this ending
        wanted = {**asdict(parameters), "file": str(parameters.file), "socket": str(socket)}
        process = subprocess.Popen(
            [sys.executable, "-P", child.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "OMP_WAIT_POLICY": waiting},
        )
        with process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(wanted) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
            if answer != "ready\n":
                raise SystemExit(answer)
            yield socket
            process.stdin.close()


@contextmanager
def busy_core() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


async def best(socket: Path) -> str:
    """Tokens per second, read and written, as `read, write`."""
    rounds = [await measured(socket) for _ in range(ROUNDS)]
    return f"{max(read for read, _ in rounds):.0f}, {max(written for _, written in rounds):.0f}"


async def measured(socket: Path) -> tuple[float, float]:
    body = {
        "prompt": [504 + number for number in range(PROMPT_TOKENS)],
        "n_predict": ANSWER_TOKENS,
        "ignore_eos": True,
        "temperature": 0,
        "cache_prompt": False,
    }
    connector = aiohttp.UnixConnector(path=str(socket))
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        http.post("http://model/completion", json=body) as response,
    ):
        timings = (await response.json())["timings"]
    return timings["prompt_per_second"], timings["predicted_per_second"]


if __name__ == "__main__":
    main()
