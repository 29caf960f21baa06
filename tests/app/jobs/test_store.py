"""A job under an id that is there already, as a request that is tried again after a crash brings it."""

import asyncio
from pathlib import Path

import pytest

from app.jobs import JobStore
from app.jobs.submission import Item, Submission
from app.sections import DatabaseSettings
from app.store import Database
from app.store.upgrade import upgrade
from chains.choice import Choice
from chains.result import PromptIdentity
from chains.terms import Priority

CHOICE = Choice(PromptIdentity("summarize", "1.0.0", "sha256:0", "production"), ("script",))
SUBMISSION = Submission("summarize", [Item(request='{"text": "x"}', choice=0)], {CHOICE: 0})


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.e2e)])
def test_a_job_that_is_there_is_not_stored_again(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> None:
    if kind == "postgresql":
        url = request.getfixturevalue("postgres_server").new_database()
    else:
        url = f"sqlite:///{tmp_path}/copydesk.db"
    database = Database(DatabaseSettings(url=url))
    upgrade(database)
    store = JobStore(database, 60)

    async def twice() -> None:
        first, again = [await store.add("a" * 32, "key-1", Priority.NORMAL, SUBMISSION) for _ in range(2)]
        assert first == again
        assert again.counts.total == 1
        assert len(await store.page("key-1", None, None, 10)) == 1

    try:
        asyncio.run(twice())
    finally:
        database.close()
