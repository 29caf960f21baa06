"""How much of all jobs is still to be done, as the metrics are told."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.jobs.backlog import Backlog
from app.jobs.table import ItemState, items, jobs
from app.metrics import Metrics
from app.sections import DatabaseSettings
from app.store.database import Database, now_ms
from app.store.upgrade import upgrade

HOUR_MS = 3_600_000


def job(id: str, age_ms: int, states: list[str], *, is_open: bool = True, **counts: int) -> list[sa.Insert]:
    """A job with items in these states; those that ended are counted."""
    now = now_ms()
    ended = {"succeeded": 0, "failed": 0, "cancelled": 0, **counts}
    row: dict[str, Any] = {"id": id, "key_id": "k", "task": "summarize", "priority": "normal", "choices": "[]", **ended}
    row |= {"status": "running" if is_open else "cancelled", "total": len(states), "created_at": now - age_ms}
    row["dispatch_at"] = now if is_open else None
    rows = [{"job_id": id, "index": n, "claims": 0, "state": state} for n, state in enumerate(states)]
    return [sa.insert(jobs).values(row), sa.insert(items).values(rows)]


QUEUED, RUNNING, SUCCEEDED = ItemState.QUEUED.value, ItemState.RUNNING.value, ItemState.SUCCEEDED.value


@pytest.mark.parametrize(
    ("stored", "waiting", "running", "oldest_s"),
    [
        pytest.param(list, 0, 0, 0, id="nothing"),
        pytest.param(lambda: job("a", HOUR_MS, [QUEUED] * 3), 3, 0, 3600, id="one that has not begun"),
        pytest.param(
            lambda: [
                *job("a", 2 * HOUR_MS, [SUCCEEDED, RUNNING], succeeded=1),
                *job("b", HOUR_MS, [RUNNING, QUEUED, QUEUED]),
            ],
            *(2, 2, 3600),
            id="an older one of which all runs",
        ),
        pytest.param(
            lambda: [*job("a", HOUR_MS, [QUEUED, QUEUED], is_open=False, cancelled=2), *job("b", 0, [QUEUED])],
            *(1, 0, 0),
            id="one that was cancelled",
        ),
    ],
)
def test_the_backlog(
    tmp_path: Path, stored: Callable[[], list[sa.Insert]], waiting: int, running: int, oldest_s: int
) -> None:
    database, metrics = Database(DatabaseSettings(url=f"sqlite:///{tmp_path}/copydesk.db")), Metrics()
    upgrade(database)
    with database.transaction() as connection:
        for statement in stored():  # now, and not when the tests were collected
            connection.execute(statement)
    asyncio.run(Backlog(database, metrics).look())
    database.close()
    told = dict(re.findall(r"^copydesk_job_(\w+) (\S+)$", metrics.text().decode(), re.MULTILINE))
    assert (float(told["items_waiting"]), float(told["items_running"])) == (waiting, running)
    assert float(told["oldest_waiting_seconds"]) == pytest.approx(oldest_s, abs=60)
