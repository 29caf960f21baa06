"""What a key may do, by the names of scopes."""

from collections.abc import Iterable

__all__ = ["DEFAULT_SCOPES", "EVERY_SCOPE", "scope_problems"]

_MEANINGS = {
    "tasks": "all tasks, also in streams, batches and jobs; tasks:NAME is one of them",
    "backends": "naming a backend in a request; backends:NAME is one of them",
    "labels": "naming a label or a released version of a prompt in a request; labels:NAME is one of them",
    "drafts": "naming any version of a prompt, where prompts.allow_drafts lets drafts serve",
    "metrics": "/metrics",
    "prompts:read": "reading prompts and rendering them",
    "usage": "the usage of all keys; that of one's own needs no scope",
}
_WITH_NAMES = ("tasks", "backends", "labels")

EVERY_SCOPE = frozenset(_MEANINGS)
"""What the key of `keys.first_key_file` may do."""

DEFAULT_SCOPES = ("tasks",)
"""What a plain application needs."""


def scope_problems(scopes: Iterable[str]) -> list[str]:
    """What is wrong about scopes that somebody wrote: one line for each that doesn't exist."""
    known = ", ".join([*_MEANINGS, *(f"{kind}:NAME" for kind in _WITH_NAMES)])
    return [f"there is no scope {scope!r}; the scopes are {known}" for scope in scopes if not _exists(scope)]


def _exists(scope: str) -> bool:
    kind, colon, name = scope.partition(":")
    return scope in _MEANINGS or (kind in _WITH_NAMES and bool(colon) and bool(name.strip()))
