"""A batch of usage that is written twice counts once, on both databases."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from app.sections import DatabaseSettings
from app.store.database import Database
from app.store.upgrade import upgrade
from app.usage.table import AMOUNTS, DIMENSIONS, Place, add, usage_daily
from tests.servers import PostgresServer


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.e2e)])
def test_a_batch_counts_once(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path}/copydesk.db"
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.new_database()
    database = Database(DatabaseSettings(url=url))
    upgrade(database)
    rows = {Place(*(name[:8] for name in DIMENSIONS)): [3] * len(AMOUNTS)}
    for batch in (1, 1, 2, 1):
        with database.transaction() as connection:
            add(connection, "writer", batch, rows)
    with database.transaction() as connection:
        stored = connection.execute(sa.select(*(usage_daily.c[name] for name in AMOUNTS))).one()
    database.close()
    assert set(stored) == {6}
