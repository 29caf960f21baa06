"""Who is calling."""

from dataclasses import dataclass

__all__ = ["ANONYMOUS", "Caller"]


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of an API key, and what the key may do. Every request's scope carries one under `caller`."""

    key_id: str
    scopes: frozenset[str]


ANONYMOUS = Caller(key_id="anonymous", scopes=frozenset({"tasks", "metrics", "prompts:read"}))
"""Whoever reaches a service that listens on loopback only and has no keys: somebody on this machine."""
