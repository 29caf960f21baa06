"""Jobs that are in the queue when the service is stopped, or upgraded, go on afterwards."""

import shutil
import signal
import stat
from functools import partial
from pathlib import Path

import httpx
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from app.sections import DatabaseSettings
from app.service import create_app
from app.store import Database, metadata
from app.store.upgrade import newest, revision_of, upgrade
from chains.errors import ConfigurationError
from tests.app.jobs.holding import HoldingModel
from tests.app.jobs.kit import counting_server, ended, job_items, results, submit, write_configuration
from tests.backends.ollama_server import canned_server
from tests.conftest import ROOT, serving, wait_until
from tests.servers import PostgresServer

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("remark", sa.String(20)))
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/copydesk.db"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.new_database()


def is_closed(url: str) -> bool:
    """Whether nobody listens there."""
    try:
        httpx.get(url + "/healthz", trust_env=False)
    except httpx.ConnectError:
        return True
    except httpx.TransportError:
        pass
    return False


def newer_version(folder: Path) -> str:
    """Copydesk as it may be one migration later, in the folder; that migration's revision."""
    for package in ("app", "chains", "cli", "prompts"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    revision = f"{int(newest()) + 1:04}"
    migration = folder / f"app/store/migrations/versions/{revision}_remark.py"
    migration.write_text(NEXT.format(revision=revision, before=newest()))
    return revision


@pytest.mark.e2e
@pytest.mark.parametrize("url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)], indirect=True)
def test_an_upgrade_with_jobs_in_the_queue(tmp_path: Path, url: str) -> None:
    (tmp_path / "newer").mkdir()
    revision = newer_version(tmp_path / "newer")
    environment = {"COPYDESK_DATABASE__URL": url}
    model = HoldingModel()
    with canned_server(model, parallel=64) as server:
        path = write_configuration(tmp_path, server)
        with serving("--config", str(path), environment=environment) as old, old.client() as client, model.holding():
            job_id = submit(client, job_items(60))
            model.allow(4)
            assert wait_until(lambda: model.calls.total() == 8 and len(model.held) == 4)
            old.process.send_signal(signal.SIGTERM)
            assert wait_until(partial(is_closed, old.url))
            model.let_all_go()
            assert old.stop() == 0
        asked = dict(model.calls)
        assert len(asked) == 8
        arguments = ("--config", str(path))
        with serving(*arguments, folder=tmp_path / "newer", environment=environment) as new, new.client() as client:
            assert ended(client, job_id)["counts"]["succeeded"] == 60
            assert len(results(client, job_id)) == 60
        # What was in flight had its time to end, so nothing was asked for twice.
        assert model.calls == dict.fromkeys(range(60), 1)
        with serving(*arguments, environment=environment, wait=False) as old:
            assert old.process.wait(60) != 0
        assert any(f"has the revision {revision}, which is newer" in line for line in old.log)


def test_the_migrations_make_the_tables_of_the_whole_service(url: str) -> None:
    assert create_app.__module__ == "app.service"  # whatever it imports has defined its tables
    database = Database(DatabaseSettings(url=url))
    try:
        upgrade(database)
        with database.transaction() as connection:
            found = compare_metadata(MigrationContext.configure(connection), metadata)
    finally:
        database.close()
    assert found == []


def test_a_newer_database_is_refused_everywhere(url: str) -> None:
    database = Database(DatabaseSettings(url=url))
    try:
        upgrade(database)
        with database.transaction() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(ConfigurationError, match="has the revision 9999, which is newer"):
            upgrade(database)
        assert revision_of(database) == "9999"
    finally:
        database.close()


@pytest.mark.e2e
def test_what_is_in_flight_too_long_is_handed_back(tmp_path: Path) -> None:
    environment = {
        "COPYDESK_DATABASE__URL": f"sqlite:///{tmp_path}/copydesk.db",
        "COPYDESK_SERVER__SHUTDOWN_GRACE_S": "1",
    }
    with counting_server(30) as (server, model):
        path = write_configuration(tmp_path, server)
        with serving("--config", str(path), environment=environment) as service, service.client() as client:
            job_id = submit(client, job_items(4))
            assert wait_until(lambda: model.in_flight == 4)
            for name in ("copydesk.db", "copydesk.queue.db"):
                assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
            assert service.stop() == 0
        assert wait_until(lambda: model.in_flight == 0)
        model.first_s = 0
        with serving("--config", str(path), environment=environment) as service, service.client() as client:
            assert ended(client, job_id)["counts"]["succeeded"] == 4
    assert model.calls == dict.fromkeys(range(4), 2)
