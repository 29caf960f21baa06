"""Where replies are kept, and who may serve a key: one row for each key of a caller, an operation and a window."""

import asyncio
import hashlib
import json
import logging
import uuid
from dataclasses import dataclass

import sqlalchemy as sa

from app.idempotency.reply import Reply
from app.problems import ProblemError
from app.sections import IdempotencySettings
from app.store.database import Database, insert_into, metadata, now_ms

__all__ = ["Claim", "ReplyStore", "scope_digest"]

_log = logging.getLogger("copydesk.idempotency")
_AGAIN_S = 1.0
_PURGED_AT_ONCE = 200
_LONGEST_PAUSE_S = 300.0

_replies = sa.Table(
    "idempotent_replies",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("key_id", sa.String(32), nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("ticket", sa.String(32), nullable=False),
    sa.Column("lease", sa.String(32), nullable=False),
    sa.Column("leased_until", sa.BigInteger, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("headers", sa.Text),
    sa.Column("body", sa.LargeBinary),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Index("idempotent_replies_by_expiry", "expires_at"),
)
"""`id` is a digest of the caller, the operation and the key. Whoever holds `lease` serves it until `leased_until`; a
row without a status whose lease is over is free. `ticket` stays the same for all tries of one request."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to serve a key. `ticket` names the request, however often it is tried; `lease` this try."""

    id: str
    ticket: str
    lease: str


def scope_digest(key_id: str, method: str, path: str, key: str) -> str:
    """What makes two keys the same: 64 hex digits."""
    return hashlib.sha256("\0".join((key_id, method, path, key)).encode()).hexdigest()


class ReplyStore:
    """The replies of all workers, in the service's database."""

    def __init__(self, database: Database, settings: IdempotencySettings) -> None:
        self._database = database
        self._lease_ms = round(settings.lease_s * 1000)
        self._window_ms = round(settings.window_s * 1000)

    async def claim(self, id: str, key_id: str, fingerprint: str) -> Claim | Reply:
        """The right to serve a request, or the reply that was kept of it; of several who ask, one gets the right.

        Raises ProblemError where the key belongs to another request, or where another try is being served.
        """
        claim = Claim(id, uuid.uuid4().hex, uuid.uuid4().hex)
        return await self._database.run(lambda connection: self._claimed(connection, claim, key_id, fingerprint))

    def _claimed(self, connection: sa.Connection, claim: Claim, key_id: str, fingerprint: str) -> Claim | Reply:
        now = now_ms()
        values = {
            "id": claim.id,
            "key_id": key_id,
            "fingerprint": fingerprint,
            "ticket": claim.ticket,
            "lease": claim.lease,
            "leased_until": now + self._lease_ms,
            "status": None,
            "headers": None,
            "body": None,
            "expires_at": now + max(self._window_ms, self._lease_ms),
        }
        insert = insert_into(connection, _replies).values(values).on_conflict_do_nothing().returning(_replies.c.id)
        if connection.execute(insert).first():  # PostgreSQL waits here for whoever inserts the same one
            return claim
        found = connection.execute(sa.select(_replies).where(_replies.c.id == claim.id).with_for_update()).one_or_none()
        if found is None:  # purged a moment ago
            raise _in_progress()
        is_same = found.fingerprint == fingerprint and found.expires_at > now
        if found.expires_at > now and (found.status is not None or found.leased_until > now):
            return self._known(found, is_same=is_same)
        taken = Claim(claim.id, found.ticket if is_same else claim.ticket, claim.lease)
        connection.execute(
            sa.update(_replies).where(_replies.c.id == claim.id).values({**values, "ticket": taken.ticket})
        )
        return taken

    @staticmethod
    def _known(found: sa.Row[tuple[object, ...]], *, is_same: bool) -> Reply:
        if not is_same:
            raise ProblemError(
                "idempotency_key_reused",
                "The Idempotency-Key was sent before with another body. Send a new key with each new request.",
            )
        if found.status is None:
            raise _in_progress()
        headers = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in json.loads(found.headers))
        return Reply(found.status, headers, found.body)

    async def renew(self, claim: Claim) -> bool:
        """Extend the lease; whether it was still held."""
        now = now_ms()
        expires_at = now + max(self._window_ms, self._lease_ms)
        return await self._update(claim, leased_until=now + self._lease_ms, expires_at=expires_at)

    async def keep(self, claim: Claim, reply: Reply) -> bool:
        """Keep the reply from now on for the window; whether the lease was still held."""
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in reply.headers]
        return await self._update(
            claim,
            status=reply.status,
            headers=json.dumps(headers),
            body=reply.body,
            expires_at=now_ms() + self._window_ms,
        )

    async def release(self, claim: Claim) -> bool:
        """Let the next try be served at once; whether the lease was still held."""
        return await self._update(claim, leased_until=0)

    async def _update(self, claim: Claim, **values: object) -> bool:
        mine = (_replies.c.id == claim.id) & (_replies.c.lease == claim.lease) & _replies.c.status.is_(None)
        statement = sa.update(_replies).where(mine).values(values)
        return await self._database.run(lambda connection: connection.execute(statement).rowcount == 1)

    async def purge(self) -> None:
        """Delete what has expired now and then, until cancelled."""
        pause = min(self._window_ms / 2000, _LONGEST_PAUSE_S)
        while True:
            await asyncio.sleep(pause)
            try:
                while await self._database.run(_purged) == _PURGED_AT_ONCE:
                    pass
            except sa.exc.SQLAlchemyError as error:
                _log.warning("what has expired could not be deleted: %s", type(error).__name__)


def _purged(connection: sa.Connection) -> int:
    expired = sa.select(_replies.c.id).where(_replies.c.expires_at <= now_ms()).limit(_PURGED_AT_ONCE)
    return connection.execute(sa.delete(_replies).where(_replies.c.id.in_(expired))).rowcount


def _in_progress() -> ProblemError:
    return ProblemError(
        "idempotency_in_progress",
        "A request with this Idempotency-Key is being served. Send the request again a little later to get its reply.",
        retry_after_s=_AGAIN_S,
    )
