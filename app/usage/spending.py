"""What keys have spent this month, for their budgets."""

from collections.abc import Mapping

import sqlalchemy as sa

from app.keys.budget import NOTHING_SPENT, Spent, first_day
from app.usage.books import UsageBooks
from app.usage.table import usage_daily

__all__ = ["MonthlySums"]

_NANO = 1e-9


class MonthlySums:
    """A `Spending` (app/keys/budget.py): the sums of the database as they were at the last `refresh`, which are those
    of all workers and hosts, and what this process has settled since."""

    def __init__(self, books: UsageBooks) -> None:
        self._books = books
        self._month = ""
        self._sums: Mapping[str, tuple[int, int]] = {}
        self._marks: Mapping[str, tuple[int, int]] = {}

    def spent(self, key_id: str) -> Spent:
        is_current = self._month == first_day()
        tokens, cost = self._sums.get(key_id, (0, 0)) if is_current else (0, 0)
        more = self._books.totals.since(self._marks if is_current else {}, key_id)
        if not (tokens or more[0]):
            return NOTHING_SPENT
        return Spent(tokens + more[0], (cost + more[1]) * _NANO)

    async def refresh(self) -> None:
        """Raises sqlalchemy.exc.DBAPIError."""
        month = first_day()
        async with self._books.still():  # what is written meanwhile would be in the sums and in the rest
            marks = self._books.totals.marks()
            self._sums = await self._books.database.run(lambda connection: _sums(connection, month))
            self._marks, self._month = marks, month


def _sums(connection: sa.Connection, since: str) -> dict[str, tuple[int, int]]:
    columns = usage_daily.c
    tokens, cost = sa.func.sum(columns.input_tokens + columns.output_tokens), sa.func.sum(columns.cost_nano_usd)
    statement = sa.select(columns.key_id, tokens, cost).where(columns.day >= since).group_by(columns.key_id)
    return {key_id: (int(tokens), int(cost)) for key_id, tokens, cost in connection.execute(statement)}
