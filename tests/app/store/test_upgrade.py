"""The database comes to the newest revision, and a newer one is refused."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import app.service  # noqa: F401 - every feature's tables are known then
from app.sections import DatabaseSettings
from app.store import Database, metadata
from app.store.upgrade import newest, revision_of, upgrade
from chains.errors import ConfigurationError
from tests.conftest import ROOT


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = Database(DatabaseSettings(url=f"sqlite:///{tmp_path}/deep/copydesk.db"))
    yield found
    found.close()


def test_an_empty_database_is_upgraded_once(database: Database) -> None:
    assert revision_of(database) is None
    upgrade(database)
    upgrade(database)
    assert revision_of(database) == newest()


def test_the_newest_revision_is_the_one_that_alembic_would_end_at() -> None:
    assert newest() == ScriptDirectory(str(ROOT / "app/store/migrations")).get_current_head()


def test_the_migrations_make_the_tables_that_the_features_use(database: Database) -> None:
    upgrade(database)
    with database.transaction() as connection:
        wrong = [
            change
            for change in compare_metadata(MigrationContext.configure(connection), metadata)
            if change[0] not in {"remove_table", "remove_index"}
        ]
    assert wrong == []


def test_a_newer_database_is_refused(database: Database) -> None:
    upgrade(database)
    with database.transaction() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="has the revision 9999, which is newer"):
        upgrade(database)


def test_nobody_else_may_read_the_file(database: Database, tmp_path: Path) -> None:
    upgrade(database)
    assert stat.S_IMODE((tmp_path / "deep").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "deep").iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"url": "nonsense"}, "no URL", id="no URL"),
        pytest.param({"url": "mysql://host/name"}, "'mysql' is not served", id="another database"),
        pytest.param({"url": "sqlite://"}, "would lose jobs", id="in memory"),
        pytest.param({"url": "postgresql://a:b@host/name"}, "password doesn't belong", id="a password in the URL"),
        pytest.param(
            {"url": "postgresql://a@host/name", "password_env": "NOT_SET_ANYWHERE"},
            "NOT_SET_ANYWHERE is not set",
            id="a password that isn't there",
        ),
        pytest.param(
            {"url": "postgresql://a@host/name", "password_file": "nowhere/password"},
            "cannot be read",
            id="nor its file",
        ),
        pytest.param({"url": "sqlite:////proc/copydesk.db"}, "cannot be written", id="a folder that takes no file"),
        pytest.param(
            {"url": "postgresql://a@127.0.0.1:1/name"}, "cannot be used: .*refused", id="a server that isn't there"
        ),
    ],
)
def test_a_wrong_address_is_told(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        upgrade(Database(DatabaseSettings.model_validate(settings)))


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "copydesk.db").write_text("This is no database, and so it is not overwritten." * 100)
    with pytest.raises(ConfigurationError, match="not a database"):
        upgrade(Database(DatabaseSettings(url=f"sqlite:///{tmp_path}/copydesk.db")))
