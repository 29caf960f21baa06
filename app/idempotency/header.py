"""The header `Idempotency-Key`, as the IETF's draft-ietf-httpapi-idempotency-key-header has it, or bare."""

import re
from collections.abc import Iterable

from app.problems import ProblemError

__all__ = ["NAME", "read_key"]

NAME = b"idempotency-key"
_MOST_CHARACTERS = 255
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
"""A string of RFC 8941, section 3.3.3: printable ASCII, in which a quote and a backslash are escaped."""
_BARE = re.compile(r"[!#-+\--~]+")
"""What most clients send: visible ASCII without a quote or a comma, which separates several."""
_ESCAPED = re.compile(r"\\(.)")


def read_key(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The key of a request, without its quotes; None where it has none. Raises ProblemError for one that is none."""
    values = [value for name, value in headers if name == NAME]
    if not values:
        return None
    if len(values) > 1:
        raise _wrong("stands twice; send it once")
    value = values[0].decode("latin-1").strip()
    quoted = _QUOTED.fullmatch(value)
    if quoted is None and not _BARE.fullmatch(value):
        raise _wrong('is no key; send a string like "8e03978e-40d5-43dd-bc93-6894a57f9324", with or without its quotes')
    key = _ESCAPED.sub(r"\1", quoted[1]) if quoted else value
    if not 1 <= len(key) <= _MOST_CHARACTERS:
        raise _wrong(f"has {len(key)} characters; send 1 to {_MOST_CHARACTERS}")
    return key


def _wrong(what: str) -> ProblemError:
    return ProblemError("idempotency_key_invalid", f"The header Idempotency-Key {what}.")
