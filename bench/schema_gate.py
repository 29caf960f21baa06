"""What hostile schemas and bodies cost: the gate's own time, the model server's, and the delay of other callers.

`python bench/schema_gate.py [gate] [model] [service]` takes some three minutes; on a busy machine the delays are those
of the machine, so each stands beside the same without an attack. Processor time is told apart from it.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from chains.backends.embedded.model_file import model_file
from chains.backends.embedded.server import ModelServer, ModelServerParameters
from chains.backends.embedded.wire import completion_body, server_sent
from chains.backends.streamed import CallOptions
from chains.errors import SchemaUnsupported
from chains.schema_gate import gate
from tests.chains.schema_attacks import REFUSED, WORST
from tests.conftest import serving

TOKENS = 60
MEGABYTES = 5 << 20
SIMPLEST = "one text"

Schema = Mapping[str, Any]
Work = Callable[[], Awaitable[Any]]


def main(parts: list[str]) -> int:
    if "gate" in parts:
        time_gate()
    if "model" in parts:
        with ModelServer("local", ModelServerParameters(model_file(None), context_tokens=2048, slots=2)) as server:
            asyncio.run(time_model(server))
    if "service" in parts:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "copydesk.yaml"
            path.write_text(json.dumps({"backends": {"quick": {"kind": "scripted", "answers": [{"answer": "Done."}]}}}))
            with serving("--config", str(path)) as service:
                asyncio.run(time_service(service.url))
    return 0


def time_gate() -> None:
    print("| schema | the gate takes | says |\n| --- | --- | --- |")
    for name, schema in {**{name: attack[0] for name, attack in REFUSED.items()}, **WORST}.items():
        start, said = time.thread_time(), "passes"
        try:
            gate(schema, "/output_schema")
        except SchemaUnsupported as error:
            said = error.errors[0].code
        print(f"| {name} | {(time.thread_time() - start) * 1000:.1f} ms | {said} |", flush=True)


async def time_model(server: ModelServer) -> None:
    """Compile time is what a first token under the schema takes more processor time than one under none."""
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(server.socket))) as http:
        for _ in range(3):
            await events(http, None, TOKENS)
        quiet = [await cost(server, lambda: events(http, None, 1)) for _ in range(5)]
        free = min([await cost(server, lambda: events(http, None, TOKENS)) for _ in range(3)])
        print(f"\n| schema | compiled in | {TOKENS} tokens take more | another's stream stalls | without a schema |")
        print("| --- | --- | --- | --- | --- |")
        for name, raw in WORST.items():
            schema = gate(raw, "")
            first = min([await cost(server, lambda s=schema: events(http, s, 1)) for _ in range(3)])  # type: ignore[misc]
            more = await cost(server, lambda s=schema: events(http, s, TOKENS)) - free  # type: ignore[misc]
            stalls = [await stall(http, one) for one in (schema, None)]
            line = f"{first - min(quiet):.0f} ms | {more:.0f} ms | {stalls[0]:.0f} ms | {stalls[1]:.0f} ms"
            print(f"| {name} | {line} |", flush=True)
        print(f"\nThe model's process was restarted {server.restarts} times.")


async def cost(server: ModelServer, work: Work) -> float:
    """Milliseconds of processor time of the model's process."""
    before = processor_ms(server.pid)
    await work()
    return processor_ms(server.pid) - before


def processor_ms(pid: int) -> float:
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e6


async def events(http: aiohttp.ClientSession, schema: Schema | None, tokens: int, seed: int = 1) -> list[float]:
    """When the events of a completion came."""
    options = CallOptions(schema=schema, max_tokens=tokens, temperature=1.0, seed=seed)
    body = {**completion_body(options), "prompt": "Answer with JSON: ", "ignore_eos": schema is None}
    times = []
    async with http.post("http://model/completion", json=body) as response:
        async for event in server_sent(response.content):
            assert "error" not in event, event
            times.append(time.perf_counter())
    return times


async def stall(http: aiohttp.ClientSession, schema: Schema | None) -> float:
    """The longest pause in milliseconds of another caller's stream, while a completion under the schema runs."""
    watched = asyncio.create_task(events(http, None, 3 * TOKENS, seed=2))
    await asyncio.sleep(0.3)
    await events(http, schema, TOKENS)
    times = await watched
    return max(later - earlier for earlier, later in pairwise(times)) * 1000


async def time_service(url: str) -> None:
    print("\n| request | answer | the worst of another caller's small requests meanwhile |\n| --- | --- | --- |")
    async with aiohttp.ClientSession(url) as http:
        print(f"| none | | {await alongside(http, lambda: asyncio.sleep(1)):.0f} ms |")
        for name, body in bodies().items():
            status = 0

            async def attack(body: bytes = body) -> None:
                nonlocal status
                for _ in range(3):
                    status = await posted(http, body)

            worst = await alongside(http, attack)
            print(f"| {name} | {status} | {worst:.0f} ms |", flush=True)


def bodies() -> dict[str, bytes]:
    def filled(piece: str) -> bytes:
        return ('{"instruction": "x", "data": {"a": [' + piece * (MEGABYTES // len(piece)) + "1]}}").encode()

    found = {f"5 MB of {piece!r}": filled(piece) for piece in ("1,", "0.1,", "{},", "[],", '{"a":1},', '"a\\\\",')}
    found["5 MB of long numbers"] = filled("9" * 4000 + ",")
    found["24,000 objects"] = ('{"instruction": "x", "data": {"a": [' + '{"":1},' * 24_000 + "1]}}").encode()
    found["49,000 unknown fields"] = json.dumps({f"f{number}": 1 for number in range(49_000)}).encode()
    for name, piece in (("text", "word "), ("quotes", '\\"'), ("commas", ","), ("escapes", "\\ud83d\\ude00")):
        found[f"5 MB of {name}"] = (
            '{"instruction": "x", "data": {"a": "' + piece * (MEGABYTES // len(piece)) + '"}}'
        ).encode()
    for name, attack in REFUSED.items():
        found[f"schema: {name}"] = request(attack[0])
    for name, schema in WORST.items():
        found[f"schema: {name}"] = request(schema)
    return found


def request(schema: Schema) -> bytes:
    """With numbers that JSON has: an infinite one as 1e999."""
    waiting, levels = schema, 0
    while levels < 20_000 and isinstance(waiting.get("properties", {}).get("a", waiting.get("items")), dict):
        waiting, levels = waiting.get("properties", {}).get("a", waiting.get("items")), levels + 1
    if levels > 500:  # deeper than Python's own encoder goes
        text = '{"type":"object","properties":{"a":' + '{"type":"array","items":' * levels + "{}" + "}" * levels + "}}"
    else:
        text = json.dumps(schema).replace("Infinity", "1e999")
    return f'{{"instruction": "x", "output_schema": {text}}}'.encode()


async def alongside(http: aiohttp.ClientSession, work: Work) -> float:
    """The longest that a small request took in milliseconds while the work went on."""
    async with pinging(http) as times:
        await work()
    return max(times) * 1000


@asynccontextmanager
async def pinging(http: aiohttp.ClientSession) -> AsyncIterator[list[float]]:
    times: list[float] = []

    async def ping() -> None:
        while True:
            start = time.perf_counter()
            async with http.post("/v1/summarize", json={"text": "A small text.", "bypass_cache": True}) as response:
                assert response.status == 200, await response.text()
                await response.read()
            times.append(time.perf_counter() - start)
            await asyncio.sleep(0.005)

    task = asyncio.create_task(ping())
    await asyncio.sleep(0.1)
    try:
        yield times
        await asyncio.sleep(0.1)
    finally:
        task.cancel()


async def posted(http: aiohttp.ClientSession, body: bytes) -> int:
    async with http.post("/v1/generate", data=body, headers={"content-type": "application/json"}) as response:
        await response.read()
        return response.status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["gate", "model", "service"]))
