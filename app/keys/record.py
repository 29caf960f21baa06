"""A key as it is kept, and whether a secret opens it."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from app.caller import Caller, CallerLimits
from app.keys.secret import digest

__all__ = ["KeyRecord", "Match", "match"]

_NO_DIGEST = "0" * 64
"""Compared where there is none: no secret with this hash is known, and none will be found."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One key. Times are epoch milliseconds; `previous_sha256` is of the secret before the last rotation, which holds
    until `previous_until`."""

    id: str
    name: str
    secret_sha256: str = field(repr=False)
    scopes: frozenset[str]
    created_at: int
    limits: CallerLimits = field(default=CallerLimits())
    previous_sha256: str | None = field(default=None, repr=False)
    previous_until: int | None = None
    expires_at: int | None = None
    revoked_at: int | None = None

    def caller(self) -> Caller:
        return Caller(self.id, self.scopes, self.limits)

    def is_usable(self, now: int) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class Match:
    """Whether a secret is the key's own, and what stands against its use; `refusal` is for its holder only."""

    is_holder: bool
    refusal: str | None = None


def match(
    record: KeyRecord | None, secret: str, now: int, compare: Callable[[str, str], bool] = hmac.compare_digest
) -> Match:
    """Compare a secret with a key's, in a time that tells nothing: neither how much of it is right, nor whether there
    is such a key. Two hashes are compared each time."""
    given = digest(secret)
    current = compare(given, record.secret_sha256 if record else _NO_DIGEST)
    previous = compare(given, (record.previous_sha256 if record else None) or _NO_DIGEST)
    if record is None or not (current or previous):
        return Match(is_holder=False)
    return Match(is_holder=True, refusal=_refusal(record, now, is_previous=not current))


def _refusal(record: KeyRecord, now: int, *, is_previous: bool) -> str | None:
    if record.revoked_at is not None:
        return f"The key {record.id} was revoked."
    if record.expires_at is not None and now >= record.expires_at:
        return f"The key {record.id} has expired."
    if is_previous and now >= (record.previous_until or 0):
        return f"The key {record.id} has a new secret, and this one no longer holds."
    return None
