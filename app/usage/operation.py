"""GET /v1/usage: what one's own requests cost; with the scope `usage`, those of all keys."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import WithJsonSchema

from app.caller import Caller, caller_of
from app.problems import REFUSALS, ProblemError
from app.usage.books import UsageBooks
from app.usage.contract import UsageGroup, UsageReport
from app.usage.report import MOST_DAYS, check_known, query_of, read_rows, report_of

__all__ = ["usage_router"]

_DAY = WithJsonSchema({"type": "string", "format": "date"})
_FIRST = "The first day, as 2026-11-30; days are those of UTC. Else the first of the last day's month."
_LAST = f"The last day; else today. At most {MOST_DAYS} days."
_GROUPS = "By what sums are told apart, sent once for each; else by day and task."
_KEY = "The id of one key; without it the scope `usage` shows all, and everybody else their own."


def usage_router(books: UsageBooks) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["usage"], responses={**REFUSALS})

    @router.get(
        "/usage",
        operation_id="getUsage",
        summary="Tell what requests cost: tokens, money, and estimates of energy and water",
        response_model_exclude_none=True,
    )
    async def usage(
        request: Request,
        first: Annotated[str | None, Query(alias="from", description=_FIRST), _DAY] = None,
        last: Annotated[str | None, Query(alias="to", description=_LAST), _DAY] = None,
        group_by: Annotated[list[UsageGroup] | None, Query(max_length=len(UsageGroup), description=_GROUPS)] = None,
        key: Annotated[str | None, Query(min_length=1, max_length=100, description=_KEY)] = None,
    ) -> UsageReport:
        """Sums of one's own requests, or with the scope `usage` of all keys', as the model servers counted tokens."""
        query = query_of(first, last, group_by or (), _whose(caller_of(request), key))
        await books.flush()  # so that callers find what they have just done
        rows = await books.database.run(lambda connection: read_rows(connection, query))
        if key is not None and not rows and key != caller_of(request).key_id:
            await books.database.run(lambda connection: check_known(connection, key))
        return report_of(query, rows, books.footprint)

    return router


def _whose(caller: Caller, key: str | None) -> str | None:
    if "usage" in caller.scopes:
        return key
    if key is not None and key != caller.key_id:
        raise ProblemError(
            "scope_missing",
            "To see what another key used, yours needs the scope usage. Name no key: then you see yours.",
        )
    return caller.key_id
