"""Who holds a key, for how long, and what is left of it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.idempotency.reply import Reply
from app.idempotency.store import Claim, ReplyStore, scope_digest
from app.problems import ProblemError
from app.sections import DatabaseSettings, IdempotencySettings
from app.store import Database
from app.store.upgrade import upgrade
from tests.conftest import wait_until

ID = scope_digest("key-1", "POST", "/v1/summarize", "a")
REPLY = Reply(200, ((b"content-type", b"application/json"), (b"x-name", "é".encode("latin-1"))), b"\x00\xffbody")


@asynccontextmanager
async def opened(folder: Path, **settings: float) -> AsyncIterator[tuple[ReplyStore, Database]]:
    database = Database(DatabaseSettings(url=f"sqlite:///{folder}/copydesk.db"))
    upgrade(database)
    try:
        yield ReplyStore(database, IdempotencySettings.model_validate(settings)), database
    finally:
        database.close()


async def aged(database: Database, seconds: int) -> None:
    """Let so much time pass for all keys, at once."""
    times = {name: sa.text(f"{name} - {seconds * 1000}") for name in ("leased_until", "expires_at")}
    table = sa.table("idempotent_replies", *(sa.column(name) for name in times))
    await database.run(lambda connection: connection.execute(sa.update(table).values(times)))


async def code_of(work: Coroutine[Any, Any, Any]) -> str:
    with pytest.raises(ProblemError) as caught:
        await work
    return caught.value.code


def test_a_reply_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path) as (store, _):
            claim = await store.claim(ID, "key-1", "f")
            assert isinstance(claim, Claim)
            assert await store.keep(claim, REPLY)
            assert await store.claim(ID, "key-1", "f") == REPLY
            assert await code_of(store.claim(ID, "key-1", "other")) == "idempotency_key_reused"

    asyncio.run(run())


def test_a_lease_holds_while_it_is_renewed(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path, lease_s=600) as (store, database):
            claim = await store.claim(ID, "key-1", "f")
            assert isinstance(claim, Claim)
            for _ in range(4):
                await aged(database, 400)
                assert await store.renew(claim)
                assert await code_of(store.claim(ID, "key-1", "f")) == "idempotency_in_progress"

    asyncio.run(run())


def test_after_its_lease_another_takes_over_and_the_first_one_is_told(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path, lease_s=600) as (store, database):
            first = await store.claim(ID, "key-1", "f")
            await aged(database, 600)
            second = await store.claim(ID, "key-1", "f")
            assert isinstance(first, Claim)
            assert isinstance(second, Claim)
            assert second.ticket == first.ticket, "it is another try of the same request"
            assert not await store.renew(first)
            assert not await store.keep(first, REPLY)
            assert not await store.release(first)
            assert await store.keep(second, REPLY)

    asyncio.run(run())


@pytest.mark.parametrize(("fingerprint", "is_same"), [("f", True), ("other", False)])
def test_a_key_that_was_freed_serves_any_body(tmp_path: Path, fingerprint: str, is_same: bool) -> None:
    async def run() -> None:
        async with opened(tmp_path) as (store, _):
            first = await store.claim(ID, "key-1", "f")
            assert isinstance(first, Claim)
            assert await store.release(first)
            second = await store.claim(ID, "key-1", fingerprint)
            assert isinstance(second, Claim)
            assert (second.ticket == first.ticket) is is_same

    asyncio.run(run())


def test_after_the_window_a_key_is_new_and_its_reply_is_gone(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path, window_s=1) as (store, database):
            claim = await store.claim(ID, "key-1", "f")
            assert isinstance(claim, Claim)
            await store.keep(claim, REPLY)
            await aged(database, 1)
            again = await store.claim(ID, "key-1", "other")
            assert isinstance(again, Claim)
            assert again.ticket != claim.ticket
            await store.keep(again, REPLY)
            await aged(database, 1)
            purging = asyncio.create_task(store.purge())
            assert await asyncio.to_thread(wait_until, lambda: count(database) == 0)
            purging.cancel()

    asyncio.run(run())


def count(database: Database) -> int:
    with database.transaction() as connection:
        found: int = connection.execute(sa.text("SELECT count(*) FROM idempotent_replies")).scalar_one()
    return found


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(("key-2", "POST", "/v1/summarize", "a"), id="another caller"),
        pytest.param(("key-1", "PUT", "/v1/summarize", "a"), id="another method"),
        pytest.param(("key-1", "POST", "/v1/rewrite", "a"), id="another operation"),
        pytest.param(("key-1", "POST", "/v1/summarize", "b"), id="another key"),
        pytest.param(("key-1POST", "", "/v1/summarize", "a"), id="the same letters"),
    ],
)
def test_keys_of_different_scopes_are_different(other: tuple[str, str, str, str]) -> None:
    assert scope_digest(*other) != ID
