"""Keys for tests, made as `copydesk keys create` makes them, without the start of a process each."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from app.caller import CallerLimits
from app.keys import table
from app.keys.record import KeyRecord
from app.keys.secret import PresentedKey, digest, mint
from app.sections import DatabaseSettings
from app.store import Database, now_ms
from app.store.upgrade import upgrade
from tests.conftest import Service

__all__ = ["calling", "connected", "new_key", "revoke", "rotate"]


@contextmanager
def connected(url: str) -> Iterator[Database]:
    """The database of that URL, at the newest revision."""
    database = Database(DatabaseSettings(url=url))
    try:
        upgrade(database)
        yield database
    finally:
        database.close()


def new_key(url: str, *scopes: str, expires_at: int | None = None, **limits: Any) -> PresentedKey:
    """A new key in the database of that URL; it may do `tasks` if nothing is said."""
    key = mint()
    kept = frozenset(scopes or ("tasks",))
    record = KeyRecord(
        key.id, "test", digest(key.secret), kept, now_ms(), CallerLimits(**limits), expires_at=expires_at
    )
    with connected(url) as database, database.transaction() as connection:
        table.add(connection, record)
    return key


def revoke(url: str, key: PresentedKey) -> None:
    with connected(url) as database, database.transaction() as connection:
        table.revoke(connection, key.id, now_ms())


def rotate(url: str, key: PresentedKey, grace_ms: int = 0) -> PresentedKey:
    """The key with its new secret."""
    new = mint(key.id)
    with connected(url) as database, database.transaction() as connection:
        table.rotate(connection, key.id, digest(new.secret), now_ms() + grace_ms)
    return new


def calling(service: Service, key: PresentedKey | None) -> httpx.Client:
    """A client that sends the key."""
    headers = {} if key is None else {"authorization": f"Bearer {key.text()}"}
    # To read certificates that nobody asks for would take most of a short test's time.
    return httpx.Client(base_url=service.url, headers=headers, timeout=120, trust_env=False, verify=False)
