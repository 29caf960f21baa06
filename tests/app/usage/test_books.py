"""The books: what is entered where, and that each entry is in the database once, whatever fails on the way."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa

from app.sections import DatabaseSettings
from app.store import Database
from app.usage import UsageBooks
from app.usage.report import query_of, read_rows
from app.usage.sums import Sums
from app.usage.table import AMOUNTS, Place
from chains.result import Usage
from tests.app.usage.accounts import account, at, rows_of, settings_of, sums_of
from tests.conftest import wait_until

T = TypeVar("T")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.e2e)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/usage.db"
    server: Any = request.getfixturevalue("postgres_server")
    return str(server.new_database())


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    with at(url) as found:
        yield found


def test_a_request_is_one_row_with_its_cost(database: Database, url: str) -> None:
    books = UsageBooks(database, settings_of(url))
    before = time.strftime("%Y-%m-%d", time.gmtime())
    books.settled(account())
    books.settled(account())
    asyncio.run(books.flush())
    (row,) = rows_of(database)
    assert before <= row.pop("day") <= time.strftime("%Y-%m-%d", time.gmtime())
    assert {name: row.pop(name) for name in ("energy_uwh", "water_ul")} == {"energy_uwh": 1200, "water_ul": 4}
    assert row == {
        "key_id": "k1",
        "task": "summarize",
        "prompt": "summarize",
        "version": "1.0.0",
        "backend": "a",
        "model": "m",
        "code": "ok",
        "requests": 2,
        "model_calls": 2,
        "unreported_calls": 0,
        "input_tokens": 20,
        "cached_input_tokens": 8,
        "output_tokens": 6,
        "cost_nano_usd": 2 * (10 * 1000 + 3 * 2000),
    }


@pytest.mark.parametrize(
    ("shares", "last", "expected"),
    [
        pytest.param(
            {("a", "m"): Usage(0, 0, 2, 1, 1), ("b", "n"): Usage(5, 0, 4, 1)},
            ("b", "n"),
            {("a", "m"): (0, 1), ("b", "n"): (1, 1)},
            id="a fallback is one request, where it ended",
        ),
        pytest.param({}, ("", ""), {("", ""): (1, 0)}, id="no backend was asked"),
        pytest.param({}, ("a", "m"), {("a", "m"): (1, 0)}, id="one was asked, and nothing came"),
        pytest.param(
            {("a", "m"): Usage(0, 0, 2, 1, 1)},
            ("b", "n"),
            {("a", "m"): (0, 1), ("b", "n"): (1, 0)},
            id="nothing came from the last one",
        ),
    ],
)
def test_each_request_counts_once(
    database: Database, url: str, shares: Any, last: tuple[str, str], expected: dict[tuple[str, str], Any]
) -> None:
    books = UsageBooks(database, settings_of(url))
    books.settled(account(shares, last, code="backend_unavailable"))
    asyncio.run(books.flush())
    found = {(row["backend"], row["model"]): (row["requests"], row["model_calls"]) for row in rows_of(database)}
    assert found == expected


def test_what_comes_late_is_no_further_request(database: Database, url: str) -> None:
    books = UsageBooks(database, settings_of(url))
    books.settled(account(code="cancelled"))
    books.settled(account(code="cancelled", is_late=True))
    asyncio.run(books.flush())
    (row,) = rows_of(database)
    assert (row["requests"], row["model_calls"], row["output_tokens"]) == (1, 2, 6)


def test_several_processes_add_to_the_same_rows(database: Database, url: str) -> None:
    dice = random.Random(3)
    entered = 0

    async def work() -> None:
        nonlocal entered
        everyone = [UsageBooks(database, settings_of(url)) for _ in range(4)]
        for _ in range(12):
            for books in everyone:
                for _ in range(dice.randrange(8)):
                    books.settled(account(caller=f"k{dice.randrange(5)}", code=dice.choice(["ok", "cancelled"])))
                    entered += 1
            await asyncio.gather(*(books.flush() for books in everyone))

    asyncio.run(work())
    sums = sums_of(database)[""]
    assert (sums["requests"], sums["input_tokens"]) == (entered, 10 * entered)


def test_what_could_not_be_written_is_kept_and_added_once(database: Database, url: str) -> None:
    books = UsageBooks(database, settings_of(url))

    def rename(old: str, new: str) -> None:
        with database.transaction() as connection:
            connection.execute(sa.text(f"ALTER TABLE {old} RENAME TO {new}"))

    async def work() -> None:
        books.settled(account())
        rename("usage_daily", "elsewhere")
        for _ in range(2):
            with pytest.raises(sa.exc.DBAPIError):
                await books.flush()
            books.settled(account())
        rename("elsewhere", "usage_daily")
        await books.flush()
        assert sums_of(database)[""]["requests"] == 1, "the first group"
        await books.flush()

    asyncio.run(work())
    assert sums_of(database)[""]["requests"] == 3


class LosesAnswers(Database):
    """A database whose connection breaks after the commit: nobody hears that it came through."""

    broken = 0

    async def run(self, work: Callable[[sa.Connection], T]) -> T:
        done = await super().run(work)
        if self.broken:
            self.broken -= 1
            raise sa.exc.OperationalError("COMMIT", {}, ConnectionError("the connection is lost"))
        return done


def test_a_commit_of_which_nobody_heard_is_not_made_twice(database: Database, url: str) -> None:
    unsure = LosesAnswers(DatabaseSettings(url=url))
    books = UsageBooks(unsure, settings_of(url))

    async def work() -> None:
        books.settled(account())
        unsure.broken = 2
        for _ in range(2):
            with pytest.raises(sa.exc.OperationalError):
                await books.flush()
            books.settled(account())
        while sums_of(database)[""]["requests"] < 3:
            await books.flush()
        await books.flush()

    asyncio.run(work())
    unsure.close()
    assert sums_of(database)[""]["requests"] == 3


def test_a_flush_that_is_cancelled_goes_on(database: Database, url: str) -> None:
    books = UsageBooks(database, settings_of(url))

    async def work() -> None:
        for _ in range(20):
            books.settled(account())
            flushing = asyncio.create_task(books.flush())
            await asyncio.sleep(0)
            flushing.cancel()
            await asyncio.gather(flushing, return_exceptions=True)
        await books.flush()

    asyncio.run(work())
    assert sums_of(database)[""]["requests"] == 20


def test_what_is_left_at_the_end_is_written(database: Database, url: str) -> None:
    books = UsageBooks(database, settings_of(url))

    async def work() -> None:
        async with books.running():
            books.settled(account())
            await asyncio.sleep(0)

    asyncio.run(work())
    assert sums_of(database)[""]["requests"] == 1
    with database.transaction() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM usage_writers")).scalar_one() == 0


def test_what_is_settled_is_written_soon(database: Database, url: str) -> None:
    books = UsageBooks(database, settings_of(url))

    async def work() -> None:
        async with books.running():
            books.settled(account())
            assert await asyncio.to_thread(wait_until, lambda: rows_of(database))

    asyncio.run(work())


def test_books_go_on_after_a_failure_of_any_kind(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Breaks(Database):
        left = 2

        async def run(self, work: Callable[[sa.Connection], T]) -> T:
            self.left -= 1
            if self.left >= 0:
                raise OverflowError("a number is too large")
            return await super().run(work)

    with at(tmp_path / "usage.db") as database:
        breaks = Breaks(DatabaseSettings(url=f"sqlite:///{tmp_path}/usage.db"))
        books = UsageBooks(breaks, settings_of(f"sqlite:///{tmp_path}/usage.db"))

        async def work() -> None:
            async with books.running():
                books.settled(account())
                assert await asyncio.to_thread(wait_until, lambda: rows_of(database))

        asyncio.run(work())
        breaks.close()
    assert "usage is not written yet, and kept: a number is too large" in caplog.text


@pytest.mark.parametrize("requests", [0, 1])
def test_the_end_without_the_database_tells_what_is_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, requests: int
) -> None:
    url = f"sqlite:///{tmp_path}/usage.db"
    never_upgraded = Database(DatabaseSettings(url=url))
    books = UsageBooks(never_upgraded, settings_of(url))

    async def work() -> None:
        async with books.running():
            for _ in range(requests):
                books.settled(account())

    asyncio.run(work())
    never_upgraded.close()
    assert caplog.text.count("usage is lost") == requests


@pytest.mark.parametrize("name", ["a\0b", "half \ud800 a character", "x" * 5000, "ß" * 300, ""])
def test_no_name_that_a_server_gives_its_model_stops_the_books(database: Database, url: str, name: str) -> None:
    books = UsageBooks(database, settings_of(url))
    books.settled(account({("a", name): Usage(1, 0, 1, 1)}))
    asyncio.run(books.flush())
    (row,) = rows_of(database)
    assert (row["requests"], len(row["model"]) <= 200) == (1, True)


@pytest.mark.parametrize("key", ["\0", "k\0", "\ufffd"])
def test_a_key_that_no_database_could_hold_has_used_nothing(database: Database, key: str) -> None:
    with database.transaction() as connection:
        assert read_rows(connection, query_of(None, None, (), key)) == []


def test_memory_is_bounded_and_sums_stay_exact() -> None:
    sums = Sums(most_rows=3)
    for number in range(50):
        pair = "a", f"model {number}"
        sums.enter("2026-11-30", account(), pair, [1] * len(AMOUNTS))
    assert len(sums) == 4
    assert sums.total() == dict.fromkeys(AMOUNTS, 50)
    assert Place("2026-11-30", "k1", "", "", "", "a", "", "ok") in sums.rows()
