"""Who is calling, and what the caller may do."""

from collections.abc import Callable
from dataclasses import dataclass, field

from fastapi import Request
from semver import Version

from app.problems import ProblemError
from chains.task import TaskInput

__all__ = ["ANONYMOUS", "NOBODY", "Caller", "CallerLimits", "caller_of", "check_request", "needs"]


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


NOBODY = Caller(key_id="-", scopes=frozenset())
"""Whoever asks what is open to all, and may do nothing else."""


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


def check_request(caller: Caller, task: str, body: TaskInput) -> None:
    """Whether the caller's key may have this task answered, with the backend and the prompt that its input names.

    Every way to a task asks: single requests, streams, items of batches and of jobs. Which version is a draft only the
    runner knows: it asks whether the key has the scope `drafts`. Raises ProblemError.
    """
    if not _has(caller, "tasks", task):
        raise ProblemError("scope_missing", f"Your key doesn't have the scope tasks:{task}.")
    if body.backend is not None and not _has(caller, "backends", body.backend):
        raise ProblemError(
            "scope_missing",
            f"To name a backend, a key needs the scope backends:{body.backend}. Name none: then the route decides.",
        )
    if body.prompt is not None and not _may_name(caller, body.prompt):
        raise ProblemError(
            "scope_missing",
            f"To name a prompt's version or label, a key needs the scope labels:{body.prompt}. Name none: then "
            "production answers.",
        )


def _has(caller: Caller, kind: str, name: str) -> bool:
    return kind in caller.scopes or f"{kind}:{name}" in caller.scopes


def _may_name(caller: Caller, prompt: str) -> bool:
    """Who may name drafts may name any version, and no label by that."""
    return _has(caller, "labels", prompt) or ("drafts" in caller.scopes and Version.is_valid(prompt))
