"""What a worker knows of the keys, on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.caller import Caller, CallerLimits
from app.keys import Keyring, table
from app.keys.secret import PresentedKey, mint
from app.problems import ProblemError
from app.sections import DatabaseSettings, KeySettings
from app.store import Database, now_ms
from chains.errors import ConfigurationError, NotFoundError
from tests.app.keys.holders import connected, new_key, revoke, rotate
from tests.servers import PostgresServer

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.e2e)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/keys.db"
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.new_database()
    with connected(url) as found:
        yield found


@pytest.fixture
def url(database: Database) -> str:
    return database.url.render_as_string(hide_password=False).replace("+pysqlite", "").replace("+psycopg", "")


def keyring(database: Database, first_key_file: Path | None = None, refresh_s: float = 60) -> Keyring:
    return Keyring(database, KeySettings(first_key_file=first_key_file, refresh_s=refresh_s))


async def refusal(keys: Keyring, key: PresentedKey) -> str:
    with pytest.raises(ProblemError) as caught:
        await keys.caller(key.text())
    assert caught.value.code == "key_invalid"
    return caught.value.detail


async def test_a_key_has_what_it_was_given(database: Database, url: str) -> None:
    limits = CallerLimits(requests_per_minute=60, monthly_tokens=10**12, monthly_usd=12.5)
    key = new_key(url, "tasks:summarize", "labels:canary", **{k: v for k, v in asdict(limits).items() if v is not None})
    keys = keyring(database)
    await keys.refresh()
    caller = await keys.caller(key.text())
    assert caller == Caller(key.id, frozenset({"tasks:summarize", "labels:canary"}), limits)
    assert (keys.may_draft(key.id), keys.may_draft("anonymous")) == (False, True)


async def test_the_secret_is_nowhere_in_the_database(database: Database, url: str) -> None:
    key = new_key(url)
    rows = await database.run(lambda connection: connection.execute(sa.select(table.api_keys)).all())
    assert key.secret not in repr(rows)


async def test_what_was_made_or_rotated_a_moment_ago_is_known(database: Database, url: str) -> None:
    keys = keyring(database)
    await keys.refresh()
    key = new_key(url)
    assert (await keys.caller(key.text())).key_id == key.id
    renewed = rotate(url, key)
    assert (await keys.caller(renewed.text())).key_id == key.id
    assert await refusal(keys, key) == (
        f"The key {key.id} has a new secret, and this one no longer holds. Ask the operator for a new one."
    )


async def test_a_revoked_key_is_refused_once_that_is_known(database: Database, url: str) -> None:
    key, other = new_key(url), new_key(url)
    keys = keyring(database)
    await keys.refresh()
    revoke(url, key)
    assert (await keys.caller(key.text())).key_id == key.id
    await keys.refresh()
    assert "was revoked" in await refusal(keys, key)
    assert not keys.is_empty
    revoke(url, other)
    await keys.refresh()
    assert keys.is_empty


async def test_an_expired_key_still_is_one(database: Database, url: str) -> None:
    """Time alone must not turn a service with keys into one without."""
    key = new_key(url, expires_at=now_ms() - 1)
    keys = keyring(database)
    await keys.refresh()
    assert not keys.is_empty
    assert "has expired" in await refusal(keys, key)


async def test_guessing_costs_the_database_a_few_readings(database: Database, url: str) -> None:
    """Whoever comes with a wrong key waits for a reading, together with all others who do."""
    known = new_key(url)
    keys = keyring(database)
    await keys.refresh()
    readings = 0

    def count(*_: object) -> None:
        nonlocal readings
        readings += 1

    sa.event.listen(database.engine, "begin", count)
    wrong = [mint(), mint(known.id)] * 100
    answers = await asyncio.gather(*(refusal(keys, key) for key in wrong))
    assert set(answers) == {"There is no such API key."}
    assert readings <= 2
    assert (await keys.caller(known.text())).key_id == known.id


async def test_what_is_known_stays_in_force_while_the_database_fails(
    database: Database, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    key = new_key(url)
    keys = keyring(database)
    await keys.refresh()
    with database.transaction() as connection:
        connection.execute(sa.text("ALTER TABLE api_keys RENAME TO gone"))
    assert await refusal(keys, mint()) == "There is no such API key."
    assert await refusal(keys, mint()) == "There is no such API key."
    assert (await keys.caller(key.text())).key_id == key.id
    assert len([record for record in caplog.records if "stay in force" in record.message]) == 1
    with database.transaction() as connection:
        connection.execute(sa.text("ALTER TABLE gone RENAME TO api_keys"))
    later = new_key(url)
    assert (await keys.caller(later.text())).key_id == later.id


async def test_the_first_key_comes_from_a_file(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "first"
    old, new = mint("first"), mint("first")
    path.write_text(old.text() + "\n")
    keys = keyring(database, path)
    assert not keys.is_empty
    caller = await keys.caller(old.text())
    assert {"tasks", "usage", "metrics", "prompts:read"} <= caller.scopes
    path.write_text(new.text())
    assert (await keys.caller(new.text())).key_id == "first"
    assert await refusal(keys, old) == "There is no such API key."
    path.unlink()  # for a moment, while it is replaced
    await refusal(keys, old)
    assert (await keys.caller(new.text())).key_id == "first"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "first cannot be read: No such file", id="no file"),
        pytest.param("", "holds no API key", id="empty"),
        pytest.param("hunter2", "holds no API key", id="no key"),
        pytest.param("cdk_first_hunter2", "holds no API key", id="a short secret"),
    ],
)
def test_a_bad_file_is_refused_without_being_quoted(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "first"
    if content is not None:
        path.write_text(content)
    database = Database(DatabaseSettings(url=f"sqlite:///{tmp_path}/keys.db"))
    with pytest.raises(ConfigurationError, match=r"keys\.first_key_file") as caught:
        keyring(database, path)
    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_what_cannot_be_done_to_a_key(database: Database, url: str) -> None:
    key = new_key(url)
    revoke(url, key)
    with pytest.raises(NotFoundError, match="was revoked; create a new one"):
        rotate(url, key)
    with pytest.raises(NotFoundError, match="There is no key nobody"):
        revoke(url, PresentedKey("nobody", ""))
