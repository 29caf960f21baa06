"""Who is calling."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request

from app.problems import ProblemError

__all__ = ["ANONYMOUS", "Caller", "needs"]


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of an API key, and what the key may do. Every request's scope carries one under `caller`."""

    key_id: str
    scopes: frozenset[str]


ANONYMOUS = Caller(key_id="anonymous", scopes=frozenset({"tasks", "metrics", "prompts:read"}))
"""Whoever reaches a service that listens on loopback only and has no keys: somebody on this machine."""


def needs(scope: str) -> Callable[[Request], None]:
    """A dependency of operations: refuses callers whose key lacks the scope."""

    def check(request: Request) -> None:
        if scope not in request.scope["state"]["caller"].scopes:
            raise ProblemError("scope_missing", f"This operation needs the scope {scope}, which your key doesn't have.")

    return check
