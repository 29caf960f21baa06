"""What a key has spent in the current month, and the budget that ends its use until the next one.

Months are those of the calendar in UTC.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol

from app.caller import CallerLimits
from app.problems import ProblemError

__all__ = ["NOTHING_SPENT", "RefreshedSpending", "Spending", "Spent", "budget_problem", "first_day"]


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens in and out, and what they cost in US dollars, since the month began."""

    tokens: int = 0
    usd: float = 0.0


NOTHING_SPENT = Spent()


class Spending(Protocol):
    """Knows what keys have spent this month, from memory: every request with a budget asks."""

    def spent(self, key_id: str) -> Spent: ...


class RefreshedSpending(Spending, Protocol):
    async def refresh(self) -> None:
        """Read again what all processes have spent. Raises sqlalchemy.exc.DBAPIError."""


def first_day() -> str:
    """The day on which the current month began: 2026-11-01."""
    return _first_day(int(time.time() // 86_400))


@lru_cache(maxsize=2)
def _first_day(days: int) -> str:
    """By the days since the epoch."""
    return time.strftime("%Y-%m-01", time.gmtime(days * 86_400))


def budget_problem(limits: CallerLimits, spent: Spent, now: datetime | None = None) -> ProblemError | None:
    """Why a key may spend no more this month; None where it may."""
    if limits.monthly_tokens is not None and spent.tokens >= limits.monthly_tokens:
        used = f"{spent.tokens} of the {limits.monthly_tokens} tokens"
    elif limits.monthly_usd is not None and spent.usd >= limits.monthly_usd:
        used = f"{spent.usd:.2f} of the {limits.monthly_usd:.2f} US dollars"
    else:
        return None
    now = now or datetime.now(UTC)
    until = _next_month(now)
    return ProblemError(
        "budget_exhausted",
        f"Your key has used {used} that it has for this month. There is more from {until:%Y-%m-%d} (UTC) on.",
        retry_after_s=(until - now).total_seconds(),
    )


def _next_month(now: datetime) -> datetime:
    year, month = (now.year + 1, 1) if now.month == 12 else (now.year, now.month + 1)
    return datetime(year, month, 1, tzinfo=UTC)
