"""Accounts and databases for the tests of usage."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.sections import DatabaseSettings
from app.settings import Settings
from app.store import Database
from app.store.upgrade import upgrade
from app.usage.table import AMOUNTS, usage_daily
from chains.account import Account
from chains.result import CacheState, PromptIdentity, Timing, Usage

__all__ = ["account", "at", "rows_of", "settings_of", "sums_of"]

PROMPT = PromptIdentity("summarize", "1.0.0", "sha256:0", "production")


def settings_of(database: str, **sections: Any) -> Settings:
    """Two scripted backends, `a` with a price."""
    scripted = {"kind": "scripted", "answers": [{"answer": "one two"}]}
    given = {"backends": {"a": scripted, "b": scripted}, "prices": {"a": {"input_usd": 1, "output_usd": 2}}, **sections}
    return Settings.model_validate({**given, "database": {"url": database}})


def account(
    shares: Mapping[tuple[str, str], Usage] | None = None, last: tuple[str, str] | None = None, **changes: Any
) -> Account:
    """That of one request, which backend `a` answered if nothing is said."""
    spent = {("a", "m"): Usage(10, 4, 3, 1)} if shares is None else shares
    given: dict[str, Any] = {
        "caller": "k1",
        "request_id": "r",
        "task": "summarize",
        "prompt": PROMPT,
        "code": "ok",
        "shares": spent,
        "seconds": dict.fromkeys(spent, 1.0),
        "last": last or next(iter(spent), ("", "")),
        "timing": Timing(0, 0, 0),
        "cache": CacheState.MISS,
    }
    return Account(**{**given, **changes})


@contextmanager
def at(url: str | Path) -> Iterator[Database]:
    """The database of that URL, or in that SQLite file, at the newest revision."""
    database = Database(DatabaseSettings(url=url if isinstance(url, str) else f"sqlite:///{url}"))
    try:
        upgrade(database)
        yield database
    finally:
        database.close()


def rows_of(database: Database) -> list[dict[str, Any]]:
    """All rows, in their order."""
    with database.transaction() as connection:
        found = connection.execute(sa.select(usage_daily).order_by(*usage_daily.primary_key.columns))
        return [dict(row) for row in found.mappings()]


def sums_of(database: Database, *, by: str | None = None) -> dict[str, dict[str, int]]:
    """The sums by one column, or over all under an empty name."""
    found: dict[str, dict[str, int]] = {}
    for row in rows_of(database):
        sums = found.setdefault(row[by] if by else "", dict.fromkeys(AMOUNTS, 0))
        for name in AMOUNTS:
            sums[name] += row[name]
    return found
