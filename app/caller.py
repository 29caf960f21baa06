"""Who is calling, and what the caller may do."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request

from app.problems import ProblemError
from chains.task import TaskInput

__all__ = ["ANONYMOUS", "Caller", "CallerLimits", "caller_of", "check_request", "needs"]


@dataclass(frozen=True, slots=True)
class CallerLimits:
    """What a key may use; None is without a bound. Budgets are those of a calendar month in UTC."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None
    monthly_tokens: int | None = None
    monthly_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of an API key, and what the key may do. Every request's scope carries one under `caller`."""

    key_id: str
    scopes: frozenset[str]
    limits: CallerLimits = field(default=CallerLimits())


ANONYMOUS = Caller(
    key_id="anonymous",
    scopes=frozenset({"tasks", "backends", "labels", "drafts", "metrics", "prompts:read", "usage"}),
)
"""Whoever reaches a service that listens on loopback only and has no keys: somebody on this machine."""


def caller_of(request: Request) -> Caller:
    """Whose request it is."""
    caller: Caller = request.scope["state"]["caller"]
    return caller


def needs(scope: str) -> Callable[[Request], None]:
    """A dependency of operations: refuses callers whose key lacks the scope."""

    def check(request: Request) -> None:
        if scope not in caller_of(request).scopes:
            raise ProblemError("scope_missing", f"This operation needs the scope {scope}, which your key doesn't have.")

    return check


def check_request(caller: Caller, task: str, body: TaskInput | Any) -> None:
    """Whether the caller's key may have this task answered, with what its input names.

    Every way to a task asks: single requests, streams, items of batches and of jobs. Raises ProblemError.
    """
    if "tasks" not in caller.scopes and f"tasks:{task}" not in caller.scopes:
        raise ProblemError("scope_missing", f"Your key doesn't have the scope tasks:{task}.")
