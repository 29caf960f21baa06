"""What counts as what, and what an item of a job is asked for."""

from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.caller import CallerLimits
from app.keys import Demand, Keyring, Quotas, demand_of
from app.keys.budget import Spent, budget_problem
from app.keys.counters import Counters
from app.keys.quotas import rate_headers
from app.keys.windows import Standing
from app.problems import ProblemError
from app.sections import KeySettings, LimitSettings
from app.store import Database
from tests.app.keys.holders import connected, new_key, revoke

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Ledger:
    """A `Spending` by hand."""

    def __init__(self) -> None:
        self.sums: dict[str, Spent] = {}

    def spent(self, key_id: str) -> Spent:
        return self.sums.get(key_id, Spent())


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/keys.db"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    with connected(url) as found:
        yield found


@pytest.mark.parametrize(
    ("method", "path", "demand"),
    [
        pytest.param("POST", "/v1/summarize", Demand.TOKENS, id="a task"),
        pytest.param("POST", "/v1/summarize/stream", Demand.TOKENS, id="a stream"),
        pytest.param("POST", "/v1/summarize/batch", Demand.TOKENS, id="a batch"),
        pytest.param("POST", "/v1/jobs", Demand.TOKENS, id="a job"),
        pytest.param("POST", "/v1/jobs/x/cancel", Demand.REQUEST, id="a cancellation"),
        pytest.param("POST", "/v1/prompts/summarize/render", Demand.REQUEST, id="a rendering"),
        pytest.param("GET", "/v1/jobs", Demand.NOTHING, id="reading"),
        pytest.param("DELETE", "/v1/jobs/x", Demand.NOTHING, id="deleting"),
        pytest.param("GET", "/healthz", Demand.NOTHING, id="health"),
    ],
)
def test_what_an_operation_asks_of_the_limits(method: str, path: str, demand: Demand) -> None:
    assert demand_of(method, path) is demand


async def refusal(quotas: Quotas, key_id: str) -> str | None:
    try:
        await quotas.check_item(key_id)
    except ProblemError as error:
        return error.code
    return None


async def test_items_of_jobs_are_held_to_tokens_and_budget_alone(database: Database, url: str) -> None:
    plain, limited = new_key(url), new_key(url, requests_per_minute=1, concurrency=1, tokens_per_minute=100)
    budgeted, revoked = new_key(url, monthly_tokens=1000, monthly_usd=1.0), new_key(url)
    keyring, spending = Keyring(database, KeySettings()), Ledger()
    quotas = Quotas(keyring, Counters(LimitSettings(), 1), spending)
    await keyring.refresh()
    async with AsyncExitStack() as stack:
        caller = await keyring.caller(limited.text())
        await stack.enter_async_context(quotas.admitted(caller, Demand.TOKENS, {}))
        for key_id in (plain.id, limited.id, budgeted.id, revoked.id, "anonymous"):
            assert await refusal(quotas, key_id) is None
        with pytest.raises(ProblemError) as caught:
            await stack.enter_async_context(quotas.admitted(caller, Demand.TOKENS, {}))
        assert caught.value.code == "concurrency_limited"
    quotas.charge(limited.id, 100)
    quotas.charge(plain.id, 10**9)
    quotas.charge("anonymous", 10**9)
    await keyring.refresh()  # what was charged is counted meanwhile
    spending.sums[budgeted.id] = Spent(tokens=999, usd=1.0)
    revoke(url, revoked)
    await keyring.refresh()
    found = [await refusal(quotas, key_id) for key_id in (plain.id, limited.id, budgeted.id, revoked.id, "anonymous")]
    assert found == [None, "tokens_limited", "budget_exhausted", "key_invalid", None]


async def test_a_refused_request_keeps_no_slot_and_tells_what_is_left(database: Database, url: str) -> None:
    key = new_key(url, requests_per_minute=1, concurrency=1)
    keyring = Keyring(database, KeySettings())
    quotas = Quotas(keyring, Counters(LimitSettings(), 1), Ledger())
    caller = await keyring.caller(key.text())
    codes = []
    for _ in range(3):
        told: dict[str, str] = {}
        try:
            async with quotas.admitted(caller, Demand.REQUEST, told):
                codes.append("in")
        except ProblemError as error:
            codes.append(error.code)
        assert told["ratelimit-remaining"] == "0"
    assert codes == ["in", "rate_limited", "rate_limited"]


NOON = datetime(2026, 12, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("limits", "spent", "words"),
    [
        pytest.param({}, Spent(10**12, 1e6), None, id="no budget"),
        pytest.param({"monthly_tokens": 100}, Spent(99, 1e6), None, id="tokens left"),
        pytest.param({"monthly_tokens": 100}, Spent(100, 0), "100 of the 100 tokens", id="tokens used"),
        pytest.param({"monthly_usd": 0.1}, Spent(10**12, 0.09), None, id="money left"),
        pytest.param({"monthly_usd": 0.1}, Spent(0, 0.1), "0.10 of the 0.10 US dollars", id="money used"),
        pytest.param({"monthly_usd": 0.0}, Spent(), "0.00 of the 0.00 US dollars", id="no money at all"),
    ],
)
def test_a_budget_lasts_until_the_month_ends(limits: dict[str, Any], spent: Spent, words: str | None) -> None:
    problem = budget_problem(CallerLimits(**limits), spent, NOON)
    if words is None:
        assert problem is None
        return
    assert problem is not None
    assert words in problem.detail
    assert "2027-01-01" in problem.detail
    assert problem.retry_after_s == timedelta(hours=12).total_seconds()


@pytest.mark.parametrize(
    ("standings", "headers"),
    [
        pytest.param([], {}, id="no limit"),
        pytest.param(
            [Standing("requests", 60, 59, 0.2)],
            {
                "ratelimit-limit": "60",
                "ratelimit-remaining": "59",
                "ratelimit-reset": "1",
                "ratelimit-policy": '60;w=60;comment="requests"',
            },
            id="one",
        ),
        pytest.param(
            [Standing("requests", 60, 30, 9.0), Standing("tokens", 1000, 499, 41.5)],
            {
                "ratelimit-limit": "1000",
                "ratelimit-remaining": "499",
                "ratelimit-reset": "42",
                "ratelimit-policy": '60;w=60;comment="requests", 1000;w=60;comment="tokens"',
            },
            id="the closest of two",
        ),
    ],
)
def test_the_headers(standings: list[Standing], headers: dict[str, str]) -> None:
    assert rate_headers(standings) == headers
