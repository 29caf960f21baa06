"""What a key has spent in the current month, and the budget that ends its use until the next one.

Months are those of the calendar in UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import sqlalchemy as sa

from app.caller import CallerLimits
from app.problems import ProblemError
from app.store import Database

__all__ = ["NOTHING_SPENT", "MonthlySums", "Spending", "Spent", "budget_problem", "first_day"]

_NANO = 1e-9
_DAILY = sa.table(
    "usage_daily",
    *map(sa.column, ("day", "key_id", "input_tokens", "output_tokens", "cost_nano_usd")),
)


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens in and out, and what they cost in US dollars, since the month began."""

    tokens: int = 0
    usd: float = 0.0


NOTHING_SPENT = Spent()


class Spending(Protocol):
    """Knows what keys have spent this month, from memory: every request with a budget asks."""

    def spent(self, key_id: str) -> Spent: ...


class MonthlySums:
    """A `Spending` of what stands in the table of usage; `refresh` reads it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._month = ""
        self._sums: Mapping[str, Spent] = {}

    def spent(self, key_id: str) -> Spent:
        return self._sums.get(key_id, NOTHING_SPENT) if self._month == first_day() else NOTHING_SPENT

    async def refresh(self) -> None:
        """Raises sqlalchemy.exc.DBAPIError."""
        month = first_day()
        self._sums = await self._database.run(lambda connection: _sums(connection, month))
        self._month = month


def _sums(connection: sa.Connection, since: str) -> dict[str, Spent]:
    tokens = sa.func.sum(_DAILY.c.input_tokens + _DAILY.c.output_tokens)
    statement = (
        sa.select(_DAILY.c.key_id, tokens, sa.func.sum(_DAILY.c.cost_nano_usd))
        .where(_DAILY.c.day >= since)
        .group_by(_DAILY.c.key_id)
    )
    return {key_id: Spent(int(tokens), int(cost) * _NANO) for key_id, tokens, cost in connection.execute(statement)}


def first_day(now: datetime | None = None) -> str:
    """The day on which the current month began: 2026-11-01."""
    return (now or datetime.now(UTC)).strftime("%Y-%m-01")


def budget_problem(limits: CallerLimits, spent: Spent, now: datetime | None = None) -> ProblemError | None:
    """Why a key may spend no more this month; None where it may."""
    until = _next_month(now or datetime.now(UTC))
    if limits.monthly_tokens is not None and spent.tokens >= limits.monthly_tokens:
        used = f"{spent.tokens} of the {limits.monthly_tokens} tokens"
    elif limits.monthly_usd is not None and spent.usd >= limits.monthly_usd:
        used = f"{spent.usd:.2f} of the {limits.monthly_usd:.2f} US dollars"
    else:
        return None
    return ProblemError(
        "budget_exhausted",
        f"Your key has used {used} that it has for this month. There is more from {until:%Y-%m-%d} (UTC) on.",
        retry_after_s=(until - (now or datetime.now(UTC))).total_seconds(),
    )


def _next_month(now: datetime) -> datetime:
    year, month = (now.year + 1, 1) if now.month == 12 else (now.year, now.month + 1)
    return datetime(year, month, 1, tzinfo=UTC)
