"""The keys in the database. No row is ever deleted: usage and jobs name its id."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from app.caller import CallerLimits
from app.keys.record import KeyRecord
from app.store import metadata, now_ms
from chains.errors import NotFoundError

__all__ = ["add", "all_keys", "api_keys", "revoke", "rotate", "version"]

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("secret_sha256", sa.String(64), nullable=False),
    sa.Column("previous_sha256", sa.String(64)),
    sa.Column("previous_until", sa.BigInteger),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("limits", sa.JSON, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("revoked_at", sa.BigInteger),
    sa.Column("changed_at", sa.BigInteger, nullable=False),
)
_KEY = [column for column in api_keys.c if column is not api_keys.c.changed_at]


def version(connection: sa.Connection) -> int:
    """A number that is another one after every change of the table: each change makes the `changed_at` of its row
    larger, and with it the sum of all."""
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.sum(api_keys.c.changed_at), 0))).scalar_one())


def all_keys(connection: sa.Connection) -> list[KeyRecord]:
    """Every key, the oldest first, with those that were revoked."""
    rows = connection.execute(sa.select(*_KEY).order_by(api_keys.c.created_at, api_keys.c.id)).mappings()
    return [_record(row) for row in rows]


def add(connection: sa.Connection, record: KeyRecord) -> None:
    """Keep a new key. Raises sqlalchemy.exc.IntegrityError where its id is taken."""
    limits = {name: value for name, value in asdict(record.limits).items() if value is not None}
    connection.execute(
        sa.insert(api_keys).values(
            id=record.id,
            name=record.name,
            secret_sha256=record.secret_sha256,
            scopes=sorted(record.scopes),
            limits=limits,
            created_at=record.created_at,
            expires_at=record.expires_at,
            changed_at=record.created_at,
        )
    )


def revoke(connection: sa.Connection, key_id: str, now: int) -> KeyRecord:
    """End a key for good; the key as it is then. One that was revoked before keeps its time. Raises NotFoundError."""
    record = _found(connection, key_id)
    if record.revoked_at is None:
        _update(connection, key_id, revoked_at=now)
    return _found(connection, key_id)


def rotate(connection: sa.Connection, key_id: str, secret_sha256: str, previous_until: int) -> KeyRecord:
    """Give a key a new secret; the one before holds until then. What held still from an earlier rotation ends now.

    Raises NotFoundError, also for a key that was revoked.
    """
    record = _found(connection, key_id)
    if record.revoked_at is not None:
        raise NotFoundError(f"The key {key_id} was revoked; create a new one.")
    _update(
        connection,
        key_id,
        secret_sha256=secret_sha256,
        previous_sha256=record.secret_sha256,
        previous_until=previous_until,
    )
    return _found(connection, key_id)


def _update(connection: sa.Connection, key_id: str, **values: Any) -> None:
    later = sa.case((api_keys.c.changed_at < now_ms(), now_ms()), else_=api_keys.c.changed_at + 1)
    connection.execute(sa.update(api_keys).where(api_keys.c.id == key_id).values(**values, changed_at=later))


def _found(connection: sa.Connection, key_id: str) -> KeyRecord:
    statement = sa.select(*_KEY).where(api_keys.c.id == key_id).with_for_update()
    rows: Sequence[Any] = connection.execute(statement).mappings().all()
    if not rows:
        raise NotFoundError(f"There is no key {key_id}; `copydesk keys list` shows them all.")
    return _record(rows[0])


def _record(row: Any) -> KeyRecord:
    values = dict(row)
    values["scopes"] = frozenset(values["scopes"])
    values["limits"] = CallerLimits(**values["limits"])
    return KeyRecord(**values)
