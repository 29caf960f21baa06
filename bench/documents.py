"""What documents cost: the first one and warm ones, and what /healthz takes while hostile ones run.

Run it on a machine that does nothing else: `python bench/documents.py`. It takes about two minutes. Times of reading
are those of `DocumentReader` in this process, without a task; hostile documents go through the real service. The aim:
they delay nobody by more than 100 ms.
"""

import asyncio
import base64
import json
import math
import statistics
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp

from chains.documents import DocumentReader
from chains.task import Document, MediaType, TextInput
from tests.conftest import serving
from tests.documents.pdfs import flate_bomb, lines, pdf, slow_pdf
from tests.documents.processes import children

ROUNDS = 10
WATCHED_S = 10.0
EVERY_S = 0.02
SENTENCE = "The council closes the Harbour Street bridge for eleven weeks from the third of May."
WARM = {
    "plain text, 1 MB": ("text/plain", f"{SENTENCE}\n".encode() * 12_000),
    "HTML, 10 kB": ("text/html", f"<p>{SENTENCE}</p>\n".encode() * 110),
    "HTML, 1 MB": ("text/html", f"<p>{SENTENCE}</p>\n".encode() * 11_000),
    "PDF, 1 page": ("application/pdf", pdf([lines(*[SENTENCE] * 40)])),
    "PDF, 20 pages": ("application/pdf", pdf([lines(*[SENTENCE] * 40)] * 20)),
    "PDF, 200 pages": ("application/pdf", pdf([lines(*[SENTENCE] * 40)] * 200)),
}
HOSTILE = {
    "nothing": None,
    "a bomb of 1 GiB": ("application/pdf", pdf([flate_bomb(1 << 30)])),
    "a bomb in a bomb": ("application/pdf", pdf([flate_bomb(1 << 30, 2)])),
    "pages of 70 MB of spaces": ("application/pdf", pdf([flate_bomb(70 << 20)] * 5)),
    "a page without end": ("application/pdf", slow_pdf()),
    "HTML, 10 MB of nesting": ("text/html", b"<div>" * 2_000_000),
    "HTML, 10 MB of elements": ("text/html", b"<i>a</i>" * 1_300_000),
    "10 MB that are no PDF": ("application/pdf", bytes(10 << 20)),
    "10 MB that are no text": ("text/plain", b"a" * ((10 << 20) - 1) + b"\xff"),
}


def main() -> int:
    asyncio.run(warm())
    with TemporaryDirectory() as folder:
        path = Path(folder) / "copydesk.yaml"
        backend = {"kind": "scripted", "answers": [{"answer": "Read."}]}
        path.write_text(json.dumps({"backends": {"script": backend}, "documents": {"timeout_s": 10}}))
        with serving("--config", str(path)) as service:
            asyncio.run(measured(service.url, service.process.pid))
    return 0


async def measured(url: str, pid: int) -> None:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(url, connector=connector, timeout=aiohttp.ClientTimeout(None)) as http:
        await under_attack(http, url)
        left = [child for server in children(pid) for child in children(server)]
        print(f"\nparsers left at the end: {len(left)}")


async def warm() -> None:
    reader = DocumentReader()
    start = time.perf_counter()
    await read(reader, WARM["PDF, 1 page"])
    print(f"the first document, which starts the parsers: {time.perf_counter() - start:.2f} s\n")
    print(f"| document, {ROUNDS} times | bytes | median | worst |\n| --- | --- | --- | --- |")
    for name, document in WARM.items():
        times = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            await read(reader, document)
            times.append((time.perf_counter() - start) * 1000)
        print(f"| {name} | {len(document[1])} | {statistics.median(times):.0f} ms | {max(times):.0f} ms |", flush=True)
    await reader.aclose()


async def read(reader: DocumentReader, document: tuple[str, bytes]) -> None:
    media_type, data = document
    sent = Document(media_type=MediaType(media_type), data_base64=base64.b64encode(data).decode())
    assert (await reader.read(TextInput(document=sent))).request.source


async def under_attack(http: aiohttp.ClientSession, url: str) -> None:
    """Four callers send the hostile document again and again; others, in a process of their own, ask for /healthz and
    for a small task."""
    print(f"\n| four callers send for {WATCHED_S:.0f} s | outcomes | /healthz median, p99, worst | a task p99, worst |")
    print("| --- | --- | --- | --- |")
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        await loop.run_in_executor(pool, watch, url, 0.1)
        for name, document in HOSTILE.items():
            packed = [body(document)] * 4 if document else []
            outcomes: Counter[str] = Counter()
            ends = time.perf_counter() + WATCHED_S
            attackers = [asyncio.create_task(attack(http, one, ends, outcomes)) for one in packed]
            health, task = await loop.run_in_executor(pool, watch, url, WATCHED_S)
            await asyncio.gather(*attackers)
            told = ", ".join(f"{code} {count}" for code, count in sorted(outcomes.items())) or "-"
            print(f"| {name} | {told} | {shown(health)} | {shown(task).partition(', ')[2]} |", flush=True)


async def attack(http: aiohttp.ClientSession, packed: bytes, ends: float, outcomes: Counter[str]) -> None:
    while time.perf_counter() < ends:
        outcomes[await posted(http, packed)] += 1


def watch(url: str, seconds: float) -> tuple[list[float], list[float]]:
    """How long /healthz and a small task took each time, in milliseconds."""

    async def both() -> tuple[list[float], list[float]]:
        ends = time.perf_counter() + seconds
        async with aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(None)) as http:
            return await asyncio.gather(watched(http, ends, probe), watched(http, ends, small_task))

    return asyncio.run(both())


async def watched(
    http: aiohttp.ClientSession, ends: float, ask: Callable[[aiohttp.ClientSession], Awaitable[None]]
) -> list[float]:
    times = []
    while time.perf_counter() < ends:
        start = time.perf_counter()
        await ask(http)
        times.append((time.perf_counter() - start) * 1000)
        await asyncio.sleep(EVERY_S)
    return times


async def probe(http: aiohttp.ClientSession) -> None:
    async with http.get("/healthz") as response:
        assert response.status == 200
        await response.read()


async def small_task(http: aiohttp.ClientSession) -> None:
    assert await posted(http, json.dumps({"text": "x", "bypass_cache": True}).encode()) == "ok"


async def posted(http: aiohttp.ClientSession, packed: bytes) -> str:
    """`ok`, or the problem's code."""
    async with http.post("/v1/summarize", data=packed, headers={"content-type": "application/json"}) as response:
        answer = await response.json(content_type=None)
        return "ok" if response.status == 200 else str(answer["code"])


def body(document: tuple[str, bytes]) -> bytes:
    media_type, data = document
    sending = {"media_type": media_type, "data_base64": base64.b64encode(data).decode()}
    return json.dumps({"document": sending, "bypass_cache": True}).encode()


def shown(times: Sequence[float]) -> str:
    ordered = sorted(times)
    chosen = statistics.median(ordered), ordered[math.ceil(len(ordered) * 0.99) - 1], ordered[-1]
    return ", ".join(f"{one:.0f}" for one in chosen) + " ms"


if __name__ == "__main__":
    sys.exit(main())
