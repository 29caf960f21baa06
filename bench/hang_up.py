"""What callers that hang up, and callers that ask the same, cost the model server. Through the real service.

Run it on a machine that does nothing else: `python bench/hang_up.py`. It takes about a minute. The model server is the
test kit's Ollama server in this process, whose counts are the truth. The aims: the upstream request ends within 100 ms
of its caller's hang-up, and 16 identical requests in flight cost one generation.
"""

import asyncio
import json
import math
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from tests.backends.ollama_server import Canned, OllamaServer
from tests.conftest import serving, wait_until
from tests.e2e.fault_leaks import holdings

SLOTS, QUEUE = 8, 256
TOKENS = [f"{number} " for number in range(200)]
TOKEN_S = 0.01
ROUNDS = 50
VANISHING, READ = 200, 5
IDENTICAL = 16
PAUSE_S = 0.1
WHOLE, STREAMED = "/v1/summarize", "/v1/summarize/stream"


class WatchedServer(OllamaServer):
    """Notes when a request that it works on is given up by whoever sent it."""

    def __init__(self) -> None:
        super().__init__(Canned(TOKENS, each_s=TOKEN_S), parallel=SLOTS)
        self.given_up: list[float] = []

    def __enter__(self) -> "WatchedServer":
        super().__enter__()
        return self

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        try:
            async with super().slot():
                yield
        except (asyncio.CancelledError, ConnectionError):
            self.given_up.append(time.perf_counter())
            raise


def main() -> int:
    with WatchedServer() as server, served(server) as (url, pid):
        asyncio.run(measured(url, pid, server))
    return 0


@contextmanager
def served(server: OllamaServer) -> Iterator[tuple[str, int]]:
    """The address and the process of a service on the server."""
    backend = {"kind": "ollama", "base_url": server.base_url, "model": server.model_name, "num_ctx": 4096}
    limits = {"concurrency": SLOTS, "max_queue": QUEUE}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "copydesk.yaml"
        path.write_text(json.dumps({"backends": {"gpu": {**backend, **limits}}}))
        with serving("--config", str(path)) as service:
            yield service.url, service.process.pid


async def measured(url: str, pid: int, server: WatchedServer) -> None:
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(url, connector=connector) as http:
        await whole(http, "to begin with", max_words=5)
        print(f"| the caller hangs up, {ROUNDS} times each | the upstream request ends: median, p99, worst |")
        print("| --- | --- |")
        for path in (WHOLE, STREAMED):
            times = [await after_hang_up(http, path, number, server) for number in range(ROUNDS)]
            print(f"| {path} | {told(times)} |", flush=True)
        await vanish(http, url, pid, server)
        await ask_the_same(http, server)


def body(text: str, *, share: bool = False, max_words: int = 1000) -> dict[str, Any]:
    return {"text": text, "max_words": max_words, "bypass_cache": not share}


async def whole(http: aiohttp.ClientSession, text: str, *, share: bool = False, max_words: int = 1000) -> None:
    async with http.post(WHOLE, json=body(text, share=share, max_words=max_words)) as response:
        assert response.status == 200, await response.text()
        await response.read()


async def after_hang_up(http: aiohttp.ClientSession, path: str, number: int, server: WatchedServer) -> float:
    """Seconds from the close of the caller's connection, somewhere in the answer, to the end of the one upstream."""
    before, tokens = len(server.given_up), server.counts.tokens
    sending = asyncio.create_task(read_until_cancelled(http, path, number))
    await holds(lambda: server.counts.tokens > tokens + number % 20)
    start = time.perf_counter()
    sending.cancel()
    await asyncio.wait([sending])
    await holds(lambda: len(server.given_up) > before)
    await asyncio.sleep(PAUSE_S)
    return server.given_up[before] - start


async def holds(condition: Callable[[], bool]) -> None:
    assert await asyncio.to_thread(wait_until, condition)


async def read_until_cancelled(http: aiohttp.ClientSession, path: str, number: int) -> None:
    async with http.post(path, json=body(f"{path} {number}")) as response:
        async for _ in response.content.iter_any():
            pass


async def vanish(http: aiohttp.ClientSession, url: str, pid: int, server: WatchedServer) -> None:
    """All at once, so that most of them wait in the queue first."""
    tokens, cancelled = server.counts.tokens, server.counts.cancelled
    start = time.perf_counter()
    read = await asyncio.gather(*(a_few_tokens(http, number) for number in range(VANISHING)))
    seconds = time.perf_counter() - start
    await holds(lambda: server.counts.cancelled == cancelled + VANISHING)
    generated, left = server.counts.tokens - tokens, await asyncio.to_thread(holdings, pid, url)
    for_nobody = generated - sum(read)
    print(
        f"\n{VANISHING} streams left after {READ} tokens, {SLOTS} slots, {seconds:.1f} s: {generated} tokens came, "
        f"{sum(read)} read, {for_nobody} for nobody: {for_nobody / VANISHING:.2f} a caller, where an answer to its end "
        f"would have brought {len(TOKENS) - READ}"
    )
    gauges = ", ".join(f"{name} {value:g}" for name, value in left.gauges.items())
    print(f"at the end: active upstream {server.counts.active}, waiting upstream {server.counts.waiting}, {gauges}")


async def a_few_tokens(http: aiohttp.ClientSession, number: int) -> int:
    """How many events with text were read before the connection was closed."""
    seen = 0
    async with http.post(STREAMED, json=body(f"vanishes {number}")) as response:
        assert response.status == 200, await response.text()
        async for line in response.content:
            seen += line.startswith(b"event: delta")
            if seen == READ:
                break
    return seen


async def ask_the_same(http: aiohttp.ClientSession, server: WatchedServer) -> None:
    print(
        f"\n| {IDENTICAL} identical requests in flight | generations | tokens generated | as many as one answer has |"
    )
    print("| --- | --- | --- | --- |")
    for name, ask in (("whole", whole), ("streamed", streamed)):
        requests, tokens = server.counts.requests["/api/chat"], server.counts.tokens
        await asyncio.gather(*(ask(http, f"the same, {name}", share=True) for _ in range(IDENTICAL)))
        generations, generated = server.counts.requests["/api/chat"] - requests, server.counts.tokens - tokens
        print(f"| {name} | {generations} | {generated} | {generated == len(TOKENS)} |", flush=True)


async def streamed(http: aiohttp.ClientSession, text: str, *, share: bool) -> None:
    async with http.post(STREAMED, json=body(text, share=share)) as response:
        raw = await response.text()
    assert raw.count("event: done") == 1, raw
    assert raw.count("event: delta") == len(TOKENS), raw


def told(seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    chosen = statistics.median(ordered), ordered[math.ceil(len(ordered) * 0.99) - 1], ordered[-1]
    return ", ".join(f"{one * 1000:.1f}" for one in chosen) + " ms"


if __name__ == "__main__":
    sys.exit(main())
