"""The one path of migrations, for every table.

Migrations are in `app/store/migrations/versions`, in the order of their numbers. A database that a newer Copydesk has
upgraded is refused: what it holds would be misread.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from app.store.database import Database
from chains.errors import ConfigurationError

__all__ = ["newest", "revision_of", "upgrade"]

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x636F7079  # of PostgreSQL's advisory locks, any number that nobody else takes
_VERSION = sa.table("alembic_version", sa.column("version_num"))


def newest() -> str:
    """The revision that this version of Copydesk works with."""
    return _revisions()[-1]


def revision_of(database: Database) -> str | None:
    """The revision that the database is at; None where nothing was made in it. Raises ConfigurationError."""
    with _connected(database) as connection:
        return _current(connection)


def upgrade(database: Database) -> None:
    """Bring the database to the newest revision; several processes may do so at once. Raises ConfigurationError where
    it is newer than this version of Copydesk, or cannot be reached."""
    with _connected(database) as connection:
        if not database.is_sqlite:  # SQLite's transaction is a lock by itself
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        current = _current(connection)
        if current is not None and current not in _revisions():
            raise ConfigurationError(
                f"database.url: the database has the revision {current}, which is newer than this version of Copydesk "
                f"({newest()}). Start the version that upgraded it, or restore a backup from before."
            )
        if current != newest():
            _run(connection)


def _revisions() -> list[str]:
    """By the files' names, as all migrations are named: NUMBER_subject.py. Alembic takes half a second to import."""
    return sorted(path.name.partition("_")[0] for path in (_FOLDER / "versions").glob("[0-9]*_*.py"))


def _current(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(_VERSION.name):
        return None
    return connection.execute(sa.select(_VERSION.c.version_num)).scalar_one_or_none()


def _run(connection: sa.Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@contextmanager
def _connected(database: Database) -> Iterator[sa.Connection]:
    """A transaction. A database that cannot be reached is told as what is wrong in the configuration."""
    try:
        with database.transaction() as connection:
            yield connection
    except sa.exc.DatabaseError as error:
        reason = str(error.orig).strip().splitlines()[0]
        where = database.url.render_as_string(hide_password=True)
        raise ConfigurationError(f"database.url: {where} cannot be used: {reason}") from error
