"""The tables of usage, and how sums are added to them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from app.store.database import insert_into, metadata, now_ms

__all__ = ["AMOUNTS", "DIMENSIONS", "Place", "add", "forget_writer", "usage_daily"]


class Place(NamedTuple):
    """Where an amount is added: one row. `day` is that of UTC on which the request ended, as in 2026-11-30."""

    day: str
    key_id: str
    task: str
    prompt: str
    version: str
    backend: str
    model: str
    code: str


DIMENSIONS = Place._fields
AMOUNTS = (
    "requests",
    "model_calls",
    "unreported_calls",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "cost_nano_usd",
    "energy_uwh",
    "water_ul",
)
_LENGTHS = {
    "day": 10,
    "key_id": 32,
    "task": 100,
    "prompt": 100,
    "version": 100,
    "backend": 200,
    "model": 200,
    "code": 64,
}

usage_daily = sa.Table(
    "usage_daily",
    metadata,
    *(sa.Column(name, sa.String(_LENGTHS[name]), primary_key=True) for name in DIMENSIONS),
    *(sa.Column(name, sa.BigInteger, nullable=False) for name in AMOUNTS),
    sa.Index("usage_daily_by_key", "key_id", "day"),
)
_writers = sa.Table(
    "usage_writers",
    metadata,
    sa.Column("writer", sa.String(32), primary_key=True),
    sa.Column("batch", sa.BigInteger, nullable=False),
    sa.Column("written_at", sa.BigInteger, nullable=False),
)
_A_WEEK_MS = 7 * 86_400_000


def add(connection: sa.Connection, writer: str, batch: int, rows: Mapping[Place, Sequence[int]]) -> None:
    """Add the amounts to what stands in the table, once: a writer's batch that is there already adds nothing.

    So a writer that can't know whether its transaction came through (its connection broke at the commit) may try
    again. Batches of one writer are numbered upwards. Several writers at once don't block one another for ever: all
    of them take the rows in the same order.
    """
    if not _is_new(connection, writer, batch) or not rows:
        return
    insert = insert_into(connection, usage_daily)
    sums = {name: usage_daily.c[name] + insert.excluded[name] for name in AMOUNTS}
    values = [_as_row(place, rows[place]) for place in sorted(rows)]
    connection.execute(insert.on_conflict_do_update(index_elements=list(DIMENSIONS), set_=sums), values)


def forget_writer(connection: sa.Connection, writer: str) -> None:
    """The writer is done; and so are those of whom nothing was heard for a week."""
    old = _writers.c.written_at < now_ms() - _A_WEEK_MS
    connection.execute(sa.delete(_writers).where(sa.or_(_writers.c.writer == writer, old)))


def _is_new(connection: sa.Connection, writer: str, batch: int) -> bool:
    """Note the batch; PostgreSQL waits here for a transaction of the same writer whose end nobody heard of."""
    insert = insert_into(connection, _writers).values(writer=writer, batch=batch, written_at=now_ms())
    set_ = {name: insert.excluded[name] for name in ("batch", "written_at")}
    newer = _writers.c.batch < insert.excluded.batch
    noted = insert.on_conflict_do_update(index_elements=["writer"], set_=set_, where=newer)
    return connection.execute(noted.returning(_writers.c.writer)).first() is not None


def _as_row(place: Place, amounts: Sequence[int]) -> dict[str, Any]:
    return {**place._asdict(), **dict(zip(AMOUNTS, amounts, strict=True))}
