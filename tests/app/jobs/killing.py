"""Jobs whose processes are killed at random moments, with what the model server counted set against what was stored."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.jobs.table import items
from app.sections import DatabaseSettings
from app.store import Database
from tests.app.jobs.kit import CountingModel
from tests.conftest import Service, serving

__all__ = ["PARALLEL", "Ledger", "Site", "check", "note"]

PARALLEL = 4
"""Items that a worker works on at once, which is the default."""


@dataclass
class Ledger:
    """What was found at the kills: calls of items that were stored then, and how many were begun and not stored."""

    calls_then: dict[int, int] = field(default_factory=dict)
    in_flight: int = 0
    kills: int = 0


@dataclass
class Site:
    """Where the services run: `places` of them on one database, with the same configuration."""

    configuration: Path
    url: str
    arguments: tuple[str, ...] = ()

    @contextmanager
    def service(self) -> Iterator[Service]:
        environment = {"COPYDESK_DATABASE__URL": self.url}
        with serving("--config", str(self.configuration), *self.arguments, environment=environment) as found:
            yield found


def note(ledger: Ledger, site: Site, job_id: str, model: CountingModel) -> None:
    """After a kill: what is stored now must never be asked for again; what was begun and isn't stored may be."""
    database = Database(DatabaseSettings(url=site.url))
    try:
        with database.transaction() as connection:
            mine = sa.select(items.c.index).where(items.c.job_id == job_id)
            stored = connection.execute(mine.where(items.c.position.is_not(None))).scalars().all()
            begun = connection.execute(mine.where(items.c.state == "running")).scalars().all()
    finally:
        database.close()
    ledger.kills += 1
    ledger.in_flight += min(len(begun), PARALLEL)
    for index in stored:
        ledger.calls_then.setdefault(index, model.calls[index])


def check(ledger: Ledger, model: CountingModel, count: int, found: list[dict[str, Any]]) -> dict[str, int]:
    """Nothing is lost, nothing that was stored is repeated, and no more is repeated than was in flight; the figures."""
    repeats = Counter({index: calls - 1 for index, calls in model.calls.items() if calls > 1})
    again = {index: model.calls[index] - calls for index, calls in ledger.calls_then.items()}
    figures = {
        "kills": ledger.kills,
        "lost": count - sum("result" in entry for entry in found),
        "stored results repeated": sum(again.values()),
        "in flight at the kills": ledger.in_flight,
        "repeated": repeats.total(),
    }
    assert sorted(entry["index"] for entry in found) == list(range(count)), figures
    assert figures["lost"] == figures["stored results repeated"] == 0, figures
    assert figures["repeated"] <= figures["in flight at the kills"], figures
    return figures
