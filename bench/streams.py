"""What a stream costs on its way through the service: time to the first token, and CPU time for each stream.

Run it on a machine that does nothing else: `python bench/streams.py`. It takes about a minute. The model server is the
test kit's Ollama server in a process of its own; the same streams are read from it directly first. So many streams run
at once, again and again; times are from the request to the first piece of text, CPU time is the service's own.
"""

import asyncio
import json
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from tests.backends.ollama_server import Canned, OllamaServer
from tests.conftest import serving

AT_ONCE, ROUNDS = 16, 8
TOKENS, FIRST_S, TOKEN_S = 200, 0.05, 0.01

Ask = Callable[[aiohttp.ClientSession, int], Awaitable[float]]


def main() -> int:
    with model_server() as (base_url, model), served(base_url, model) as (url, pid):
        print(f"{AT_ONCE} streams at once, {ROUNDS} rounds, {TOKENS} tokens each, {TOKEN_S * 1000:.0f} ms a token")
        print("| read from | first token: median, worst ms | CPU a stream, ms |")
        print("| --- | --- | --- |")
        direct = asyncio.run(measured(base_url, lambda http, number: directly(http, model)))
        report("the model server", direct, None)
        asyncio.run(measured(url, through, rounds=1))  # so that all is imported and connected
        before = cpu_seconds(pid)
        firsts = asyncio.run(measured(url, through))
        spent = cpu_seconds(pid) - before
        report("the service", firsts, spent / len(firsts))
        added = statistics.median(firsts) - statistics.median(direct)
        print(f"\nadded to the first token: {added * 1000:.1f} ms at the median")
    return 0


@contextmanager
def model_server() -> Iterator[tuple[str, str]]:
    """The address of a model server in a process of its own, and its model's name."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_model_server, args=(there,))
    process.start()
    try:
        yield here.recv()
    finally:
        here.send(None)
        process.join(10)


def _model_server(told: Connection) -> None:
    answer = Canned([f"{number} " for number in range(TOKENS)], first_s=FIRST_S, each_s=TOKEN_S)
    with OllamaServer(answer, parallel=AT_ONCE) as server:
        told.send((server.base_url, server.model_name))
        told.recv()


@contextmanager
def served(base_url: str, model: str) -> Iterator[tuple[str, int]]:
    """The address and the process of a service on the server."""
    backend = {"kind": "ollama", "base_url": base_url, "model": model, "num_ctx": 4096, "concurrency": AT_ONCE}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "copydesk.yaml"
        path.write_text(json.dumps({"backends": {"gpu": backend}}))
        with serving("--config", str(path)) as service:
            yield service.url, service.process.pid


async def measured(url: str, ask: Ask, rounds: int = ROUNDS) -> list[float]:
    """Seconds to the first token of each stream."""
    firsts: list[float] = []
    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0)) as http:
        for number in range(rounds):
            firsts += await asyncio.gather(*(ask(http, number * AT_ONCE + one) for one in range(AT_ONCE)))
    return firsts


async def directly(http: aiohttp.ClientSession, model: str) -> float:
    messages = [{"role": "user", "content": "x"}]
    body: dict[str, Any] = {"model": model, "messages": messages, "stream": True, "options": {"num_predict": TOKENS}}
    return await first_piece(http, "/api/chat", body, b'"content"')


async def through(http: aiohttp.ClientSession, number: int) -> float:
    body = {"text": f"text {number}", "max_words": 1000, "bypass_cache": True}
    return await first_piece(http, "/v1/summarize/stream", body, b"event: delta")


async def first_piece(http: aiohttp.ClientSession, path: str, body: dict[str, Any], mark: bytes) -> float:
    start, first = time.perf_counter(), None
    async with http.post(path, json=body) as response:
        assert response.status == 200, await response.text()
        async for line in response.content:
            if first is None and mark in line:
                first = time.perf_counter() - start
    assert first is not None
    return first


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, in user mode and in the kernel (proc(5): fields 14 and 15 of its stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def report(name: str, firsts: list[float], cpu_s: float | None) -> None:
    cpu = "-" if cpu_s is None else f"{cpu_s * 1000:.1f}"
    print(f"| {name} | {statistics.median(firsts) * 1000:.1f}, {max(firsts) * 1000:.1f} | {cpu} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
