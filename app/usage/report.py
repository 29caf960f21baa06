"""Reports from the table of usage: sums by day, key, task and the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from app.keys.table import api_keys
from app.problems import ParameterError
from app.usage.contract import Estimates, UsageGroup, UsageReport, UsageRow, UsageSums
from app.usage.footprint import HIGH_FACTOR, LOW_FACTOR, Footprint
from app.usage.sums import storable
from app.usage.table import AMOUNTS, usage_daily
from chains.errors import FieldError, InvalidInput

__all__ = [
    "DEFAULT_GROUPS",
    "MOST_DAYS",
    "MOST_ROWS",
    "UsageQuery",
    "check_known",
    "query_of",
    "read_rows",
    "report_of",
]

MOST_DAYS = 366
MOST_ROWS = 10_000
DEFAULT_GROUPS = (UsageGroup.DAY, UsageGroup.TASK)
_COLUMNS = {group: usage_daily.c["key_id" if group is UsageGroup.KEY else group.value] for group in UsageGroup}


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """What is asked for: days of UTC, the first and the last included, of one key or of all."""

    first_day: date
    last_day: date
    groups: tuple[UsageGroup, ...]
    key: str | None


def query_of(
    first: str | None, last: str | None, groups: Sequence[UsageGroup], key: str | None, today: date | None = None
) -> UsageQuery:
    """From what a caller wrote. Without a last day it is today, without a first one that of the last one's month.

    Raises InvalidInput, which names `from` and `to`, for what is no day, an end before its beginning, or more
    than a year.
    """
    problems: list[FieldError] = []
    begin, end = _day("from", first, problems), _day("to", last, problems)
    last_day = end or today or datetime.now(UTC).date()
    first_day = begin or last_day.replace(day=1)
    if not problems and first_day > last_day:
        problems.append(
            ParameterError("", "range_reversed", f"The first day, {first_day}, is after {last_day}", "from")
        )
    if not problems and (last_day - first_day).days >= MOST_DAYS:
        days = (last_day - first_day).days + 1
        problems.append(ParameterError("", "range_too_long", f"Ask for at most {MOST_DAYS} days, not {days}", "from"))
    if problems:
        raise InvalidInput("; ".join(problem.message for problem in problems) + ".", problems)
    return UsageQuery(first_day, last_day, tuple(dict.fromkeys(groups)) or DEFAULT_GROUPS, key)


def _day(name: str, said: str | None, problems: list[FieldError]) -> date | None:
    if said is None:
        return None
    try:
        day = date.fromisoformat(said)
        if day.isoformat() == said:  # which also takes 20261130 and 2026-W49-1
            return day
    except ValueError:
        pass
    problems.append(ParameterError("", "not_a_day", f"{name} must be a day like 2026-11-30, not {said[:20]!r}", name))
    return None


def read_rows(connection: sa.Connection, query: UsageQuery) -> list[UsageRow]:
    """The rows, in the order of their groups. Raises InvalidInput where there are more than 10,000."""
    columns = [_COLUMNS[group].label(group.value) for group in query.groups]
    sums = [sa.func.sum(usage_daily.c[name]).label(name) for name in AMOUNTS]
    day = usage_daily.c.day
    statement = (
        sa.select(*columns, *sums)
        .where(day >= query.first_day.isoformat(), day <= query.last_day.isoformat())
        .group_by(*(_COLUMNS[group] for group in query.groups))
        .order_by(*(_COLUMNS[group] for group in query.groups))
        .limit(MOST_ROWS + 1)
    )
    if query.key is not None:
        statement = statement.where(usage_daily.c.key_id == storable(query.key))
    found = connection.execute(statement).mappings().all()
    if len(found) > MOST_ROWS:
        raise InvalidInput(
            f"There are more than {MOST_ROWS} rows: group by less, or ask for fewer days.",
            [ParameterError("", "too_many_rows", f"This makes more than {MOST_ROWS} rows", "group_by")],
        )
    return [UsageRow(**{group.value: row[group.value] for group in query.groups}, **_told(dict(row))) for row in found]


def check_known(connection: sa.Connection, key: str) -> None:
    """Raises InvalidInput where neither a key nor any day's usage has the id: sums of a misspelt one would all be 0."""
    wanted = storable(key)
    places = (api_keys.c.id, usage_daily.c.key_id)
    if not any(connection.execute(sa.select(place).where(place == wanted).limit(1)).first() for place in places):
        told = (
            "No key in the database has this id, and nothing was ever used under it; `copydesk keys list` shows the ids"
        )
        raise InvalidInput(f"{told}.", [ParameterError("", "key_unknown", told, "key")])


def report_of(query: UsageQuery, rows: list[UsageRow], footprint: Footprint) -> UsageReport:
    """The rows with what they come to."""
    return UsageReport(
        first_day=query.first_day.isoformat(),
        last_day=query.last_day.isoformat(),
        group_by=list(query.groups),
        rows=rows,
        totals=_total(rows),
        estimates=Estimates(low_factor=LOW_FACTOR, high_factor=HIGH_FACTOR, methods=footprint.methods()),
    )


def _total(rows: Sequence[UsageRow]) -> UsageSums:
    """Exact: it is added up in whole numbers."""
    names = ("requests", "model_calls", "unreported_calls", "input_tokens", "cached_input_tokens", "output_tokens")
    sums: dict[str, int] = {name: sum(getattr(row, name) for row in rows) for name in names}
    sums["cost_nano_usd"] = sum(row.cost_nano_usd for row in rows)
    sums["energy_uwh"] = sum(round(row.energy_wh * 1e6) for row in rows)
    sums["water_ul"] = sum(round(row.water_ml * 1e3) for row in rows)
    return UsageSums(**_told(sums))


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    """The amounts in the units of the contract. PostgreSQL's sums come as decimals."""
    amounts = {name: int(row[name]) for name in AMOUNTS}
    energy, water = amounts.pop("energy_uwh"), amounts.pop("water_ul")
    cost = amounts["cost_nano_usd"]
    return {**amounts, "cost_usd": cost / 1e9, "energy_wh": energy / 1e6, "water_ml": water / 1e3}
