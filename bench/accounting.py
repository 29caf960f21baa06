"""What keeping books costs: for each request in the event loop, and in the database, beside a write for each request.

`python bench/accounting.py [postgresql://USER@HOST/NAME]` measures on SQLite in a new file, and on that PostgreSQL
database, which should be empty.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.sections import DatabaseSettings
from app.settings import Settings
from app.store import Database
from app.store.upgrade import upgrade
from app.usage import UsageBooks
from chains.account import Account
from chains.ledger import Ledger
from chains.result import CacheState, PromptIdentity, Timing, Usage

REQUESTS, ONE_BY_ONE = 20_000, 300
KEYS, TASKS = 20, ("summarize", "rewrite", "extract", "classify", "generate")


def accounts(count: int) -> list[Account]:
    """Those of 20 keys and 5 tasks; one request in ten ends in an error."""
    made = []
    for number in range(count):
        task = TASKS[number % len(TASKS)]
        pair = "gpu", "llama3.1:8b"
        made.append(
            Account(
                caller=f"key{number % KEYS}",
                request_id="r",
                task=task,
                prompt=PromptIdentity(task, "1.0.0", "sha256:0", "production"),
                code="ok" if number % 10 else "cancelled",
                shares={pair: Usage(400, 100, 60, 1)},
                seconds={pair: 1.2},
                last=pair,
                timing=Timing(0, 1200, 1210),
                cache=CacheState.MISS,
            )
        )
    return made


def settings(url: str) -> Settings:
    backend = {"kind": "scripted", "answers": [{}]}
    price = {"input_usd": 0.15, "cached_input_usd": 0.03, "output_usd": 0.6}
    return Settings.model_validate({"backends": {"gpu": backend}, "prices": {"gpu": price}, "database": {"url": url}})


def in_the_loop(books: UsageBooks) -> None:
    ledger = Ledger()
    ledger.shares = {("gpu", "llama3.1:8b"): Usage(400, 100, 60, 1)}
    made = accounts(REQUESTS)
    start = time.perf_counter()
    for account in made:
        books.settled(account)
    entered = time.perf_counter()
    for _ in made:
        books.bill(ledger, "gpu")
    billed = time.perf_counter()
    print(f"  an entry            {(entered - start) / REQUESTS * 1e6:8.2f} µs")
    print(f"  a bill              {(billed - entered) / REQUESTS * 1e6:8.2f} µs")


async def in_the_database(books: UsageBooks) -> None:
    for rows in (1, 100, 200):
        found = []
        for _ in range(20):
            for account in accounts(rows):
                books.settled(account)
            start = time.perf_counter()
            await books.flush()
            found.append((time.perf_counter() - start) * 1e3)
        print(f"  a flush of {rows:4} requests {statistics.median(found):8.2f} ms (slowest of 20: {max(found):.1f})")
    start = time.perf_counter()
    for account in accounts(ONE_BY_ONE):
        books.settled(account)
        await books.flush()
    each = (time.perf_counter() - start) / ONE_BY_ONE * 1e3
    print(f"  a write per request {each:8.2f} ms: at most {1000 / each:.0f} requests a second, of all workers together")


@contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database(DatabaseSettings(url=url))
    try:
        upgrade(database)
        yield database
    finally:
        database.close()


def measure(name: str, url: str) -> None:
    print(name)
    with opened(url) as database:
        books = UsageBooks(database, settings(url))
        in_the_loop(books)
        asyncio.run(books.flush())
        asyncio.run(in_the_database(books))


def main(arguments: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        measure("SQLite", f"sqlite:///{Path(folder)}/usage.db")
    for url in arguments:
        measure("PostgreSQL", url)


if __name__ == "__main__":
    main(sys.argv[1:])
