"""One service on each kind of database, for all tests of kept replies."""

from collections.abc import Iterator

import pytest

from tests.app.idempotency.replies import replaying
from tests.conftest import Service


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    database = None
    if request.param == "postgresql":
        database = request.getfixturevalue("postgres_server").new_database()
    with replaying(tmp_path_factory.mktemp("replies"), database) as running:
        yield running
