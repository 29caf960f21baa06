"""Questions to the table of usage: days, groups, keys, and what is refused."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.problems import ParameterError
from app.store import Database
from app.usage.contract import UsageGroup
from app.usage.report import MOST_ROWS, query_of, read_rows
from app.usage.table import Place, add
from chains.errors import InvalidInput
from tests.app.usage.accounts import at

TODAY = date(2026, 11, 30)
DAY, KEY, TASK, CODE = UsageGroup.DAY, UsageGroup.KEY, UsageGroup.TASK, UsageGroup.CODE


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with at(tmp_path_factory.mktemp("usage") / "usage.db") as found:
        with found.transaction() as connection:
            rows = {
                Place(day, key, task, task, "1.0.0", "a", "m", code): [1, 1, 0, 10, 2, 3, 5, 7, 9]
                for day in ("2026-10-31", "2026-11-01", "2026-11-30")
                for key in ("k1", "k2")
                for task, code in (("classify", "ok"), ("summarize", "ok"), ("summarize", "cancelled"))
            }
            add(connection, "w", 1, rows)
        yield found


@pytest.mark.parametrize(
    ("groups", "first", "last", "key", "expected"),
    [
        pytest.param([DAY], None, None, None, [("2026-11-01", 6), ("2026-11-30", 6)], id="this month"),
        pytest.param([DAY], "2026-10-31", "2026-10-31", None, [("2026-10-31", 6)], id="one day"),
        pytest.param([TASK], None, "2026-10-31", None, [("classify", 2), ("summarize", 4)], id="another month"),
        pytest.param([KEY], "2026-01-01", None, None, [("k1", 9), ("k2", 9)], id="by key"),
        pytest.param([KEY], "2026-01-01", None, "k2", [("k2", 9)], id="of a key"),
        pytest.param([CODE, CODE], "2026-01-01", None, "k1", [("cancelled", 3), ("ok", 6)], id="a group twice"),
        pytest.param([], "2026-11-30", None, "k1", [("2026-11-30", 1), ("2026-11-30", 2)], id="no groups"),
        pytest.param([DAY], "2027-01-01", "2027-02-01", None, [], id="nothing"),
    ],
)
def test_sums(database: Database, groups: Any, first: Any, last: Any, key: Any, expected: list[Any]) -> None:
    query = query_of(first, last, groups, key, TODAY)
    with database.transaction() as connection:
        rows = read_rows(connection, query)
    names = [group.value for group in query.groups]
    assert [(getattr(row, names[0]), row.requests) for row in rows] == expected
    assert all(row.input_tokens == 10 * row.requests for row in rows)
    assert all(row.cost_nano_usd == 5 * row.requests for row in rows)


@pytest.mark.parametrize(
    ("first", "last", "parameter", "code"),
    [
        ("yesterday", None, "from", "not_a_day"),
        ("2026-02-30", None, "from", "not_a_day"),
        ("20261130", None, "from", "not_a_day"),
        ("2026-W49-1", None, "from", "not_a_day"),
        ("2026-11-30T00:00:00", None, "from", "not_a_day"),
        ("1700000000", None, "from", "not_a_day"),
        ("", None, "from", "not_a_day"),
        (None, "tomorrow", "to", "not_a_day"),
        ("2026-11-30", "2026-11-01", "from", "range_reversed"),
        ("2025-11-29", "2026-11-30", "from", "range_too_long"),
        ("0001-01-01", "9999-12-31", "from", "range_too_long"),
    ],
)
def test_what_is_refused(first: str | None, last: str | None, parameter: str, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        query_of(first, last, [], None, TODAY)
    assert [(error.parameter, error.code) for error in parameters(caught.value)] == [(parameter, code)]


def parameters(error: InvalidInput) -> list[ParameterError]:
    return [field for field in error.errors if isinstance(field, ParameterError)]


def test_a_year_is_not_too_long() -> None:
    query = query_of("2024-01-01", "2024-12-31", [], None, TODAY)
    assert (query.last_day - query.first_day).days == 365


def test_no_report_without_an_end(tmp_path: Path) -> None:
    with at(tmp_path / "usage.db") as database, database.transaction() as connection:
        rows = {
            Place("2026-11-30", f"k{number}", "t", "t", "1", "a", "m", "ok"): [1] * 9 for number in range(MOST_ROWS + 1)
        }
        add(connection, "w", 1, rows)
        with pytest.raises(InvalidInput, match="group by less"):
            read_rows(connection, query_of(None, None, [KEY], None, TODAY))
        assert read_rows(connection, query_of(None, None, [DAY], None, TODAY))[0].requests == MOST_ROWS + 1
