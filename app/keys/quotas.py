"""Whether a key may have more now: requests and tokens per minute, requests at once, the month's budget."""

import math
from collections.abc import AsyncIterator, Callable, MutableMapping, Sequence
from contextlib import asynccontextmanager
from enum import Enum

from app.caller import Caller, CallerLimits
from app.keys.budget import Spending, budget_problem
from app.keys.counters import Counters
from app.keys.keyring import Keyring
from app.keys.windows import WINDOW_S, Standing
from app.problems import ProblemError
from chains.account import Account

__all__ = ["Demand", "Quotas", "demand_of", "rate_headers"]

_NO_LIMITS = CallerLimits()
_BUSY_S = 1.0
"""When another try has a chance where all slots are taken: nobody knows how long the others take."""


class Demand(Enum):
    """What an operation asks of a key's limits."""

    NOTHING = "nothing"  # reading
    REQUEST = "request"  # counted, and let in also where tokens or budget are used up: it spends none
    TOKENS = "tokens"  # counted, and a model may be asked


def demand_of(method: str, path: str) -> Demand:
    """Every POST under /v1 is counted. Rendering a prompt, and what is done to a job that exists, spends no tokens."""
    if method != "POST" or not path.startswith("/v1/"):
        return Demand.NOTHING
    spends_none = path.startswith(("/v1/prompts/", "/v1/jobs/"))
    return Demand.REQUEST if spends_none else Demand.TOKENS


class Quotas:
    """The limits of all keys. It is a `Books` (chains/account.py): what requests cost is charged to their keys."""

    def __init__(self, keyring: Keyring, counters: Counters, spending: Spending) -> None:
        self._keyring = keyring
        self._counters = counters
        self._spending = spending

    @asynccontextmanager
    async def admitted(self, caller: Caller, demand: Demand, told: MutableMapping[str, str]) -> AsyncIterator[None]:
        """Let a request in for as long as the block runs. `told` gets the headers that every response has then, also
        where it is refused: ProblemError with `rate_limited`, `tokens_limited`, `concurrency_limited` or
        `budget_exhausted`."""
        if caller.limits == _NO_LIMITS:
            yield
            return
        give_back: Callable[[], None] | None = None
        standings: list[Standing] = []
        try:
            try:
                await self._check_spending(caller.key_id, caller.limits, standings, spends=demand is Demand.TOKENS)
                if demand is not Demand.NOTHING:
                    give_back = await self._slot(caller)
                    await self._count(caller)
            finally:
                told.update(rate_headers([*await self._requests(caller), *standings]))
            yield
        finally:
            if give_back is not None:
                give_back()

    async def check_item(self, key_id: str) -> None:
        """Whether one more item of a key's job may be done now: tokens per minute and the budget count, requests per
        minute and concurrency don't. Raises ProblemError: `tokens_limited` (with `retry_after_s`), `budget_exhausted`,
        and `key_invalid` where the key was revoked meanwhile."""
        record = self._keyring.find(key_id)
        if record is None:  # whoever is on this machine, on a service without keys
            return
        if record.revoked_at is not None:
            raise ProblemError("key_invalid", f"The key {key_id} was revoked.")
        await self._check_spending(key_id, record.limits, [], spends=True)

    def settled(self, account: Account) -> None:
        """Charge what a request cost, tokens in and out, however it ended."""
        usage = account.usage
        self.charge(account.caller, usage.input_tokens + usage.output_tokens)

    def charge(self, key_id: str, tokens: int) -> None:
        """Charge tokens to a key's minute."""
        record = self._keyring.find(key_id)
        if tokens and record is not None and record.limits.tokens_per_minute is not None:
            self._counters.spend(key_id, record.limits.tokens_per_minute, tokens)

    async def _check_spending(
        self, key_id: str, limits: CallerLimits, standings: list[Standing], *, spends: bool
    ) -> None:
        """Note how the tokens of the minute stand, and refuse who spends more than there is."""
        if limits.tokens_per_minute is not None:
            standings.append(await self._counters.tokens(key_id, limits.tokens_per_minute))
        if not spends:
            return
        problem = budget_problem(limits, self._spending.spent(key_id)) if _has_budget(limits) else None
        if problem is not None:
            raise problem
        used_up = next((standing for standing in standings if standing.remaining == 0), None)
        if used_up is not None:
            detail = f"The {used_up.limit} tokens per minute of your key are used up."
            raise ProblemError("tokens_limited", detail, retry_after_s=used_up.reset_s)

    async def _slot(self, caller: Caller) -> Callable[[], None] | None:
        concurrency = caller.limits.concurrency
        if concurrency is None:
            return None
        give_back = await self._counters.take_slot(caller.key_id, concurrency)
        if give_back is None:
            detail = f"As many requests of your key are running as may at once: {concurrency}."
            raise ProblemError("concurrency_limited", detail, retry_after_s=_BUSY_S)
        return give_back

    async def _count(self, caller: Caller) -> None:
        per_minute = caller.limits.requests_per_minute
        if per_minute is not None and not await self._counters.count_request(caller.key_id, per_minute):
            (standing,) = await self._requests(caller)
            detail = f"Your key may send {standing.limit} requests per minute, and has."
            raise ProblemError("rate_limited", detail, retry_after_s=standing.reset_s)

    async def _requests(self, caller: Caller) -> list[Standing]:
        per_minute = caller.limits.requests_per_minute
        return [] if per_minute is None else [await self._counters.requests(caller.key_id, per_minute)]


def _has_budget(limits: CallerLimits) -> bool:
    return limits.monthly_tokens is not None or limits.monthly_usd is not None


def rate_headers(standings: Sequence[Standing]) -> dict[str, str]:
    """The `RateLimit-*` headers of draft-ietf-httpapi-ratelimit-headers-06, the last one with a header for each value:
    limit, remaining and reset are of the limit that is the closest to being reached, as its section 3 wants it;
    `RateLimit-Policy` lists all of them."""
    if not standings:
        return {}
    closest = min(standings, key=lambda standing: standing.remaining / standing.limit)
    policies = (f'{standing.limit};w={WINDOW_S};comment="{standing.unit}"' for standing in standings)
    return {
        "ratelimit-limit": str(closest.limit),
        "ratelimit-remaining": str(closest.remaining),
        "ratelimit-reset": str(math.ceil(closest.reset_s)),
        "ratelimit-policy": ", ".join(policies),
    }
