"""How soon the embedded server's slot is free after a caller's hang-up, by the size of a batch, and what that costs.

Run it on a machine that does nothing else: `python bench/cancellation.py`. It takes about three minutes. A slot's state
is llama.cpp's own (`/slots`); so are the speeds, in tokens per second. The aims: 500 ms while an answer is generated,
1 s while a prompt is read.
"""

import asyncio
import json
import os
import random
import socket
import statistics
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

from chains.backends.configuration import Timeouts
from chains.backends.embedded.chat_model import EmbeddedChatModel
from chains.backends.embedded.model_file import model_file
from chains.backends.embedded.server import ModelServer, ModelServerParameters

BATCHES = (32, 64, 128)
CONTEXT_TOKENS, PROMPT_WORDS = 4096, 1500
ROUNDS, SPEED_ROUNDS = 15, 3
# Without an end of its own, so that the slot is surely busy when the caller leaves.
ENDLESS = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "string", "minLength": 20_000}}}


def main() -> None:
    load = f"load {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores, {ROUNDS} hang-ups each, a median (and the worst)"
    print(f"Slot free after a hang-up; {load}\n", flush=True)
    print("| batch_tokens | while generating, ms | while reading, ms | reads, tokens/s | writes, tokens/s |")
    print("| --- | --- | --- | --- | --- |")
    for batch in BATCHES:
        parameters = ModelServerParameters(model_file(None), CONTEXT_TOKENS, batch_tokens=batch)
        with ModelServer("bench", parameters) as server:
            print(f"| {batch} | {asyncio.run(measured(server.socket))} |", flush=True)


async def measured(path: Path) -> str:
    timeouts = Timeouts(connect_s=5, first_token_s=120, idle_s=120, total_s=120)
    model = EmbeddedChatModel(
        backend="bench", socket=path, model_name="m", context_size=CONTEXT_TOKENS, timeouts=timeouts
    )
    dice = random.Random(7)
    try:
        generating = [await after_leaving_a_stream(model) for _ in range(ROUNDS)]
        reading = [await after_leaving_a_prompt(model, dice) for _ in range(ROUNDS)]
        speeds = [await speed(model, dice) for _ in range(SPEED_ROUNDS)]
    finally:
        await model.aclose()
    read, written = (statistics.median(column) for column in zip(*speeds, strict=True))
    return f"{told(generating)} | {told(reading)} | {read:.0f} | {written:.0f}"


def told(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.0f} ({max(seconds) * 1000:.0f})"


async def after_leaving_a_stream(model: EmbeddedChatModel) -> float:
    # LangChain types the stream as an AsyncIterator; it is a generator.
    stream: Any = model.astream("Tell me a story.", max_tokens=1000, response_format=ENDLESS)
    async with aclosing(stream):
        seen = 0
        async for chunk in stream:
            seen += bool(chunk.text)
            if seen == 10:
                break
        assert is_busy(model)
    return seconds_until_free(model)


async def after_leaving_a_prompt(model: EmbeddedChatModel, dice: random.Random) -> float:
    request = asyncio.ensure_future(model.ainvoke(fresh_prompt(dice), max_tokens=100))
    await asyncio.sleep(dice.uniform(0.3, 1))
    assert is_busy(model)
    request.cancel()
    await asyncio.wait([request])
    return seconds_until_free(model)


async def speed(model: EmbeddedChatModel, dice: random.Random) -> tuple[float, float]:
    """Tokens per second, read and written."""
    answer = await model.ainvoke(fresh_prompt(dice), max_tokens=48, temperature=0, response_format=ENDLESS)
    timings = answer.response_metadata["timings"]
    return timings["prompt_per_second"], timings["predicted_per_second"]


def fresh_prompt(dice: random.Random) -> str:
    """A prompt that no slot has in its cache."""
    return " ".join(dice.choice(("river", "stone", "light", "seven", "apple", "under")) for _ in range(PROMPT_WORDS))


def seconds_until_free(model: EmbeddedChatModel) -> float:
    start = time.perf_counter()
    while is_busy(model):
        time.sleep(0.002)
    return time.perf_counter() - start


def is_busy(model: EmbeddedChatModel) -> bool:
    """Asked without a client library, so that asking costs the two cores little."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(model.socket))
        connection.sendall(b"GET /slots HTTP/1.0\r\n\r\n")
        with connection.makefile("rb") as answer:
            slots = json.loads(answer.read().partition(b"\r\n\r\n")[2])
    return any(slot["is_processing"] for slot in slots)


if __name__ == "__main__":
    main()
