"""Sums in memory: of what isn't written yet, and of what keys have spent in the month."""

from collections.abc import Mapping, Sequence

from app.keys.budget import first_day
from app.usage.table import AMOUNTS, Place
from chains.account import Account

__all__ = ["MonthlyTotals", "Sums", "storable"]

_MOST_ROWS = 20_000
_LONGEST_MODEL = 200
_INPUT, _OUTPUT, _COST = (AMOUNTS.index(name) for name in ("input_tokens", "output_tokens", "cost_nano_usd"))


class Sums:
    """Amounts by their places in the table.

    Bounded also where the database is away for days: beyond 20,000 rows, what would be a further one is summed by day,
    key, backend and code alone. Of those there are no more than the service has keys and backends.
    """

    def __init__(self, most_rows: int = _MOST_ROWS) -> None:
        self._rows: dict[Place, list[int]] = {}
        self._most_rows = most_rows

    def __len__(self) -> int:
        return len(self._rows)

    def enter(self, day: str, account: Account, pair: tuple[str, str], amounts: Sequence[int]) -> None:
        backend, model = pair
        prompt, code = account.prompt, account.code
        place = Place(
            day, account.caller, account.task, prompt.name, prompt.version, backend, model[:_LONGEST_MODEL], code
        )
        row = self._rows.get(place)
        if row is None and len(self._rows) >= self._most_rows:
            place = Place(day, account.caller, "", "", "", backend, "", code)
            row = self._rows.get(place)
        if row is None:
            self._rows[place] = list(amounts)
            return
        for position, amount in enumerate(amounts):
            row[position] += amount

    def rows(self) -> dict[Place, list[int]]:
        """As the table takes them: a server may give its model a name that no database takes for a text."""
        cleaned: dict[Place, list[int]] = {}
        for place, amounts in self._rows.items():
            known = cleaned.setdefault(place._replace(model=storable(place.model)), [0] * len(AMOUNTS))
            known[:] = [a + b for a, b in zip(known, amounts, strict=True)]
        return cleaned

    def total(self) -> dict[str, int]:
        """The amounts over all rows, by their names."""
        return dict(zip(AMOUNTS, map(sum, zip(*self._rows.values(), strict=True)), strict=False))

    def spent(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Tokens and billionths of a dollar, by the month and the key."""
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for place, row in self._rows.items():
            key = place.day[:7], place.key_id
            tokens, cost = found.get(key, (0, 0))
            found[key] = tokens + row[_INPUT] + row[_OUTPUT], cost + row[_COST]
        return found


def storable(name: str) -> str:
    """The name as both databases take it: PostgreSQL has no NUL in texts."""
    return name.encode(errors="replace").decode().replace("\0", "?")


class MonthlyTotals:
    """What each key has spent in this process since the month began, or the process: tokens and billionths of a
    dollar; and how much of that is in the database."""

    def __init__(self) -> None:
        self.month = ""
        self._spent: dict[str, tuple[int, int]] = {}
        self._written: dict[str, tuple[int, int]] = {}

    def spend(self, day: str, key_id: str, tokens: int, cost: int) -> None:
        if day[:7] != self.month:
            self.month, self._spent, self._written = day[:7], {}, {}
        before = self._spent.get(key_id, (0, 0))
        self._spent[key_id] = before[0] + tokens, before[1] + cost

    def written(self, spent: Mapping[tuple[str, str], tuple[int, int]]) -> None:
        """So much more is in the database."""
        for (month, key_id), (tokens, cost) in spent.items():
            if month == self.month:
                before = self._written.get(key_id, (0, 0))
                self._written[key_id] = before[0] + tokens, before[1] + cost

    def marks(self) -> Mapping[str, tuple[int, int]]:
        """How much of each key's of this month is in the database by now."""
        return dict(self._written) if self._is_current() else {}

    def since(self, marks: Mapping[str, tuple[int, int]], key_id: str) -> tuple[int, int]:
        """What a key has spent beyond what was in the database when the marks were taken; nothing in a month in which
        it hasn't spent anything here."""
        if not self._is_current():
            return 0, 0
        spent, mark = self._spent.get(key_id, (0, 0)), marks.get(key_id, (0, 0))
        return max(spent[0] - mark[0], 0), max(spent[1] - mark[1], 0)

    def _is_current(self) -> bool:
        return self.month == first_day()[:7]
