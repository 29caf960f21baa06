"""Requests that may be sent twice: with an `Idempotency-Key`, only the first one is served, and its reply is kept."""

from app.idempotency.middleware import Idempotency
from app.idempotency.store import ReplyStore

__all__ = ["Idempotency", "ReplyStore"]
