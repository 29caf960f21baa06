"""What keys have spent this month: all of it, and nothing twice, between the refreshes of several processes too."""

import asyncio
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.store import Database
from app.usage import MonthlySums, UsageBooks
from app.usage.table import AMOUNTS, Place, add
from tests.app.usage.accounts import account, at, settings_of

EACH = 13
"""Tokens of one account."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with at(tmp_path / "usage.db") as found:
        yield found


@pytest.fixture
def books(database: Database) -> UsageBooks:
    return UsageBooks(database, settings_of(str(database.url)))


def test_what_is_not_written_counts_at_once(books: UsageBooks) -> None:
    sums = MonthlySums(books)
    books.settled(account())
    assert sums.spent("k1").tokens == EACH, "before the first refresh too"
    asyncio.run(sums.refresh())
    assert (sums.spent("k1").tokens, sums.spent("other").tokens) == (EACH, 0)
    assert sums.spent("k1").usd == pytest.approx(16e-6)


def test_nothing_counts_twice_or_is_missed(books: UsageBooks) -> None:
    dice = random.Random(1)

    async def work() -> None:
        sums, settled = MonthlySums(books), 0
        for _ in range(200):
            step = dice.randrange(3)
            if step == 0:
                books.settled(account())
                settled += 1
            elif step == 1:
                await books.flush()
            else:
                await asyncio.gather(sums.refresh(), books.flush())
            assert sums.spent("k1").tokens == settled * EACH

    asyncio.run(work())


def test_other_processes_are_seen_after_a_refresh(database: Database, books: UsageBooks) -> None:
    other = UsageBooks(database, settings_of(str(database.url)))

    async def work() -> int:
        sums = MonthlySums(books)
        other.settled(account())
        books.settled(account())
        await other.flush()
        await sums.refresh()
        return sums.spent("k1").tokens

    assert asyncio.run(work()) == 2 * EACH


def test_another_month_is_another_budget(database: Database, books: UsageBooks) -> None:
    place = Place("2020-02-29", "k1", "summarize", "summarize", "1.0.0", "a", "m", "ok")
    with database.transaction() as connection:
        add(connection, "w", 1, {place: [7] * len(AMOUNTS)})
    sums = MonthlySums(books)
    asyncio.run(sums.refresh())
    assert sums.spent("k1").tokens == 0


def test_a_month_that_began_meanwhile_begins_at_nothing(books: UsageBooks) -> None:
    totals = books.totals
    totals.spend("2020-02-29", "k1", 100, 5)
    totals.written({("2020-02", "k1"): (100, 5)})
    assert totals.marks() == {}, "those of another month are no marks of this one"
    today = time.strftime("%Y-%m-%d", time.gmtime())
    totals.spend(today, "k1", 3, 1)
    totals.written({("2020-02", "k1"): (100, 5)})
    assert totals.since(totals.marks(), "k1") == (3, 1)
