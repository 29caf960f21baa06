"""500 callers that hold connections, and what normal requests notice: p50 and p99 with and without them.

Run it on a machine that does nothing else: `python bench/slow_clients.py`. It takes about two minutes. The slow ones:
a quarter each sends headers byte by byte, sends a body byte by byte, reads nothing of its answers, and is idle. They
come again whenever they are ended. Blocks with and without them take turns, so that what else the machine does falls
on both. Normal requests are small tasks on a scripted backend that answers at once, on 1 and on 16 connections.
"""

import asyncio
import contextlib
import math
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from tests.conftest import Service, serving

HOLDERS = 500
TURNS = 5
BLOCK_S = 5.0
CONNECTIONS = (1, 16)
HEAD = b"POST /v1/summarize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
BODY = b'{"text": "A small text."}'
NORMAL = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@dataclass
class Outcome:
    """Seconds of normal requests that were answered, and how many ended otherwise."""

    seconds: list[float] = field(default_factory=list)
    health: list[float] = field(default_factory=list)
    failed: int = 0


Address = tuple[str, int]


async def asking(address: Address, request: bytes, until: float, took: list[float], outcome: Outcome) -> None:
    """A normal caller: one request after the other on one connection."""
    reader, writer = await asyncio.open_connection(*address)
    while time.perf_counter() < until:
        start = time.perf_counter()
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            outcome.failed += 1
            writer.close()
            reader, writer = await asyncio.open_connection(*address)
            continue
        if head.startswith(b"HTTP/1.1 200"):
            took.append(time.perf_counter() - start)
        else:
            outcome.failed += 1
        await asyncio.sleep(0 if len(request) > len(HEALTH) else 0.05)
    writer.close()


async def block(address: Address, connections: int, outcome: Outcome) -> None:
    until = time.perf_counter() + BLOCK_S
    async with asyncio.TaskGroup() as group:
        group.create_task(asking(address, HEALTH, until, outcome.health, outcome))
        for _ in range(connections):
            group.create_task(asking(address, NORMAL, until, outcome.seconds, outcome))


async def beside_slow_ones(slow: subprocess.Popen[str], address: Address, connections: int, outcome: Outcome) -> None:
    tell(slow, "on")
    await block(address, connections, outcome)
    print("  " + tell(slow, "off"), flush=True)


def tell(slow: subprocess.Popen[str], word: str) -> str:
    """Returns when it has done so."""
    assert slow.stdin is not None
    assert slow.stdout is not None
    print(word, file=slow.stdin, flush=True)
    return slow.stdout.readline().strip()


def report(name: str, connections: int, outcome: Outcome) -> None:
    p50, p99 = quantile(outcome.seconds, 0.5), quantile(outcome.seconds, 0.99)
    rate = len(outcome.seconds) / (TURNS * BLOCK_S)
    print(
        f"| {connections} | {name} | {rate:.0f} | {p50:.1f} | {p99:.1f} | {quantile(outcome.health, 0.99):.1f} "
        f"| {outcome.failed} |"
    )


def quantile(seconds: Sequence[float], part: float) -> float:
    """In milliseconds."""
    return sorted(seconds)[math.ceil(part * len(seconds)) - 1] * 1000


def measured(service: Service) -> None:
    host, port = service.url.removeprefix("http://").split(":")
    command = [sys.executable, str(Path(__file__).with_name("slow_callers.py")), host, port, str(HOLDERS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as slow:
        found = asyncio.run(in_turns(slow, (host, int(port))))
    print("| connections | slow ones | requests a second | p50 ms | p99 ms | p99 of /healthz ms | failed |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for (connections, is_beside), outcome in found.items():
        report(str(HOLDERS) if is_beside else "none", connections, outcome)


async def in_turns(slow: subprocess.Popen[str], address: Address) -> dict[tuple[int, bool], Outcome]:
    found = {(connections, is_beside): Outcome() for connections in CONNECTIONS for is_beside in (False, True)}
    for _ in range(TURNS):
        for connections in CONNECTIONS:
            await block(address, connections, found[connections, False])
            await beside_slow_ones(slow, address, connections, found[connections, True])
    return found


def main(most_connections: str = "1000") -> int:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    backend = {"kind": "scripted", "answers": [{"answer": "done"}], "concurrency": 64}
    settings = {"backends": {"gpu": backend}, "server": {"max_connections": int(most_connections)}}
    print(f"max_connections {most_connections}, {TURNS} turns of {BLOCK_S:g} s each")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "copydesk.yaml"
        path.write_text(yaml.safe_dump(settings))
        with serving("--config", str(path)) as service, contextlib.suppress(KeyboardInterrupt):
            measured(service)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
