"""What a model server does, in words that fit every kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

__all__ = ["PROMPT", "SECRET", "SHORT", "TOKENS", "TOO_LONG", "Door", "Situation"]

TOKENS = ("Grüße", " 👩‍👩‍👧", " 你好", " and", " goodbye.")
"""The canned answer, token by token: characters of one to four bytes, and one of several code points."""

TOO_LONG = (400, 256)
"""A prompt's words, and the context of the server that it is too long for."""

SECRET = "caller-text-42"
PROMPT = f"{SECRET} " * TOO_LONG[0]
SHORT = f"Say hello, {SECRET}."
"""What is asked: a text that no error may quote, one that is too long, and one that isn't."""


class Door(str, Enum):
    """How the way to the server ends before any request."""

    OPEN = "open"
    REFUSED = "nothing listens there"
    NO_ANSWER = "the connection is neither taken nor refused"
    NO_SUCH_HOST = "the host name has no address"
    NO_TLS = "what listens there speaks no TLS"


@dataclass(frozen=True, slots=True)
class Situation:
    """One answer, and what goes wrong with it. Positions count tokens: 0 is before the first one.

    tokens, token_s   the answer, and the wait before each token
    status            in place of an answer, with retry_after as its header
    content_type      of what comes in place of an answer, with status 200
    stall_after       nothing more comes, while the connection stays open
    cut_after         the connection is cut
    end_after         the body ends as HTTP wants it, without the protocol's own end
    malformed_after   something stands there that is not the protocol's
    error_after       the protocol's own error, after HTTP 200
    repeats           one token again and again, until the server's repeat guard ends the answer
    write_bytes       the size of the pieces in which the body is sent
    too_long          the server finds the prompt too long: TOO_LONG
    keys              of the backend's configuration
    """

    tokens: tuple[str, ...] = TOKENS
    token_s: float = 0
    door: Door = Door.OPEN
    status: int | None = None
    retry_after: str | None = None
    content_type: str | None = None
    stall_after: int | None = None
    cut_after: int | None = None
    end_after: int | None = None
    malformed_after: int | None = None
    error_after: int | None = None
    repeats: bool = False
    write_bytes: int | None = None
    too_long: bool = False
    keys: Mapping[str, float] | None = None
